"""Routes of documents."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from entrepot.kernel.ctx import Caller, Ctx
from entrepot.kernel.house import House
from entrepot.kernel.http import encode
from entrepot.kernel.routes import delete, get, handler, listing
from entrepot.modules.documents import commands, queries
from entrepot.modules.documents.contract import Content
from entrepot.pure.errors import Invalid, Malformed
from entrepot.pure.ids import id_of, parse_id


async def upload(ctx: Ctx, request: Request) -> Response:
    """Attach a file: multipart form with `file`, and optionally `category`, `entity_type` and `entity_ref`."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Invalid.field("file", "send a multipart form with a file")
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if file is None or isinstance(file, str):
            raise Invalid.field("file", "this field is required")
        content = await file.read()
        reference = str(form.get("entity_ref") or "")
        try:
            entity_ref = parse_id(reference) if reference else None
        except Malformed:
            raise Invalid.field("entity_ref", "this is not an id") from None
        document_id = await commands.attach(
            ctx,
            file.filename or "",
            content,
            str(form.get("category") or "other"),
            str(form.get("entity_type") or ""),
            entity_ref,
        )
    card = await queries.card(ctx, document_id)
    return Response(encode({"data": card}), 201, media_type=JSONResponse.media_type)


async def download(ctx: Ctx, request: Request, document_id: str) -> Response:
    """The bytes of a document."""
    return _file(await queries.content(ctx, id_of("document", document_id)))


async def open_link(house: House, caller: Caller, tenant: str, document_id: UUID, signature: str) -> Response:
    """The bytes of a document for who holds a link to it."""
    return _file(await queries.signed_content(house, caller, tenant, document_id, signature))


def _file(found: Content) -> Response:
    # Shown by the browser only where that is harmless; the policy keeps even those from running anything.
    shown = found.mime_type in ("application/pdf", "image/png", "image/jpeg", "image/webp")
    name = quote(found.name)
    return Response(
        found.data,
        media_type=found.mime_type,
        headers={
            "content-disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}",
            "content-security-policy": "default-src 'none'; sandbox",
        },
    )


routes = [
    listing("/documents", queries.DOCUMENTS),
    handler("POST", "/documents", upload, needs="documents.edit", status=201, consumes="multipart/form-data"),
    get("/documents/{document_id}", queries.get_document),
    handler("GET", "/documents/{document_id}/content", download, needs="documents.view", produces="*/*"),
    delete("/documents/{document_id}", commands.archive_document),
    get("/files/{tenant}/{document_id}/{signature}", open_link, public=True, produces="*/*"),
]
