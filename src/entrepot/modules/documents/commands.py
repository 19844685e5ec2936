"""Writes of documents."""

from __future__ import annotations

import asyncio
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import filetype

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.modules.documents import rules
from entrepot.modules.documents.contract import DocumentCard, ReceiptData
from entrepot.modules.documents.events import DocumentAttached, DocumentGenerated
from entrepot.modules.documents.queries import card
from entrepot.modules.documents.tables import Document
from entrepot.pure.encoding import encode
from entrepot.pure.ids import new_id

TEMPLATES = Path(__file__).parent / "templates"


async def receipt(ctx: Ctx, entity_ref: UUID, data: ReceiptData) -> DocumentCard:
    known = await ctx.value(
        "SELECT id FROM documents.document WHERE entity_ref = $1 AND category = 'receipt' AND archived_at IS NULL",
        entity_ref,
    )
    if known is not None:
        return await card(ctx, known)
    pdf = await asyncio.to_thread(render, "receipt", rules.receipt_texts(data))
    name = f"{data.number}.pdf"
    document_id = await _store(ctx, name, pdf, "application/pdf", "receipt", "order", entity_ref)
    ctx.emit(
        DocumentGenerated(
            document_id=document_id, category="receipt", entity_type="order", entity_ref=entity_ref, name=name
        )
    )
    return await card(ctx, document_id)


@command(needs="documents.edit")
async def attach(
    ctx: Ctx, name: str, content: bytes, category: str = "other", entity_type: str = "", entity_ref: UUID | None = None
) -> UUID:
    """Attach a file to anything. Its type is read from its bytes, not from its name. Refuses more than 25 MB."""
    name = rules.check_upload(name, len(content), category)
    kind = filetype.guess(content[:8192])
    mime = kind.mime if kind is not None else "application/octet-stream"
    document_id = await _store(ctx, name, content, mime, category, entity_type, entity_ref)
    ctx.emit(
        DocumentAttached(
            document_id=document_id, category=category, entity_type=entity_type, entity_ref=entity_ref, name=name
        )
    )
    return document_id


@command(needs="documents.edit")
async def archive_document(ctx: Ctx, document_id: UUID) -> None:
    """Show it no longer; the file stays, because something may refer to it."""
    await ctx.change(Document, document_id, archived_at=ctx.now)


def render(template: str, data: dict[str, Any]) -> bytes:
    """A PDF (PDF/A-3b) from a template and ready texts."""
    import typst

    found: bytes = typst.compile(
        _source(template),
        format="pdf",
        sys_inputs={"data": encode(data).decode()},
        pdf_standards=["a-3b"],
        ignore_system_fonts=True,
    )
    return found


@lru_cache
def _source(template: str) -> bytes:
    return (TEMPLATES / f"{template}.typ").read_bytes()


async def _store(
    ctx: Ctx, name: str, content: bytes, mime: str, category: str, entity_type: str, entity_ref: UUID | None
) -> UUID:
    """Bytes first, then the row: a unit that fails leaves at most an unreferenced file, never a row without one."""
    path = await ctx.house.files.put(ctx.tenant_id, content, name=name)
    return await ctx.add(
        Document,
        id=new_id(),
        entity_type=entity_type,
        entity_ref=entity_ref,
        name=name,
        file_path=path,
        mime_type=mime,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        category=category,
        created_by=ctx.actor.id,
    )


# ── offered to pages ──


async def put(ctx: Ctx, entity_ref: UUID, entity_type: str, name: str, content: bytes) -> None:
    ctx.need("documents.edit")
    await attach(ctx, name, content, "other", entity_type, entity_ref)
