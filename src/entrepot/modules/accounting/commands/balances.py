"""What an account moved in a month, kept with every posting so that nobody has to add up lines."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from entrepot.kernel.ctx import Ctx
from entrepot.modules.accounting import rules
from entrepot.modules.accounting.rules import Draft
from entrepot.pure.ids import new_id


async def keep(ctx: Ctx, posted: Sequence[Draft], accounts: dict[str, UUID]) -> None:
    """Add what these entries of one business entity move to the balances of their accounts and months; `accounts` are the
    ids by code."""
    entity_id = posted[0].entity_id
    # In one order for everybody: who posts to the same accounts waits for the other, and never in a circle.
    sums = sorted(
        (accounts[code], year, month, *both)
        for (year, month), moved in rules.moved(posted).items()
        for code, both in moved.items()
    )
    rows = [
        {
            "id": new_id(),
            "entity_id": entity_id,
            "account_id": account_id,
            "year": year,
            "month": month,
            "debit": debit,
            "credit": credit,
        }
        for account_id, year, month, debit, credit in sums
    ]
    await ctx.run_later("accounting.account_balance", _KEEP, rows, ctx.now, ctx.tenant_id)


_KEEP = """
INSERT INTO accounting.account_balance AS b (id, entity_id, account_id, year, month, debit, credit, updated_at, tenant_id)
SELECT u.*, $2, $3 FROM json_to_recordset($1::json) AS u(id uuid, entity_id uuid, account_id uuid, year bigint, month bigint,
                                                      debit numeric, credit numeric)
ON CONFLICT (tenant_id, entity_id, account_id, year, month)
DO UPDATE SET debit = b.debit + excluded.debit, credit = b.credit + excluded.credit, updated_at = excluded.updated_at
"""
