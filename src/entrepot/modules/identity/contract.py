"""What others may ask about the tenant's companies."""

from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask


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
