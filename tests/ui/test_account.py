"""A new password by mail, and a second factor at every log-in."""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path

import pyotp
from browsing import Browser, problems, somebody

from entrepot.testing.world import PASSWORD, World

NEW = "another sentence nobody guesses"


def mails(world: World) -> list[email.message.EmailMessage]:
    folder = Path(world.house_of("identity").config.folder) / "mail"
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime) if folder.exists() else []
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]  # type: ignore[misc]


def link_to(world: World, address: str) -> str:
    """The path of the link in the newest mail to this address."""
    mail = [found for found in mails(world) if found["To"] == address][-1]
    found = re.search(r"http://127\.0\.0\.1:8000(/reset\?token=\S+)", mail.get_content())
    assert found is not None
    return found.group(1)


async def test_a_forgotten_password_is_replaced_by_mail_once(house_world: World) -> None:
    _, person = await somebody(house_world)
    address = f"{person.tenant.hex[-12:]}@pages.test"
    browser = Browser(house_world)
    response = await browser.post("/forgot", {"email": address.upper()}, status=200)
    assert "a mail with a link is on its way" in response.text
    await house_world.settle()
    link = link_to(house_world, address)
    assert "Choose a new password" in await browser.get(link)
    token = link.partition("token=")[2]
    weak = await browser.post("/reset", {"token": token, "password": "short"}, status=422)
    assert problems(weak.text) == ["must have at least 12 characters"]
    await browser.post("/reset", {"token": token, "password": NEW})
    await browser.post("/login", {"email": address, "password": PASSWORD}, status=401)
    await browser.post("/login", {"email": address, "password": NEW})
    again = await browser.post("/reset", {"token": token, "password": "yet another long sentence"}, status=422)
    assert problems(again.text) == ["this link is not valid any more; ask for a new one"]


async def test_an_unknown_address_gets_the_same_answer_and_no_mail(house_world: World) -> None:
    browser = Browser(house_world)
    before = len(mails(house_world))
    response = await browser.post("/forgot", {"email": "nobody@nowhere.test"}, status=200)
    assert "a mail with a link is on its way" in response.text
    await house_world.settle()
    assert len(mails(house_world)) == before


async def test_the_link_does_not_follow_the_host_of_the_request(house_world: World) -> None:
    _, person = await somebody(house_world)
    address = f"{person.tenant.hex[-12:]}@pages.test"
    browser = Browser(house_world)
    await browser.post("/forgot", {"email": address}, status=200, host="evil.test", origin="http://evil.test")
    await house_world.settle()
    assert link_to(house_world, address).startswith("/reset?token=")


async def test_a_reset_ends_every_session(house_world: World) -> None:
    logged_in, person = await somebody(house_world)
    address = f"{person.tenant.hex[-12:]}@pages.test"
    browser = Browser(house_world)
    await browser.post("/forgot", {"email": address}, status=200)
    await house_world.settle()
    await browser.post("/reset", {"token": link_to(house_world, address).partition("token=")[2], "password": NEW})
    response = await logged_in.call("GET", "/users")
    assert (response.status_code, response.headers["location"]) == (303, "/login?next=%2Fusers")


async def test_a_second_factor_is_asked_at_every_log_in(house_world: World) -> None:
    browser, person = await somebody(house_world)
    address = f"{person.tenant.hex[-12:]}@pages.test"
    html = await browser.get("/me")
    found = re.search(r'name="secret" value="([A-Z2-7]{32})"', html)
    assert found is not None
    secret = found.group(1)
    wrong = await browser.post("/me", {"secret": secret, "code": "000000"}, status=422)
    assert problems(wrong.text) == ["this code is not right; look at the app again"]
    await browser.post("/me", {"secret": secret, "code": pyotp.TOTP(secret).now()})
    other = Browser(house_world)
    asked = await other.post("/login", {"email": address, "password": PASSWORD}, status=422)
    assert problems(asked.text) == ["enter the code of your authenticator app"]
    assert 'autocomplete="one-time-code"' in asked.text
    await other.post("/login", {"email": address, "password": PASSWORD, "code": "111111"}, status=422)
    response = await other.post("/login", {"email": address, "password": PASSWORD, "code": pyotp.TOTP(secret).now()})
    assert response.headers["location"] == "/"
    refused = await person.refused("POST", "/auth/token", {"email": address, "password": PASSWORD}, status=422)
    assert refused["field"] == "code"
    token = {"email": address, "password": PASSWORD, "code": pyotp.TOTP(secret).now()}
    assert (await person.post("/auth/token", token))["token_type"] == "Bearer"


async def test_the_secret_is_kept_sealed(house_world: World) -> None:
    browser, person = await somebody(house_world)
    html = await browser.get("/me")
    secret = re.findall(r'name="secret" value="([A-Z2-7]{32})"', html)[0]
    await browser.post("/me", {"secret": secret, "code": pyotp.TOTP(secret).now()})
    async with house_world.unit(person.tenant, "identity") as ctx:
        kept = await ctx.value("SELECT totp_secret FROM identity.user_account WHERE totp_secret IS NOT NULL")
    assert secret not in kept


async def test_wrong_codes_lock_the_account_like_wrong_passwords(house_world: World) -> None:
    browser, person = await somebody(house_world)
    address = f"{person.tenant.hex[-12:]}@pages.test"
    secret = re.findall(r'name="secret" value="([A-Z2-7]{32})"', await browser.get("/me"))[0]
    await browser.post("/me", {"secret": secret, "code": pyotp.TOTP(secret).now()})
    other = Browser(house_world)
    for _ in range(5):
        await other.post("/login", {"email": address, "password": PASSWORD, "code": "000000"}, status=422)
    right = {"email": address, "password": PASSWORD, "code": pyotp.TOTP(secret).now()}
    response = await other.post("/login", right, status=429)
    assert problems(response.text)[0].startswith("too many wrong passwords; try again in ")


async def test_the_second_factor_is_taken_away_with_a_last_code(house_world: World) -> None:
    browser, person = await somebody(house_world)
    address = f"{person.tenant.hex[-12:]}@pages.test"
    secret = re.findall(r'name="secret" value="([A-Z2-7]{32})"', await browser.get("/me"))[0]
    await browser.post("/me", {"secret": secret, "code": pyotp.TOTP(secret).now()})
    await browser.post("/me", {"drop": "1", "code": "000000"}, status=422)
    await browser.post("/me", {"drop": "1", "code": pyotp.TOTP(secret).now()})
    await Browser(house_world).post("/login", {"email": address, "password": PASSWORD})


async def test_one_chooses_a_pin_for_the_till_and_takes_it_away(house_world: World) -> None:
    browser, person = await somebody(house_world)
    weak = await browser.post("/me/pin", {"pin": "1234"}, status=422)
    assert problems(weak.text) == ["is too easy to guess"]
    await browser.post("/me/pin", {"pin": "2580"})
    assert "The PIN is set" in await browser.get("/me")
    cashiers = await person.get("/pos/cashiers")
    assert len(cashiers) == 1
    await browser.post("/me/pin", {"drop": "1"})
    assert "The PIN is taken away" in await browser.get("/me")
    assert await person.get("/pos/cashiers") == []


async def test_an_administrator_gives_a_pin_on_the_page_of_a_user(house_world: World) -> None:
    browser, person = await somebody(house_world)
    made = await person.post("/users", {"email": "kim@shop.test", "name": "Kim", "roles": ["admin"]}, status=201)
    path = f"/users/{made['id']}"
    assert f'href="{path}/set"' in await browser.get(path)
    assert 'type="password"' in await browser.get(f"{path}/set")
    weak = await browser.post(f"{path}/set", {"pin": "0000"}, status=422)
    assert problems(weak.text)[-1] == "is too easy to guess"
    await browser.post(f"{path}/set", {"pin": "2580"})
    assert await person.get("/pos/cashiers") == [{"id": made["id"], "name": "Kim"}]
    timeline = await browser.get(path)
    assert "2580" not in timeline
    await browser.post(f"{path}/set", {"pin": ""})
    assert await person.get("/pos/cashiers") == []
