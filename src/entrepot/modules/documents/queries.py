"""Reads of documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import SYSTEM, Caller, Ctx
from entrepot.kernel.db import view
from entrepot.kernel.house import House
from entrepot.kernel.lists import Listing
from entrepot.kernel.ui.ports import Attached, Shelf
from entrepot.kernel.units import unit
from entrepot.modules.documents.contract import Content, DocumentCard
from entrepot.modules.documents.tables import Document
from entrepot.pure.errors import Denied, Refusal
from entrepot.pure.ids import short, unshort


class DocumentShown(msgspec.Struct, frozen=True):
    id: UUID
    entity_type: str
    entity_ref: UUID | None
    name: str
    mime_type: str
    size: int
    category: str
    metadata: dict[str, Any]
    created_at: datetime
    version: int


class DocumentRead(msgspec.Struct, frozen=True):
    """A document with a link to its bytes and the page of what it is about."""

    id: UUID
    name: str
    category: str
    mime_type: str
    size: int
    entity_type: str
    entity_ref: UUID | None
    created_at: datetime
    url: str
    about: str
    version: int


class Stored(msgspec.Struct, frozen=True):
    """A document with where its bytes are."""

    id: UUID
    name: str
    mime_type: str
    size: int
    category: str
    file_path: str


_stored = view(Stored, Document)

DOCUMENTS = Listing(
    name="documents",
    view=view(DocumentShown, Document).where(Document.archived_at.is_(None)),
    needs="documents.view",
    search=[Document.name],
    sort="-created_at",
    extensible=Document,
)


@command(needs="documents.view")
async def read_document(ctx: Ctx, document_id: UUID) -> DocumentRead:
    """What is known of a document, with a link that works for 24 hours and the page of what it is about."""
    found = await ctx.one(view(DocumentShown, Document).where(Document.id == document_id))
    about = f"/go/{found.entity_type}/{found.entity_ref}" if found.entity_type and found.entity_ref else ""
    return DocumentRead(
        found.id,
        found.name,
        found.category,
        found.mime_type,
        found.size,
        found.entity_type,
        found.entity_ref,
        found.created_at,
        (await card(ctx, document_id)).url,
        about,
        found.version,
    )


@command(needs="documents.view")
async def get_document(ctx: Ctx, document_id: UUID) -> DocumentCard:
    """A document with a link that works for 24 hours."""
    return await card(ctx, document_id)


async def content(ctx: Ctx, document_id: UUID) -> Content:
    """The bytes of a document of this tenant."""
    found = await ctx.one(_stored.where(Document.id == document_id))
    return Content(found.name, found.mime_type, await ctx.house.files.get(ctx.tenant_id, found.file_path))


async def signed_content(house: House, caller: Caller, tenant: str, document_id: UUID, signature: str) -> Content:
    """The bytes of a document for who holds a link to it; refuses with Denied a link that is wrong or too old."""
    try:
        tenant_id = unshort(tenant)
    except Refusal:
        raise Denied("this link is not valid") from None
    house.files.verify(f"{tenant_id}/{document_id}", signature)
    async with unit(house, tenant_id, SYSTEM, caller=caller, read_only=True) as ctx:
        return await content(ctx, document_id)


# ── offered ──


async def card(ctx: Ctx, document_id: UUID) -> DocumentCard:
    return _card(ctx, await ctx.one(_stored.where(Document.id == document_id)))


async def of_entity(ctx: Ctx, entity_ref: UUID) -> list[DocumentCard]:
    found = await ctx.all(
        _stored.where(Document.entity_ref == entity_ref, Document.archived_at.is_(None))
        .order_by(Document.created_at.desc())
        .limit(200)
    )
    return [_card(ctx, one) for one in found]


async def shelf(ctx: Ctx, entity_ref: UUID) -> Shelf:
    if not ctx.may("documents.view"):
        return Shelf([], False)
    cards = await of_entity(ctx, entity_ref)
    return Shelf([Attached(card.name, card.size, card.url) for card in cards], ctx.may("documents.edit"))


def _card(ctx: Ctx, found: Stored) -> DocumentCard:
    signature = ctx.house.files.sign(f"{ctx.tenant_id}/{found.id}")
    url = f"{ctx.house.config.path_prefix}/api/v1/files/{short(ctx.tenant_id)}/{found.id}/{signature}"
    return DocumentCard(found.id, found.name, found.mime_type, found.size, found.category, url)
