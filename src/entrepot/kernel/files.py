"""Where files live: a folder or a bucket, every tenant under a name of its own."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from entrepot.kernel.config import Config, ConfigError
from entrepot.pure.errors import Denied, NotFound
from entrepot.pure.ids import new_id

SIGNED_FOR = 24 * 3600
logger = structlog.get_logger("entrepot.files")
_UNTIL = re.compile(r"^[0-9]{1,12}$")


class Files:
    """Stores bytes under keys made here. A key starts with its tenant, so one tenant's key never opens another's file."""

    def __init__(self, store: Any, secret: str) -> None:
        self._store = store
        self._secret = secret.encode()

    async def put(self, tenant: UUID, content: bytes, *, name: str = "") -> str:
        """Keep the bytes; returns the key. Never overwrites."""
        suffix = Path(name).suffix[:10].lower()
        suffix = suffix if suffix.removeprefix(".").isalnum() else ""
        key = f"{tenant}/{time.strftime('%Y/%m')}/{new_id().hex}{suffix}"
        await self._store.put_async(key, content, mode="create")
        return key

    async def get(self, tenant: UUID, key: str) -> bytes:
        """The bytes under a key; NotFound when it is not this tenant's or is gone."""
        self._own(tenant, key)
        try:
            result = await self._store.get_async(key)
        except FileNotFoundError:
            raise NotFound("there is no such {what}", what="file") from None
        return bytes(await result.bytes_async())

    async def remove(self, tenant: UUID, key: str) -> None:
        self._own(tenant, key)
        await self._store.delete_async(key)

    def sign(self, key: str, *, seconds: int = SIGNED_FOR, at: float | None = None) -> str:
        """`expires.signature` that lets whoever holds it read the file until then (24 hours unless told)."""
        until = int((time.time() if at is None else at) + seconds)
        return f"{until}.{self._mac(key, until)}"

    def verify(self, key: str, signature: str) -> None:
        """Refuses with Denied a signature that is not ours or has expired."""
        until, _, mac = signature.partition(".")
        if not _UNTIL.match(until) or not hmac.compare_digest(self._mac(key, int(until)).encode(), mac.encode()):
            raise Denied("this link is not valid")
        if int(until) < time.time():
            raise Denied("this link has expired")

    def _mac(self, key: str, until: int) -> str:
        return hmac.new(self._secret, f"file:{key}:{until}".encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def _own(tenant: UUID, key: str) -> None:
        if not key.startswith(f"{tenant}/") or ".." in key:
            raise NotFound("there is no such {what}", what="file")


def open_files(config: Config) -> Files:
    """The store that the configuration names."""
    from obstore.store import LocalStore, S3Store

    if not config.files_url:
        folder = config.folder / "files"
        folder.mkdir(parents=True, exist_ok=True)
        return Files(LocalStore(str(folder)), config.secret)
    if config.files_url.startswith("s3://"):
        return Files(S3Store.from_url(config.files_url), config.secret)
    raise ConfigError("files_url must be empty or start with s3://")


class Mailbox:
    """Sends mail through a server, or keeps it in the home folder where nobody set one up (development)."""

    def __init__(self, config: Config) -> None:
        self.config = config

    async def send(
        self,
        to: str,
        subject: str,
        text: str,
        *,
        html: str = "",
        attachments: tuple[tuple[str, str, bytes], ...] = (),
    ) -> str:
        """Send one message; returns its Message-ID. Addresses and subject may hold no line breaks."""
        from email.message import EmailMessage
        from email.utils import make_msgid

        message = EmailMessage()
        message["From"] = self.config.mail_from
        message["To"] = " ".join(to.split())
        message["Subject"] = " ".join(subject.split())
        message["Message-ID"] = make_msgid(domain="entrepot.local")
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        for name, kind, content in attachments:
            maintype, _, subtype = kind.partition("/")
            message.add_attachment(content, maintype=maintype, subtype=subtype or "octet-stream", filename=name)
        if self.config.smtp_url:
            await self._by_smtp(message)
        else:
            folder = self.config.folder / "mail"
            folder.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread((folder / f"{new_id().hex}.eml").write_bytes, bytes(message))
        logger.info("mail.sent", id=str(message["Message-ID"]), by_server=bool(self.config.smtp_url))
        return str(message["Message-ID"])

    async def _by_smtp(self, message: Any) -> None:
        from urllib.parse import unquote, urlsplit

        import aiosmtplib

        url = urlsplit(self.config.smtp_url)
        await aiosmtplib.send(
            message,
            hostname=url.hostname,
            port=url.port or 25,
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            use_tls=url.scheme == "smtps",
            start_tls=None if url.scheme == "smtp+starttls" else False,
            timeout=20,
        )
