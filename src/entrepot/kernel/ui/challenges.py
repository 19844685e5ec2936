"""Challenges for passkeys: signed and short-lived, so that nothing of them must be kept."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

import msgspec

from entrepot.kernel.http import Exchange
from entrepot.pure.errors import Invalid

SECONDS = 300


def signed(secret: str, options: str, now: datetime) -> str:
    """The token that goes with the options: their challenge, when it ends, and that it is ours."""
    challenge = msgspec.json.decode(options, type=dict[str, object])["challenge"]
    said = f"{challenge}.{int(now.timestamp()) + SECONDS}"
    return f"{said}.{_mac(secret, said)}"


def good(secret: str, token: str, now: datetime) -> str:
    """The challenge of a token; refuses with Invalid one that is not ours or too old."""
    said, _, mac = token.rpartition(".")
    challenge, _, until = said.rpartition(".")
    if not hmac.compare_digest(_mac(secret, said).encode(), mac.encode()) or not until.isdigit():
        raise Invalid.field("token", "this form is too old; load the page again")
    if int(until) < now.timestamp():
        raise Invalid.field("token", "this form is too old; load the page again")
    return challenge


def place_of(exchange: Exchange, secure: bool) -> tuple[str, str]:
    """Host name and origin of this site as the browser sees it. A key is bound to them by the browser, so a host
    that somebody made up fits no key of ours."""
    host = exchange.header("host")
    return host.split(":")[0], f"{'https' if secure else 'http'}://{host}"


def _mac(secret: str, said: str) -> str:
    return hmac.new(secret.encode(), b"passkey:" + said.encode(), hashlib.sha256).hexdigest()
