"""That the books are right: asked of every row, by `entrepot check`."""

from __future__ import annotations

from entrepot.kernel.ctx import Ctx


async def balances_equal_recount(ctx: Ctx) -> list[str]:
    """Every kept balance that differs from a recount of its lines, every entry that does not balance, and every line whose
    entry or account is not there; there must never be one."""
    wrong = await ctx.connection.fetch(_DIFFERENCES)
    unbalanced = await ctx.connection.fetch(_UNBALANCED)
    astray = await ctx.connection.fetch(_ASTRAY)
    return [
        *(f"balance {row['year']}-{row['month']:02d} of account {row['account_id']}" for row in wrong),
        *(f"entry {row['entry_id']} does not balance" for row in unbalanced),
        *(f"line {row['id']} has no {row['what']}" for row in astray),
    ]


_DIFFERENCES = """
SELECT coalesce(b.account_id, l.account_id) AS account_id, coalesce(b.year, l.year) AS year,
       coalesce(b.month, l.month) AS month
FROM accounting.account_balance b FULL JOIN (
    SELECT entity_id, account_id, extract(year FROM date)::bigint AS year, extract(month FROM date)::bigint AS month,
           sum(debit) AS debit, sum(credit) AS credit
    FROM accounting.journal_line GROUP BY 1, 2, 3, 4) l USING (entity_id, account_id, year, month)
WHERE coalesce(b.debit, 0) <> coalesce(l.debit, 0) OR coalesce(b.credit, 0) <> coalesce(l.credit, 0) LIMIT 100
"""
_UNBALANCED = """
SELECT entry_id FROM accounting.journal_line GROUP BY entry_id HAVING sum(debit) <> sum(credit) LIMIT 100
"""
_ASTRAY = """
SELECT l.id, CASE WHEN e.id IS NULL THEN 'posted entry' ELSE 'account' END AS what FROM accounting.journal_line l
LEFT JOIN accounting.journal_entry e ON e.id = l.entry_id AND e.status <> 'draft'
LEFT JOIN accounting.account a ON a.id = l.account_id
WHERE e.id IS NULL OR a.id IS NULL ORDER BY l.id LIMIT 100
"""
