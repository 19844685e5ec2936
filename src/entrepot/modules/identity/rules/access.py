"""Passwords, credentials and who waits after wrong passwords."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from entrepot.pure.errors import Invalid, TooMany
from entrepot.pure.ids import short

ACCESS_FOR = timedelta(hours=1)
BROWSER_FOR = timedelta(hours=12)
TILL_FOR = timedelta(hours=10)
REFRESH_FOR = timedelta(days=30)
FAILURES_ALLOWED = 5
FAILURES_WITHIN = timedelta(minutes=15)
PIN = re.compile(r"^[0-9]{4,8}$")
CODE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,29}$")
COMMON = frozenset(
    [
        "password",
        "password1",
        "123456789012",
        "qwertyuiop12",
        "wachtwoord12",
        "welkom123456",
        "letmein12345",
        "administrator",
        "iloveyou1234",
    ]
)


def check_password(password: str, email: str) -> None:
    """At least 12 characters, not the address and not a famous one (NIST SP 800-63B: length, no composition rules)."""
    if len(password) < 12:
        raise Invalid.field("password", "must have at least {least} characters", least=12)
    if len(password) > 256:
        raise Invalid.field("password", "must be at most {most} characters", most=256)
    lowered = password.lower()
    if lowered in COMMON or lowered == email.lower() or len(set(password)) < 4:
        raise Invalid.field("password", "is too easy to guess")


def check_pin(pin: str) -> None:
    """4 to 8 digits, not one digit repeated and not a row of them up or down."""
    if not PIN.match(pin):
        raise Invalid.field("pin", "must be 4 to 8 digits")
    if {int(after) - int(before) for before, after in pairwise(pin)} in ({0}, {1}, {-1}):
        raise Invalid.field("pin", "is too easy to guess")


def check_code(code: str, field: str = "code") -> str:
    if not CODE.match(code):
        raise Invalid.field(field, "use letters, digits, - and _ only, at most 30")
    return code


def check_scopes(scopes: list[str], known: frozenset[str], own: frozenset[str], field: str) -> None:
    """Permissions must exist (or be a bundle), and nobody gives away more than they have."""
    bundles = {f"{permission.split('.', 1)[0]}.*" for permission in known} | {"*"}
    for scope in scopes:
        if scope not in known and scope not in bundles:
            raise Invalid.field(field, "there is no permission {permission}", permission=scope)
        covered = "*" in own or scope in own or f"{scope.split('.', 1)[0]}.*" in own
        if not covered:
            raise Invalid.field(field, "you cannot give {permission}, which you do not have", permission=scope)


def new_credential(kind: str, tenant: UUID) -> str:
    """A secret that names its tenant: `ek_<tenant>_<secret>`; 256 bits of chance."""
    return f"{kind}_{short(tenant)}_{secrets.token_urlsafe(32)}"


def fingerprint(credential: str) -> str:
    """What is kept of a credential. It is long and random, so a fast hash is enough."""
    return hashlib.sha256(credential.encode()).hexdigest()


def same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode())


def must_not_wait(failures: int, last: datetime | None, now: datetime) -> None:
    """Five wrong passwords in a quarter of an hour, and the account waits out the rest of it."""
    wait = waits(failures, last, now)
    if wait:
        raise TooMany("too many wrong passwords; try again in {retry_after} seconds", retry_after=wait)


def waits(failures: int, last: datetime | None, now: datetime) -> int:
    """How many seconds who guessed wrong so often has to wait; none while it was not too often."""
    if failures < FAILURES_ALLOWED or last is None:
        return 0
    return max(1, int((last + FAILURES_WITHIN - now).total_seconds()))
