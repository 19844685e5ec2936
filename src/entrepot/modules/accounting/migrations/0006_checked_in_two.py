"""accounting: new lines are checked with two statements instead of five."""

from entrepot.kernel.schema import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run(LINES)


# What was checked before is checked still: whole entries, balanced, numbered from one, of a posted entry of their day, in
# open periods. Lines of an entry that name several days or business entities are several groups here, and one of them
# is not numbered from one or does not balance. The periods are locked against closing until the posting is committed;
# who waited for a close reads it as closed. Entries are looked up one by one: of NOT EXISTS the planner may make a list
# of all the entries there are, and for a table that grows faster than it is analysed it does.
LINES = """
CREATE OR REPLACE FUNCTION accounting.check_lines() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    SELECT g.entry_id, g.debit, g.credit, g.debit = g.credit AND g.lines > 1 AS balanced,
           g.first = 1 AND g.last = g.lines AS whole
    INTO wrong
    FROM (SELECT tenant_id, entry_id, entity_id, date, sum(debit) AS debit, sum(credit) AS credit, count(*) AS lines,
                 min(position) AS first, max(position) AS last
          FROM new_rows GROUP BY tenant_id, entry_id, entity_id, date) g
    LEFT JOIN LATERAL (
        SELECT e.status, e.date, e.entity_id FROM accounting.journal_entry e
        WHERE e.tenant_id = g.tenant_id AND e.id = g.entry_id LIMIT 1) e ON true
    WHERE g.debit <> g.credit OR g.lines < 2 OR g.first <> 1 OR g.last <> g.lines
       OR (e.status, e.date, e.entity_id) IS DISTINCT FROM ('posted', g.date, g.entity_id)
    LIMIT 1;
    IF FOUND THEN
        IF NOT wrong.balanced THEN
            RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'the entry does not balance',
                DETAIL = jsonb_build_object('entry_id', wrong.entry_id, 'debit', wrong.debit::text,
                                            'credit', wrong.credit::text)::text;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'EN409',
            MESSAGE = CASE WHEN wrong.whole THEN 'a line belongs to no posted entry of its day'
                           ELSE 'a posted entry cannot be changed' END,
            DETAIL = jsonb_build_object('entry_id', wrong.entry_id)::text;
    END IF;
    SELECT to_char(n.date, 'YYYY-MM') AS period INTO wrong
    FROM (SELECT DISTINCT tenant_id, entity_id, date_trunc('month', date)::date AS date FROM new_rows) n
    LEFT JOIN LATERAL (
        SELECT p.state FROM accounting.period p
        WHERE p.tenant_id = n.tenant_id AND p.entity_id = n.entity_id
          AND p.year = extract(year FROM n.date)::bigint AND p.month = extract(month FROM n.date)::bigint
        LIMIT 1 FOR SHARE) p ON true
    WHERE p.state IS DISTINCT FROM 'open' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'the period {period} is closed',
            DETAIL = jsonb_build_object('period', wrong.period)::text;
    END IF;
    RETURN NULL;
END $$;
"""
