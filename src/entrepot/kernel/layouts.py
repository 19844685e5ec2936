"""How a tenant arranged the fields of its pages. The `LayoutBook` port is offered by the module that keeps layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.pure.facade import Facade, ask

PAGES = ("list", "detail", "form")
MOST_FIELDS = 300
T = TypeVar("T")


class Placed(msgspec.Struct, frozen=True):
    """A field where somebody put it; `section` is the title it stands under on a detail page."""

    name: str
    shown: bool = True
    section: str = ""


class Layout(msgspec.Struct, frozen=True):
    """The fields of one page of a kind of thing, in order, for everybody or for one user."""

    object: str
    page: str
    owner_id: UUID
    fields: list[Placed]


class LayoutBook(Facade, name="layouts"):
    """What pages ask of the module that keeps layouts."""

    @ask
    async def layouts(self) -> list[Layout]:
        """Every layout of this tenant."""
        raise AssertionError


async def layout_of(ctx: Ctx, entity: str, page: str) -> list[Placed]:
    """The actor's own layout of a page, else everybody's, else nothing: the page stands as it was declared."""
    house = ctx.house
    if LayoutBook not in house.catalogue.offers and LayoutBook.facade_name not in house.topology.far:
        return []
    known = await ctx.recall("layouts", lambda: ctx.of(LayoutBook).layouts())
    found = {one.owner_id: one.fields for one in known if one.object == entity and one.page == page}
    return found.get(ctx.actor.id) or found.get(ctx.tenant_id) or []


def arranged(
    things: Sequence[T],
    layout: Sequence[Placed],
    name: Callable[[T], str],
    fixed: Callable[[T], bool] = lambda _: False,
) -> list[T]:
    """Things in the order of a layout, without those it hides; what it does not name follows as it was. What is
    `fixed` can be moved and not hidden."""
    if not layout:
        return list(things)
    at = {one.name: position for position, one in enumerate(layout)}
    hidden = {one.name for one in layout if not one.shown}
    kept = [thing for thing in things if name(thing) not in hidden or fixed(thing)]
    return sorted(kept, key=lambda thing: at.get(name(thing), len(at)))
