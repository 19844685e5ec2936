"""accounting: the lines of an entry are numbered from one, each number once, so that none can be added later."""

from entrepot.kernel.schema import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run(INDEX)
    run(LINES)


INDEX = """
CREATE UNIQUE INDEX journal_line_entry_id_position_key ON accounting.journal_line (tenant_id, entry_id, position);
DROP INDEX accounting.journal_line_entry_id_idx;
"""

# As before, but for one check: what is inserted for an entry are its lines from the first to the last, so lines that
# come later would repeat a number, which the index refuses. Counting what is there already took a third of a posting.
LINES = """
CREATE OR REPLACE FUNCTION accounting.check_lines() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
    tenant uuid;
BEGIN
    SELECT n.tenant_id INTO tenant FROM new_rows n LIMIT 1;
    SELECT entry_id, sum(debit) AS debit, sum(credit) AS credit INTO wrong FROM new_rows
    GROUP BY entry_id HAVING sum(debit) <> sum(credit) OR count(*) < 2 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'the entry does not balance',
            DETAIL = jsonb_build_object('entry_id', wrong.entry_id, 'debit', wrong.debit::text,
                                        'credit', wrong.credit::text)::text;
    END IF;
    SELECT entry_id INTO wrong FROM new_rows
    GROUP BY entry_id HAVING min(position) <> 1 OR max(position) <> count(*) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'a posted entry cannot be changed',
            DETAIL = jsonb_build_object('entry_id', wrong.entry_id)::text;
    END IF;
    SELECT n.entry_id INTO wrong FROM (SELECT DISTINCT entry_id, entity_id, date FROM new_rows) n
    LEFT JOIN LATERAL (
        SELECT true AS known FROM accounting.journal_entry e
        WHERE e.tenant_id = tenant AND e.id = n.entry_id AND e.status = 'posted' AND e.date = n.date
          AND e.entity_id = n.entity_id LIMIT 1) e ON true
    WHERE e.known IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'a line belongs to no posted entry of its day',
            DETAIL = jsonb_build_object('entry_id', wrong.entry_id)::text;
    END IF;
    PERFORM 1 FROM accounting.period p
    WHERE p.tenant_id = tenant AND (p.entity_id, p.year, p.month) IN (
        SELECT entity_id, extract(year FROM date)::bigint, extract(month FROM date)::bigint FROM new_rows)
    ORDER BY p.id FOR SHARE;
    SELECT to_char(n.date, 'YYYY-MM') AS period INTO wrong
    FROM (SELECT DISTINCT entity_id, date_trunc('month', date)::date AS date FROM new_rows) n
    LEFT JOIN LATERAL (
        SELECT p.state FROM accounting.period p
        WHERE p.tenant_id = tenant AND p.entity_id = n.entity_id
          AND p.year = extract(year FROM n.date)::bigint AND p.month = extract(month FROM n.date)::bigint LIMIT 1) p ON true
    WHERE p.state IS DISTINCT FROM 'open' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'the period {period} is closed',
            DETAIL = jsonb_build_object('period', wrong.period)::text;
    END IF;
    RETURN NULL;
END $$;
"""
