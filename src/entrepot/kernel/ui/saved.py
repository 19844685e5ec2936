"""Saved views of a list and the columns somebody chose, per user."""

from __future__ import annotations

from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Ctx
from entrepot.pure.errors import Invalid
from entrepot.pure.ids import new_id

MOST = 50


class SavedView(msgspec.Struct, frozen=True):
    """A list as somebody likes to see it: filters, sort, search and columns under a name."""

    id: UUID
    name: str
    query: str
    opens: bool

    @property
    def asked(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


async def views_of(ctx: Ctx, page: str) -> list[SavedView]:
    """The views of the actor on a page, by name."""
    return await ctx.rows(
        SavedView,
        "SELECT id, name, query, opens FROM kernel.saved_view WHERE owner_id = $1 AND page = $2 ORDER BY lower(name)",
        ctx.actor.id,
        page,
    )


async def save_view(ctx: Ctx, page: str, name: str, query: str, *, opens: bool = False) -> None:
    """Keep a view under a name; the same name replaces it. At most one view of a page opens by itself."""
    name = name.strip()
    if len(name) > 60:
        raise Invalid.field("name", "must be at most {most} characters", most=60)
    if len(query) > 4000:
        raise Invalid.field("query", "must be at most {most} characters", most=4000)
    if (
        await ctx.value("SELECT count(*) FROM kernel.saved_view WHERE owner_id = $1 AND page = $2", ctx.actor.id, page)
        > MOST
    ):
        raise Invalid.field("name", "at most {most} views of one list", most=MOST)
    if opens:
        await ctx.run(
            "UPDATE kernel.saved_view SET opens = false WHERE owner_id = $1 AND page = $2 AND opens", ctx.actor.id, page
        )
    await ctx.run(
        "INSERT INTO kernel.saved_view AS s (id, owner_id, page, name, query, opens) VALUES ($1, $2, $3, $4, $5, $6) "
        "ON CONFLICT (tenant_id, owner_id, page, name) DO UPDATE SET query = $5, opens = $6",
        new_id(),
        ctx.actor.id,
        page,
        name,
        query,
        opens,
    )


async def forget_view(ctx: Ctx, page: str, view_id: UUID) -> None:
    """Take a view of one's own away."""
    await ctx.run(
        "DELETE FROM kernel.saved_view WHERE owner_id = $1 AND page = $2 AND id = $3", ctx.actor.id, page, view_id
    )
