"""What others may ask about the tenant's companies."""

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask, tell


class EntityCard(msgspec.Struct, frozen=True):
    """A business entity with what documents and books need of it."""

    id: UUID
    code: str
    name: str
    legal_name: str
    country: str
    currency: str
    vat_number: str
    address: str
    email: str


class Cashier(msgspec.Struct, frozen=True):
    """Somebody who can log in at a till with a PIN."""

    id: UUID
    name: str


class TillSession(msgspec.Struct, frozen=True):
    """A log-in by PIN: the credential, until when it is good, whose it is and what it allows."""

    credential: str
    expires_at: datetime
    cashier_id: UUID
    name: str
    permissions: list[str]


class TillOpened(msgspec.Struct, frozen=True):
    """What became of a PIN: a session, or none; then `wait` is after how many seconds another guess is taken."""

    session: TillSession | None
    wait: int = 0


class Identity(Facade, name="identity"):
    @ask
    async def entity(self, entity_id: UUID) -> EntityCard:
        """One business entity; NotFound for another tenant's."""
        raise AssertionError

    @ask
    async def entities(self) -> list[EntityCard]:
        """Every active business entity of the tenant, by code."""
        raise AssertionError

    @ask
    async def names(self, ids: list[UUID]) -> dict[str, str]:
        """Names of users by id, for showing who did something."""
        raise AssertionError

    @ask
    async def cashiers(self, permission: str) -> list[Cashier]:
        """Active users who have a PIN and this permission, by name."""
        raise AssertionError

    @tell()
    async def open_till(self, user_id: UUID, pin: str, scopes: list[str]) -> TillOpened:
        """A session for who knows the PIN of this user, for these permissions as far as the user has them; the first
        is a must. A wrong PIN is an answer, not a refusal: the guess must be counted, so the caller's unit commits."""
        raise AssertionError
