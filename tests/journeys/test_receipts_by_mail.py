"""Receipts that leave by mail, to a real SMTP server."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from entrepot.testing.world import World, as_services, one_process, running
from tests.journeys.shop import everything, product, sale


class PostOffice:
    """A server that takes mail in, or refuses it for a while."""

    def __init__(self) -> None:
        self.arrived: list[Any] = []
        self.busy = False
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.busy:
            return "451 try again later"
        self.arrived.append(envelope)
        return "250 OK"

    def letters(self) -> list[tuple[list[str], Any]]:
        return [(e.rcpt_tos, email.message_from_bytes(e.content, policy=email.policy.default)) for e in self.arrived]


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    made = PostOffice()
    controller = Controller(made, hostname="127.0.0.1", port=made.port)
    controller.start()
    yield made
    controller.stop()


@pytest.fixture(params=[one_process, as_services], ids=["one process", "services"])
async def world(
    request: pytest.FixtureRequest, server: str, tmp_path: Path, post_office: PostOffice
) -> AsyncIterator[World]:
    made = await request.param(server, tmp_path, smtp_url=f"smtp://127.0.0.1:{post_office.port}")
    async with running(made) as found:
        yield found


async def test_a_receipt_is_mailed_once_as_the_document_that_is_kept(world: World, post_office: PostOffice) -> None:
    shop = await world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "2")), status=201)
    path = f"/orders/pos/{order['id']}/receipt/mail"
    for _ in range(3):
        asked = await shop.post(path, {"email": " ann@customer.test "})
        assert asked == {"order_id": order["id"], "number": order["number"], "email": "ann@customer.test"}
    assert post_office.arrived == []
    await world.settle()
    [(to, letter)] = post_office.letters()
    assert to == ["ann@customer.test"]
    assert letter["subject"].startswith(f"Your receipt {order['number']} of ")
    assert order["number"] in letter.get_body(("plain",)).get_content()
    [attached] = letter.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == (f"{order['number']}.pdf", "application/pdf")
    kept = await shop.post(f"/orders/pos/{order['id']}/receipt")
    assert attached.get_content() == (await world.client.get(kept["url"])).content
    # Once it has left, whoever asks again gets it again.
    key = {"idempotency-key": "ann-again"}
    for _ in range(2):
        await shop.post(path, {"email": "ann@customer.test"}, headers=key)
        await world.settle()
    assert len(post_office.arrived) == 2


async def test_a_server_that_is_down_gets_it_later(world: World, post_office: PostOffice) -> None:
    shop = await world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    post_office.busy = True
    await shop.post(f"/orders/pos/{order['id']}/receipt/mail", {"email": "ann@customer.test"})
    await world.settle()
    assert post_office.arrived == []
    post_office.busy = False
    await shop.post(f"/orders/pos/{order['id']}/receipt/mail", {"email": "ann@customer.test"})
    world.clock.move(timedelta(minutes=5))
    await world.settle()
    assert [to for to, _ in post_office.letters()] == [["ann@customer.test"]]


async def test_what_is_no_address_is_refused_and_nothing_is_sent(world: World, post_office: PostOffice) -> None:
    shop = await world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    await world.settle()
    rows = await everything(shop)
    path = f"/orders/pos/{order['id']}/receipt/mail"
    for wrong in ("", "ann", "ann@", "@x.test", "a@b.test,c@d.test", "Ann <ann@x.test>", "a@b.test\nbcc: c@d.test"):
        problem = await shop.refused("POST", path, {"email": wrong}, status=422)
        assert problem["field"] == "email", wrong
    clerk = await world.colleague(shop, ["orders.view"])
    assert (await clerk.refused("POST", path, {"email": "ann@x.test"}, status=403))["missing"] == "pos.sell"
    stranger = await world.tenant()
    await stranger.refused("POST", path, {"email": "ann@x.test"}, status=404)
    await world.settle()
    assert (post_office.arrived, await everything(shop)) == ([], rows)


async def test_the_receipt_of_what_came_back_says_so(world: World, post_office: PostOffice) -> None:
    shop = await world.tenant()
    await product(shop)
    order = await shop.post("/orders/pos", sale(("COFFEE", "1")), status=201)
    back = {"lines": [{"position": 1, "quantity": "1"}]}
    credit = await shop.post(f"/orders/pos/{order['id']}/return", back, status=201)
    await shop.post(f"/orders/pos/{credit['id']}/receipt/mail", {"email": "ann@customer.test"})
    await world.settle()
    [(_, letter)] = post_office.letters()
    [attached] = letter.iter_attachments()
    assert attached.get_filename() == f"{credit['number']}.pdf"
    assert attached.get_content().startswith(b"%PDF")
