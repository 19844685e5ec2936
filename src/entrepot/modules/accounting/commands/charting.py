"""The chart of accounts and the periods."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from typing import Any
from uuid import UUID

from entrepot.kernel import status
from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.modules.accounting import rules
from entrepot.modules.accounting.events import AccountCreated, PeriodClosed, PeriodOpened
from entrepot.modules.accounting.queries.books import AccountShown, PeriodShown
from entrepot.modules.accounting.rules import AccountType
from entrepot.modules.accounting.tables import Account, Period
from entrepot.pure.errors import Conflict, Invalid
from entrepot.pure.ids import new_id


@command(needs="accounts.edit")
async def create_account(
    ctx: Ctx, code: str, name: str, type: AccountType, parent_id: UUID | None = None, detail: bool = True
) -> UUID:
    """An account of the chart. Refuses with Conflict a code that is taken; the parent must exist and be a header."""
    if not 1 <= len(code.strip()) <= 20 or code != code.strip():
        raise Invalid.field("code", "must be 1 to {most} characters", most=20)
    if not name.strip():
        raise Invalid.field("name", "this field is required")
    if parent_id is not None:
        parent = await ctx.first(view(AccountShown, Account).where(Account.id == parent_id))
        if parent is None:
            raise Invalid.field("parent_id", "there is no such {what}", what="account")
        if parent.detail:
            raise Invalid.field("parent_id", "a detail account has no children")
    account_id = await ctx.add(
        Account,
        code=code,
        name=name,
        type=type.value,
        normal_balance=rules.normal_balance(type),
        parent_id=parent_id,
        detail=detail,
    )
    ctx.emit(AccountCreated(account_id=account_id, code=code, name=name, type=type.value))
    return account_id


@command(needs="accounts.edit")
async def change_account(ctx: Ctx, account_id: UUID, name: str | None = None, status: str | None = None) -> None:
    """Rename or (de)activate. A header with an active child stays active."""
    await ctx.hold(view(AccountShown, Account).where(Account.id == account_id))
    changes: dict[str, Any] = {}
    if name is not None:
        if not name.strip():
            raise Invalid.field("name", "this field is required")
        changes["name"] = name
    if status is not None:
        if status not in ("active", "inactive", "archived"):
            raise Invalid.field("status", "must be one of {allowed}", allowed=["active", "inactive", "archived"])
        if status != "active" and await ctx.exists(
            Account, Account.parent_id == account_id, Account.status == "active"
        ):
            raise Conflict("an active account stands under this header")
        changes["status"] = status
    if not changes:
        raise Invalid("nothing to change", fields=[])
    await ctx.change(Account, account_id, **changes)
    ctx.forget()


async def start_chart(ctx: Ctx) -> None:
    """The chart a tenant starts with; accounts that are there stay as they are."""
    existing = {row["code"]: row["id"] for row in await ctx.connection.fetch("SELECT code, id FROM accounting.account")}
    ids = {code: existing.get(code) or new_id() for code, _, _, _ in rules.STARTING}
    await ctx.add_many(
        Account,
        [
            {
                "id": ids[code],
                "code": code,
                "name": name,
                "type": kind.value,
                "normal_balance": rules.normal_balance(kind),
                "parent_id": ids[parent] if parent else None,
                "detail": parent is not None,
            }
            for code, name, kind, parent in rules.STARTING
            if code not in existing
        ],
        skip_conflicts=True,
    )


@command(needs="periods.edit")
async def create_period(ctx: Ctx, year: int, month: int) -> UUID:
    """Open a month of the books ahead of its first posting. Refuses with Conflict a month that is there."""
    if not 1900 <= year <= 9998 or not 1 <= month <= 12:
        raise Invalid.field("month", "this is not a month")
    period_id = await ctx.add(
        Period,
        entity_id=ctx.entity_id,
        year=year,
        month=month,
        starts_on=date(year, month, 1),
        ends_on=date(year, month, monthrange(year, month)[1]),
    )
    await status.begin(ctx, rules.PERIOD, [period_id])
    ctx.emit(PeriodOpened(period_id=period_id, entity_id=ctx.entity_id, year=year, month=month))
    return period_id


@command(needs="periods.edit")
async def close_period(ctx: Ctx, period_id: UUID, reason: str | None = None) -> None:
    """Nothing can be posted in it from now on; postings under way finish first or are refused."""
    period = await ctx.one(view(PeriodShown, Period).where(Period.id == period_id))
    await status.move(ctx, ctx.house.catalogue.machines["period"], period_id, "close", reason=reason, closed_at=ctx.now)
    ctx.forget()
    ctx.emit(PeriodClosed(period_id=period_id, entity_id=period.entity_id, year=period.year, month=period.month))


@command(needs="periods.edit")
async def open_period(ctx: Ctx, period_id: UUID, reason: str | None = None) -> None:
    """Let postings in again."""
    period = await ctx.one(view(PeriodShown, Period).where(Period.id == period_id))
    await status.move(ctx, ctx.house.catalogue.machines["period"], period_id, "open", reason=reason, closed_at=None)
    ctx.forget()
    ctx.emit(PeriodOpened(period_id=period_id, entity_id=period.entity_id, year=period.year, month=period.month))
