"""Input that breaks software: refused clearly with nothing stored, or kept and returned unchanged."""

from __future__ import annotations

import pytest

from tests.journeys.shop import everything, product, sale

NAUGHTY = [
    "", " ", "undefined", "NULL", "null", "true", "0", "-1", "1/0", "$1.00", "0x0", "NaN", "Infinity", "1e999999",
    "'; DROP TABLE catalog.product; --", "' OR 1=1 --", '" onmouseover="alert(1)', "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "javascript:alert(1)", "{{7*7}}", "${7*7}", "%s%s%n", "../../../../etc/passwd",
    "=1+1", "@SUM(A1)", "+1", "-1+1", "\t=1", "田中さんにあげて下さい", "Ṱ̺̺̕o͞ ̷i̲̬͇̪͙n̝̗͕v̟̜̘̦͟o̶̙̰̠kè͚̮", "ﷺ", "👾 🙇 💁", "👩🏽‍❤️‍💋‍👨🏻",
    "\u202etest\u202c", "\u200b", "\ufeff", "a\u0301", "I\u0307", "ß", "ǆ", "Ω≈ç√∫", "¯\\_(ツ)_/¯", "\\", "\\x00", "%00",
    "\x01\x02\x1f", "\x7f", "\u0085", "\u2028", "\r\n", "a" * 10_000, "🏳️‍🌈" * 500,
]  # fmt: skip


async def test_texts_come_back_unchanged(house_world):
    shop = await house_world.tenant()
    for at, text in enumerate(NAUGHTY):
        body = {"name": text, "sku": f"SKU-{at}", "price": "1.00", "description": text}
        if not text.strip():
            await shop.refused("POST", "/products", body, status=422)
            continue
        made = await shop.post("/products", body, status=201)
        assert (made["name"], made["description"]) == (text, text)
        found = await shop.get(f"/products/{made['id']}")
        assert (found["name"], found["variants"][0]["name"]) == (text, text)
        listed = await shop.get("/products", params={"q": text[:100]})
        if text.strip() == text and len(text) < 100:
            assert made["id"] in [row["product_id"] for row in listed], text
    for text in NAUGHTY:
        answer = await shop.call("GET", "/orders", params={"q": text[:500], "sort": text[:500]})
        assert answer.status_code in (200, 400, 422), (text, answer.text)


async def test_what_cannot_be_stored_is_refused_by_name(house_world):
    shop = await house_world.tenant()
    for text in ("a\x00b", "\x00"):
        problem = await shop.refused("POST", "/products", {"name": text, "sku": "X", "price": "1"}, status=422)
        assert problem["fields"][0]["field"] == "name"
    lone = b'{"name": "\\ud800", "sku": "X", "price": "1"}'
    answer = await shop.call("POST", "/products", content=lone, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert (await shop.get("/products")) == []


@pytest.mark.covers("PLT-021", "PLT-022")
async def test_numbers_that_are_none_are_refused(house_world):
    shop = await house_world.tenant()
    await product(shop)
    before = await everything(shop)
    bodies = [
        '"NaN"', '"sNaN"', '"Infinity"', '"-Infinity"', '"1e999999"', '"1E400"', "1e999999", "123456789012345678901234567890",
        '"123456789012345678901234567890.12"', '"1.1234567"', '"abc"', '""', '"1,50"', "true", "null", "[]", "{}",
        "-5", '"-0.01"',
    ]  # fmt: skip
    for number in bodies:
        raw = f'{{"name": "x", "sku": "X", "price": {number}}}'.encode()
        answer = await shop.call("POST", "/products", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (number, answer.status_code, answer.text)
        raw = f'{{"lines": [{{"sku": "COFFEE", "quantity": {number}}}], "payments": [{{"method": "card"}}]}}'.encode()
        answer = await shop.call("POST", "/orders/pos", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (number, answer.status_code, answer.text)
    assert await everything(shop) == before
    assert len(await shop.get("/products")) == 1


async def test_broken_json_is_refused_and_says_so(house_world):
    shop = await house_world.tenant()
    broken = [
        b"{", b"[", b"nul", b"{'a': 1}", b'{"a": }', b'{"a": 1,}', b"\xff\xfe", b'{"name": "\xff"}', b'"\\u12"', b"\x00",
        b"[" * 100_000, b'{"a":' * 100_000, b"\xef\xbb\xbf{}", b"1 2", b"NaN", b'{"name": "x" "sku": "y"}',
    ]  # fmt: skip
    for raw in broken:
        answer = await shop.call("POST", "/products", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), (raw[:30], answer.status_code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Traceback" not in answer.text
    for raw in (b"[]", b"1", b'"text"', b"null", b"true"):
        answer = await shop.call("POST", "/products", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 422
    answer = await shop.call("POST", "/products", content=b"name=x", headers={"content-type": "text/plain"})
    assert answer.status_code == 400
    assert await shop.get("/products") == []


async def test_fields_nobody_asked_for_are_named(house_world):
    shop = await house_world.tenant()
    problem = await shop.refused("POST", "/orders/pos", {**sale(("X", "1")), "discount": "5"}, status=422)
    assert problem["fields"] == [{"field": "discount", "problem": "there is no such field"}]
    problem = await shop.refused(
        "POST", "/orders/pos", {"payments": [], "lines": [{"sku": "X", "quantity": "1", "price": "1"}]}, status=422
    )
    assert problem["fields"] == [{"field": "lines[0].price", "problem": "there is no such field"}]
    dutch = await shop.call("POST", "/products", {"name": "x"}, headers={"accept-language": "nl-NL,nl;q=0.9"})
    assert dutch.json()["detail"] == "dit veld is verplicht"
