"""Boards: a list seen as cards in lanes, one lane per state of its machine."""

from __future__ import annotations

import msgspec

from entrepot.kernel import status
from entrepot.kernel.lists import counts_of, read_page
from entrepot.kernel.ui.declare import BoardPage
from entrepot.kernel.ui.labels import tone_of
from entrepot.kernel.ui.rows import crumbs_of
from entrepot.kernel.ui.show import Cell
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Refusal
from entrepot.pure.ids import id_of

CARDS = 25


class Card(msgspec.Struct, frozen=True):
    """One entity on a board."""

    id: str
    name: str
    href: str
    facts: list[tuple[str, Cell]]
    moves: list[tuple[str, str]]


class Lane(msgspec.Struct, frozen=True):
    """One state with its cards; `more` are those that are not shown."""

    state: str
    label: str
    tone: str
    count: int
    cards: list[Card]
    more: str


# ── boards ──


async def show_board(visit: Visit) -> None:
    """The first cards of each lane in the order of the list, with how many there are."""
    place = visit.place
    assert place is not None
    page: BoardPage = place.page
    stateful = visit.house.catalogue.machines[page.entity]
    machine, column = stateful.machine, stateful.column
    listing = page.listing
    states = list(page.states) or [str(s.value) for s in machine.states]
    async with visit.unit(read_only=True) as ctx:
        counts = await counts_of(ctx, listing, column)
        shown = {
            name: (await read_page(ctx, listing, {column: name, "limit": str(CARDS)})).data
            for name in states
            if name in counts
        }
    lanes = []
    target = visit.site.list_of(listing)
    for name in states:
        moves = [
            m for m in machine.moves if machine.states(name) in m.sources and stateful.open_to(m) and visit.may(m.needs)
        ]
        cards = [
            Card(
                str(getattr(row, listing.key)),
                str(getattr(row, page.name)),
                visit.url(page.open.format_map(msgspec.structs.asdict(row))) if page.open else "",
                [(visit.label(f), visit.formats.cell(getattr(row, f), f)) for f in page.fields],
                [(str(m.target), visit.label(m.name)) for m in moves],
            )
            for row in shown.get(name, ())
        ]
        count = counts.get(name, 0)
        more = visit.url(target.path, **{column: name}) if target and count > len(cards) else ""
        lanes.append(Lane(name, visit.label(name), tone_of(name), count, cards, more))
    await visit.page(
        "board.html",
        title=visit.t(place.title),
        page_title=visit.t(place.title),
        place=place,
        lanes=lanes,
        here=visit.url(place.path),
        list_href=visit.url(target.path) if target else "",
        crumbs=crumbs_of(visit, place),
    )


async def move_card(visit: Visit) -> None:
    """A card was dropped, or its menu used: the universal status change."""
    place = visit.place
    assert place is not None
    page: BoardPage = place.page
    data = await visit.data()
    identifier = id_of(page.entity, data.get("card", [""])[-1])
    target = data.get("column", [""])[-1]
    try:
        async with visit.unit() as ctx:
            await status.change_status(ctx, page.entity, identifier, target, data.get("reason", [""])[-1] or None)
    except Refusal as refusal:
        if not visit.is_partial:
            raise
        text = visit.say(refusal)
        await toast(visit, 409, text, "danger")
        return
    text = visit.t("Now {state}", state=visit.label(target).lower())
    if visit.is_partial:
        await toast(visit, 200, text, "success")
    else:
        await visit.go(place.path, said=text)


async def toast(visit: Visit, code: int, text: str, tone: str) -> None:
    trigger = encode({"toast": {"text": text, "tone": tone}}).decode()
    ascii_only = trigger.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00")
    await visit.exchange.send(code, [(b"hx-trigger", ascii_only), *visit.views.headers], b"")
