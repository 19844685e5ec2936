"""Files in a folder and in a bucket, links that expire, and mail to a server and to the folder."""

from __future__ import annotations

import email
import email.policy
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from moto.server import ThreadedMotoServer

from entrepot.kernel.config import ConfigError
from entrepot.kernel.files import Files, Mailbox, open_files
from entrepot.pure.errors import Denied, NotFound
from entrepot.pure.ids import new_id
from entrepot.testing.world import test_config


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    if request.param == "folder":
        return open_files(test_config(tmp_path))
    import boto3

    endpoint = request.getfixturevalue("bucket")
    keys = {"AWS_ACCESS_KEY_ID": "trial", "AWS_SECRET_ACCESS_KEY": "trial", "AWS_REGION": "us-east-1"}
    for name, value in {**keys, "AWS_ENDPOINT": endpoint, "AWS_ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="trial",
        aws_secret_access_key="trial",
    )
    client.create_bucket(Bucket="trial-files")
    return open_files(test_config(tmp_path, files_url="s3://trial-files/erp"))


@pytest.mark.covers("TEN-015")
async def test_files_belong_to_their_tenant(files: Files) -> None:
    mine, yours = new_id(), new_id()
    content = bytes(range(256)) * 100
    key = await files.put(mine, content, name="invoice of May.PDF")
    assert key.startswith(f"{mine}/")
    assert key.endswith(".pdf")
    assert await files.get(mine, key) == content
    assert await files.put(mine, content) != key
    for tenant, other in (
        (yours, key),
        (mine, f"{mine}/../{yours}/x"),
        (mine, f"{mine}/nothing"),
        (mine, "/etc/passwd"),
    ):
        with pytest.raises(NotFound):
            await files.get(tenant, other)
    with pytest.raises(NotFound):
        await files.remove(yours, key)
    assert await files.get(mine, key) == content
    await files.remove(mine, key)
    with pytest.raises(NotFound):
        await files.get(mine, key)
    for strange in ("../../x", "x.tar/../y", "x.<script>", "", "\x00", "a" * 500 + ".pdf", "x.é"):
        assert ".." not in await files.put(mine, b"", name=strange)


def test_signed_links_expire_and_cannot_be_forged(tmp_path: Path) -> None:
    files = open_files(test_config(tmp_path))
    other = open_files(test_config(tmp_path, secret="other" * 10))
    key = f"{new_id()}/2026/05/x.pdf"
    good = files.sign(key, seconds=60)
    files.verify(key, good)
    until, mac = good.split(".")
    for wrong in (
        other.sign(key),
        files.sign(key + "x"),
        f"{int(until) + 1}.{mac}",
        f"{until}.{mac[:-1]}",
        f"{until}.é",
        f"²{until}.{mac}",
        f"-{until}.{mac}",
        f"{until}9999.{mac}",
        mac,
        "",
        ".",
    ):
        with pytest.raises(Denied, match="not valid"):
            files.verify(key, wrong)
    with pytest.raises(Denied, match="expired"):
        files.verify(key, files.sign(key, seconds=60, at=time.time() - 61))
    assert int(files.sign(key).split(".")[0]) - time.time() == pytest.approx(24 * 3600, abs=5)


def test_a_store_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_files(test_config(tmp_path, files_url="ftp://x"))


class Letters:
    def __init__(self) -> None:
        self.arrived: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.arrived.append(envelope)
        return "250 OK"


async def test_mail_goes_to_the_server(tmp_path: Path) -> None:
    letters = Letters()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(letters, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        mail = Mailbox(test_config(tmp_path, smtp_url=f"smtp://127.0.0.1:{port}", mail_from="Shop <shop@shop.test>"))
        sent = await mail.send(
            "ann@customer.test",
            "Factuur\r\nBcc: evil@evil.test",
            "Beste Ann, € 5",
            html="<p>€ 5</p>",
            attachments=(("invoice.pdf", "application/pdf", b"%PDF"),),
        )
    finally:
        controller.stop()
    [envelope] = letters.arrived
    assert (envelope.mail_from, envelope.rcpt_tos) == ("shop@shop.test", ["ann@customer.test"])
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert (message["subject"], message["bcc"], message["message-id"]) == ("Factuur Bcc: evil@evil.test", None, sent)
    assert message.get_body(("plain",)).get_content().strip() == "Beste Ann, € 5"
    assert message.get_body(("html",)).get_content().strip() == "<p>€ 5</p>"
    assert [(a.get_filename(), a.get_content()) for a in message.iter_attachments()] == [("invoice.pdf", b"%PDF")]


async def test_without_a_server_mail_stays_in_the_folder(tmp_path: Path) -> None:
    mail = Mailbox(test_config(tmp_path))
    sent = await mail.send("ann@customer.test", "Hello", "there")
    [file] = (tmp_path / "mail").glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (message["to"], message["subject"], message["message-id"]) == ("ann@customer.test", "Hello", sent)


async def test_a_mail_server_that_is_away_is_an_error_of_the_job(tmp_path: Path) -> None:
    mail = Mailbox(test_config(tmp_path, smtp_url="smtp://127.0.0.1:9"))
    with pytest.raises(OSError):
        await mail.send("ann@customer.test", "Hello", "there")
