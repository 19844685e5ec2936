"""Sales of another till come in from a file, as a declared mapping says; doing it again adds nothing."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from entrepot.kernel.ctx import SYSTEM, Again, Ctx
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.modules.catalog.contract import Catalog, Wanted
from entrepot.modules.inventory.contract import Cost, Inventory
from entrepot.modules.orders.commands.recording import PosSale, Sale
from entrepot.modules.orders.commands.selling import ring_up
from entrepot.modules.orders.rules.mapping import Mapping, Reader, read_mapping
from entrepot.modules.orders.rules.selling import SaleLine, SalePayment
from entrepot.modules.payments.contract import PaymentMethod
from entrepot.pure.errors import Refusal
from entrepot.pure.ids import derived_id

BATCH = 400


class RefusedRow(msgspec.Struct, frozen=True):
    """A row of the file that did not come in, and why; rows are counted from 1, the header not."""

    row: int
    reason: str


class Imported(msgspec.Struct):
    """What an import did."""

    rows: int = 0
    documents: int = 0
    created: int = 0
    repeated: int = 0
    products: int = 0
    refused: list[RefusedRow] = []


class Document(msgspec.Struct):
    """The lines of one sale, with the rows they stand in."""

    key: str
    placed_at: datetime
    lines: list[SaleLine] = []
    rows: list[int] = []


Told = Callable[[int, int], None]
Ready = Callable[[], Awaitable[None]]


async def import_orders(
    house: House,
    tenant_id: UUID,
    file: Path,
    mapping_file: Path,
    *,
    entity_id: UUID | None = None,
    told: Told = lambda _done, _all: None,
) -> Imported:
    """Bring the sales of a file in, some hundred at a time, each batch in a transaction of its own.

    Whatever ends it (a kill included), starting again goes on where it was: a sale's id follows from the mapping's
    name and the document's number, so nothing is lost and nothing comes in twice."""
    mapping = _mapping(mapping_file)
    result = Imported()
    documents, items = _collect(file, mapping, result)
    result.documents = len(documents)
    async with _own_unit(house, tenant_id, entity_id) as ctx:
        await _make_products(ctx, mapping, items, documents, result)

    async def bring_in(start: int, ready: Ready) -> None:
        part = documents[start : start + BATCH]
        await _bring_in(house, tenant_id, entity_id, mapping, part, result, ready)
        told(start + len(part), len(documents))

    await _one_ahead(range(0, len(documents), BATCH), bring_in)
    result.refused.sort(key=lambda refused: refused.row)
    return result


def _collect(file: Path, mapping: Mapping, result: Imported) -> tuple[list[Document], dict[str, Wanted]]:
    """Read the whole file: the rows of a document need not stand together."""
    documents: dict[str, Document] = {}
    items: dict[str, Wanted] = {}
    zone = ZoneInfo(mapping.constants.timezone)
    with _open(file, mapping) as stream:
        rows = csv.reader(stream, delimiter=mapping.file.delimiter)
        reader = Reader(mapping, next(rows, []))
        for number, cells in enumerate((cells for cells in rows if cells), start=1):
            result.rows = number
            try:
                key, at, goods = reader.read(cells)
            except Refusal as refusal:
                result.refused.append(RefusedRow(number, str(refusal)))
                continue
            if goods.sku not in items:
                items[goods.sku] = Wanted(goods.sku, goods.name, goods.price, mapping.products.tax_category)
            document = documents.get(key)
            if document is None:
                placed_at = at.replace(tzinfo=zone).astimezone(UTC)
                document = documents[key] = Document(key, placed_at, [], [])
            document.lines.append(goods.line)
            document.rows.append(number)
    return list(documents.values()), items


async def _make_products(
    ctx: Ctx, mapping: Mapping, items: dict[str, Wanted], documents: list[Document], result: Imported
) -> None:
    """The products of the file, with the stock they were sold from when the mapping says so."""
    if not mapping.products.create or not items:
        return
    made = await ctx.of(Catalog).ensure(_reference(ctx, mapping, "products"), list(items.values()))
    result.products = len(made)
    opening = mapping.products.opening_stock
    if opening > 0:
        share = mapping.products.cost_percent / Decimal(100)
        goods = [
            Cost(sku, opening, (items[sku].price * share * opening).quantize(Decimal("0.01"))) for sku in sorted(items)
        ]
        inventory = ctx.of(Inventory)
        warehouse = await inventory.default_warehouse(ctx.entity_id)
        first = min((document.placed_at for document in documents), default=ctx.now)
        await inventory.receive(_reference(ctx, mapping, "opening stock"), warehouse, goods, first)


async def _one_ahead(starts: Iterable[int], run: Callable[[int, Ready], Awaitable[None]]) -> None:
    """Run the parts in order, each in a task that calls `ready` before it writes: it goes on when the part before it is
    committed, and then the next one may prepare. So this process reckons while the database writes."""
    tasks: list[asyncio.Task[None]] = []
    try:
        for start in starts:
            before = tasks[-1] if tasks else None
            writing = asyncio.Event()

            async def ready(before: asyncio.Task[None] | None = before, writing: asyncio.Event = writing) -> None:
                if before is not None:
                    await asyncio.shield(before)
                writing.set()

            task = asyncio.ensure_future(run(start, ready))
            tasks = [*tasks[-1:], task]
            prepared = asyncio.ensure_future(writing.wait())
            await asyncio.wait({task, prepared}, return_when=asyncio.FIRST_COMPLETED)
            prepared.cancel()
            if task.done():
                task.result()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bring_in(
    house: House,
    tenant_id: UUID,
    entity_id: UUID | None,
    mapping: Mapping,
    documents: list[Document],
    result: Imported,
    ready: Ready,
) -> None:
    while True:
        try:
            async with _own_unit(house, tenant_id, entity_id) as ctx:
                sales = [_sale(ctx, mapping, document) for document in documents]
                outcomes = await ring_up(ctx, sales, ready=ready)
            break
        except Again:
            continue
    for document, outcome in zip(documents, outcomes, strict=True):
        if outcome.refusal is not None:
            result.refused += [RefusedRow(row, _why(outcome.refusal)) for row in document.rows]
        elif outcome.repeated:
            result.repeated += 1
        else:
            result.created += 1


def _sale(ctx: Ctx, mapping: Mapping, document: Document) -> Sale:
    client_id = f"{mapping.name}:{document.key}"
    pos = PosSale(
        lines=document.lines,
        payments=[SalePayment(method=PaymentMethod(mapping.constants.payment))],
        client_id=client_id,
        store_id=mapping.constants.store or None,
        terminal_id=mapping.constants.terminal or None,
        metadata={"source": mapping.name, "document": document.key},
    )
    order_id = derived_id(ctx.tenant_id, f"pos:{client_id}")
    return Sale(order_id, pos, document.placed_at, mapping.products.oversell, price_free=True)


def _why(refusal: Refusal) -> str:
    missing: Any = refusal.facts.get("available")
    return f"{refusal} ({', '.join(m['sku'] for m in missing)})" if missing else str(refusal)


def _reference(ctx: Ctx, mapping: Mapping, what: str) -> UUID:
    return derived_id(ctx.tenant_id, f"import:{mapping.name}:{what}")


@asynccontextmanager
async def _own_unit(house: House, tenant_id: UUID, entity_id: UUID | None) -> AsyncIterator[Ctx]:
    async with unit(house, tenant_id, SYSTEM, entity_id=entity_id) as ctx:
        yield ctx


def _mapping(file: Path) -> Mapping:
    return read_mapping(file.read_text(encoding="utf-8"))


def _open(file: Path, mapping: Mapping) -> TextIO:
    if file.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(file), encoding=mapping.file.encoding, newline="")
    return file.open(encoding=mapping.file.encoding, newline="")
