"""What pages ask of modules they do not know: the documents that hang on something."""

from __future__ import annotations

from uuid import UUID

import msgspec

from entrepot.pure.facade import Facade, ask, tell


class Attached(msgspec.Struct, frozen=True):
    """A document with a link to its content."""

    name: str
    size: int
    url: str


class Shelf(msgspec.Struct, frozen=True):
    """The documents of one entity that the actor may see, and whether they may add one."""

    files: list[Attached]
    may_add: bool


class Shelves(Facade, name="shelves"):
    """Offered by the module that keeps documents, where there is one."""

    @ask
    async def shelf(self, entity_ref: UUID) -> Shelf:
        """The documents of an entity."""
        raise AssertionError

    @tell()
    async def put(self, entity_ref: UUID, entity_type: str, name: str, content: bytes) -> None:
        """Add a document; refuses with Denied who may not."""
        raise AssertionError
