"""accounting: that lines have their entry and their accounts is checked once for all of them, not line by line."""

from entrepot.kernel.schema import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run(KEYS)
    run(ACCOUNTS)
    run(LINES)


# A foreign key asks once for each line, and locks the row of each account for every sale of a tenant: whoever sells at the
# same moment writes to the same few rows. Entries were looked up by `check_lines` already, and no posted one can go away.
KEYS = """
ALTER TABLE accounting.journal_line DROP CONSTRAINT journal_line_entry_fkey, DROP CONSTRAINT journal_line_account_fkey
"""

# What lines may name must stay, so that who posts need not lock it.
ACCOUNTS = """
CREATE FUNCTION accounting.guard_account() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.tenant_id, NEW.id) = (OLD.tenant_id, OLD.id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'an account stays; deactivate it instead',
        DETAIL = jsonb_build_object('account', OLD.code)::text;
END $$;
CREATE TRIGGER guard_account BEFORE DELETE OR UPDATE OF tenant_id, id ON accounting.account
    FOR EACH ROW EXECUTE FUNCTION accounting.guard_account();
"""

# As before, and the accounts are there: each is looked up once, however many lines name it.
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
    SELECT n.account_id INTO wrong FROM (SELECT DISTINCT tenant_id, account_id FROM new_rows) n
    LEFT JOIN LATERAL (
        SELECT true AS known FROM accounting.account a
        WHERE a.tenant_id = n.tenant_id AND a.id = n.account_id LIMIT 1) a ON true
    WHERE a.known IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'a line belongs to no account',
            DETAIL = jsonb_build_object('account_id', wrong.account_id)::text;
    END IF;
    RETURN NULL;
END $$;
"""
