"""Orders by the million, made by set-based SQL straight into the tables: lines, goods, payments, entries and balances
agree as if each had been sold, so that `entrepot check` finds nothing. Events and the audit trail are not made."""

from __future__ import annotations

import asyncpg

from bench.shop import Shop
from bench.system import System

CHUNK = 100_000
LINES = 2
_HURRY = ("full_page_writes = off", "max_wal_size = '4GB'", "autovacuum = off")


async def orders(system: System, shop: Shop, many: int) -> None:
    """So many past sales of two lines each over the last two years, in the order of their time as they would have come."""
    owner = await asyncpg.connect(system.server)
    connection = await system.connect()
    try:
        # Nobody would miss what a crash destroyed here, so nothing is written twice against one.
        for setting in _HURRY:
            await owner.execute(f"ALTER SYSTEM SET {setting}")
        await owner.execute("SELECT pg_reload_conf()")
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        await connection.execute("SET work_mem = '256MB'")
        for statement in _split(_PREPARE):
            await connection.execute(statement, *([shop.tenant] if "$1" in statement else []))
        for start in range(0, many, CHUNK):
            await connection.execute(_PICK, start, min(CHUNK, many - start), many)
            for statement in _split(_FILL):
                await connection.execute(statement, *([shop.tenant] if "$1" in statement else []))
        for statement in _split(_CLOSE):
            await connection.execute(statement, *([shop.tenant] if "$1" in statement else []))
        await _vacuum(connection)
    finally:
        for setting in _HURRY:
            await owner.execute(f"ALTER SYSTEM RESET {setting.split(' ', 1)[0]}")
        await owner.execute("SELECT pg_reload_conf()")
        await owner.execute("CHECKPOINT")
        await connection.close()
        await owner.close()


async def _vacuum(connection: asyncpg.Connection) -> None:
    for table in (
        "orders.sales_order",
        "orders.order_line",
        "inventory.stock_ledger",
        "inventory.stock_level",
        "payments.payment",
        "accounting.journal_entry",
        "accounting.journal_line",
        "accounting.account_balance",
        "kernel.status_history",
    ):
        await connection.execute(f"VACUUM ANALYZE {table}")


def _split(script: str) -> list[str]:
    return [part.strip() for part in script.split(";\n") if part.strip()]


_PREPARE = """
CREATE TEMP TABLE shop AS SELECT t.id AS tenant, t.default_entity_id AS entity, w.id AS warehouse,
    (SELECT id FROM accounting.account WHERE tenant_id = t.id AND code = '1020') AS card,
    (SELECT id FROM accounting.account WHERE tenant_id = t.id AND code = '4000') AS revenue,
    (SELECT id FROM accounting.account WHERE tenant_id = t.id AND code = '2200') AS tax,
    (SELECT id FROM accounting.account WHERE tenant_id = t.id AND code = '5000') AS cogs,
    (SELECT id FROM accounting.account WHERE tenant_id = t.id AND code = '1300') AS inventory
    FROM identity.tenant t JOIN inventory.warehouse w ON w.tenant_id = t.id AND w.standard
    WHERE t.id = $1::text::uuid;
CREATE TEMP TABLE goods AS SELECT row_number() OVER (ORDER BY v.sku) - 1 AS at, v.id AS variant, v.sku, v.name, v.price,
    round(v.price * 2 / 5, 2) AS cost FROM catalog.variant v WHERE v.tenant_id = $1::text::uuid;
CREATE TEMP TABLE taken AS SELECT year, document_type, next - 1 AS before, 0::bigint AS more
    FROM kernel.number_series WHERE tenant_id = $1::text::uuid;
CREATE TEMP TABLE picked (n bigint, id uuid, sale_entry uuid, cost_entry uuid, at timestamptz, year int, number bigint,
    gross numeric, net numeric, tax numeric, cost numeric);
CREATE TEMP TABLE line (n bigint, id uuid, order_id uuid, position int, at timestamptz, variant uuid, sku text, name text,
    quantity numeric, price numeric, gross numeric, net numeric, tax numeric, cost numeric);
CREATE TEMP TABLE counted (year int PRIMARY KEY, orders bigint NOT NULL)
"""

# Sales at noon, so that a sale has the same day and year in every time zone we support.
_PICK = """
WITH cleared AS (SELECT 1), sales AS (
    SELECT i AS n, d.at, extract(year FROM d.at)::int AS year FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) i
    CROSS JOIN LATERAL (SELECT date_trunc('day', now() - interval '1 day' * (700 - i * 700 / $3::bigint)) + interval '12 hours'
                               + interval '1 second' * (i * 700 % $3::bigint * 3600 / $3::bigint) AS at) d
)
INSERT INTO picked (n, id, sale_entry, cost_entry, at, year, number)
SELECT n, uuidv7(at - now()), uuidv7(at - now()), uuidv7(at - now()), at, year,
       row_number() OVER (PARTITION BY year ORDER BY at, n)
FROM sales
"""

_FILL = """
INSERT INTO line SELECT p.n, uuidv7(p.at - now()), p.id, k, p.at, g.variant, g.sku, g.name, q.quantity, g.price,
    g.price * q.quantity, round(g.price * q.quantity / 1.21, 2), g.price * q.quantity - round(g.price * q.quantity / 1.21, 2),
    g.cost * q.quantity
    FROM picked p CROSS JOIN generate_series(1, 2) k
    CROSS JOIN LATERAL (SELECT 1 + (p.n + k) % 3 AS quantity) q
    JOIN goods g ON g.at = (p.n * 7 + k * 101) % (SELECT count(*) FROM goods);
UPDATE picked p SET gross = s.gross, net = s.net, tax = s.tax, cost = s.cost
    FROM (SELECT order_id, sum(gross) AS gross, sum(net) AS net, sum(tax) AS tax, sum(cost) AS cost FROM line GROUP BY 1) s
    WHERE s.order_id = p.id;
UPDATE picked p SET number = p.number + coalesce((SELECT orders FROM counted c WHERE c.year = p.year), 0);
INSERT INTO orders.sales_order (tenant_id, id, created_at, updated_at, number, entity_id, channel, state, warehouse_id,
    terminal_id, currency, subtotal, tax_total, total, payment_status, fulfillment_status, billing_status, placed_at, paid_at,
    completed_at)
    SELECT s.tenant, p.id, p.at, p.at,
    format('ORD-%s-%s', p.year, lpad(x.number::text, greatest(4, length(x.number::text)), '0')),
    s.entity, 'pos', 'completed', s.warehouse, 'till-' || p.n % 5, 'EUR', p.net, p.tax, p.gross, 'paid', 'fulfilled',
    'billed', p.at, p.at, p.at FROM picked p CROSS JOIN shop s CROSS JOIN LATERAL (SELECT p.number + coalesce((
        SELECT before FROM taken WHERE year = p.year AND document_type = 'order'), 0) AS number) x ORDER BY p.at;
INSERT INTO orders.order_line (tenant_id, order_id, position, id, variant_id, sku, name, quantity, unit_price, net, tax,
    gross, tax_code, tax_rate)
    SELECT s.tenant, l.order_id, l.position, l.id, l.variant, l.sku, l.name, l.quantity, l.price, l.net, l.tax, l.gross, 'S', 21
    FROM line l CROSS JOIN shop s ORDER BY l.order_id;
INSERT INTO kernel.status_history (tenant_id, entity_type, entity_id, to_status, move, at)
    SELECT s.tenant, 'order', p.id, 'completed', 'sell', p.at FROM picked p CROSS JOIN shop s;
INSERT INTO inventory.stock_ledger (tenant_id, id, at, warehouse_id, sku, quantity, unit_cost, value, kind, reference)
    SELECT s.tenant, uuidv7(l.at - now()), l.at, s.warehouse, l.sku, -l.quantity, l.cost / l.quantity, -l.cost, 'sale', l.order_id
    FROM line l CROSS JOIN shop s;
INSERT INTO payments.payment (tenant_id, id, created_at, updated_at, entity_id, reference_type, reference_id, method, amount,
    tendered, currency, state)
    SELECT s.tenant, uuidv7(p.at - now()), p.at, p.at, s.entity, 'order', p.id, 'card', p.gross, p.gross, 'EUR', 'confirmed'
    FROM picked p CROSS JOIN shop s;
INSERT INTO accounting.journal_entry (tenant_id, id, created_at, updated_at, number, entity_id, date, kind, status,
    description, reference_type, reference_id, source_key, currency, total, posted_at)
    SELECT s.tenant, e.id, p.at, p.at,
    format('JE-%s-%s', p.year, lpad(e.number::text, greatest(6, length(e.number::text)), '0')), s.entity, p.at::date, 'system',
    'posted', e.what, e.kind, p.id, e.what || ':' || p.id, 'EUR', e.total, p.at FROM picked p CROSS JOIN shop s
    CROSS JOIN LATERAL (SELECT coalesce((SELECT before FROM taken WHERE year = p.year AND document_type = 'journal_entry'), 0)
                               AS before) b
    CROSS JOIN LATERAL (VALUES (p.sale_entry, 'sale', 'order', p.gross, b.before + p.number * 2 - 1),
                               (p.cost_entry, 'cost', 'stock', p.cost, b.before + p.number * 2)) e(id, what, kind, total, number);
INSERT INTO accounting.journal_line (tenant_id, entry_id, position, id, entity_id, account_id, date, debit, credit)
    SELECT s.tenant, l.entry, l.position, uuidv7(p.at - now()), s.entity, l.account, p.at::date, l.debit, l.credit
    FROM picked p CROSS JOIN shop s CROSS JOIN LATERAL (VALUES
        (p.sale_entry, 1, s.card, p.gross, 0), (p.sale_entry, 2, s.revenue, 0, p.net), (p.sale_entry, 3, s.tax, 0, p.tax),
        (p.cost_entry, 1, s.cogs, p.cost, 0), (p.cost_entry, 2, s.inventory, 0, p.cost)
    ) l(entry, position, account, debit, credit);
INSERT INTO counted SELECT year, count(*) FROM picked GROUP BY year
    ON CONFLICT (year) DO UPDATE SET orders = counted.orders + excluded.orders;
TRUNCATE line;
TRUNCATE picked
"""

_CLOSE = """
UPDATE inventory.stock_level l SET on_hand = m.quantity, value = m.value
    FROM (SELECT warehouse_id, sku, sum(quantity) AS quantity, sum(value) AS value FROM inventory.stock_ledger
          WHERE tenant_id = $1::text::uuid GROUP BY 1, 2) m
    WHERE l.tenant_id = $1::text::uuid AND l.warehouse_id = m.warehouse_id AND l.sku = m.sku;
DELETE FROM accounting.account_balance WHERE tenant_id = $1::text::uuid;
INSERT INTO accounting.account_balance (tenant_id, id, entity_id, account_id, year, month, debit, credit, updated_at)
    SELECT tenant_id, gen_random_uuid(), entity_id, account_id, extract(year FROM date)::bigint,
    extract(month FROM date)::bigint, sum(debit), sum(credit), now() FROM accounting.journal_line
    WHERE tenant_id = $1::text::uuid GROUP BY 1, 3, 4, 5, 6;
INSERT INTO accounting.period (tenant_id, id, entity_id, year, month, starts_on, ends_on)
    SELECT DISTINCT b.tenant_id, gen_random_uuid(), b.entity_id, b.year, b.month, make_date(b.year::int, b.month::int, 1),
    (make_date(b.year::int, b.month::int, 1) + interval '1 month - 1 day')::date
    FROM (SELECT DISTINCT tenant_id, entity_id, year, month FROM accounting.account_balance
          WHERE tenant_id = $1::text::uuid) b ON CONFLICT DO NOTHING;
INSERT INTO kernel.number_series AS n (tenant_id, entity_id, document_type, year, pattern, padding, next)
    SELECT s.tenant, s.entity, d.kind, c.year, d.pattern, d.padding, 1 + c.orders * d.each FROM counted c CROSS JOIN shop s
    CROSS JOIN (VALUES ('order', 'ORD-{year}-{number}', 4, 1), ('journal_entry', 'JE-{year}-{number}', 6, 2))
        d(kind, pattern, padding, each)
    ON CONFLICT (tenant_id, entity_id, document_type, year) DO UPDATE SET next = n.next + excluded.next - 1
"""
