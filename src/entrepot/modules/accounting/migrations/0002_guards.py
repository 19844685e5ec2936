"""accounting: the database itself refuses what must never be in the books."""

from entrepot.kernel.schema import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run(CONSTRAINTS)
    run(LINES)
    run(ENTRIES)


CONSTRAINTS = """
ALTER TABLE accounting.journal_line ADD CONSTRAINT journal_line_one_side_check
    CHECK (debit >= 0 AND credit >= 0 AND (debit > 0) <> (credit > 0));
ALTER TABLE accounting.journal_line ADD CONSTRAINT journal_line_entry_fkey
    FOREIGN KEY (tenant_id, entry_id) REFERENCES accounting.journal_entry (tenant_id, id);
ALTER TABLE accounting.journal_line ADD CONSTRAINT journal_line_account_fkey
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounting.account (tenant_id, id);
ALTER TABLE accounting.journal_entry ADD CONSTRAINT journal_entry_status_check
    CHECK (status IN ('draft', 'posted', 'voided'));
ALTER TABLE accounting.period ADD CONSTRAINT period_state_check CHECK (state IN ('open', 'closed'));
"""

# One trigger per statement sees all its lines at once: whole entries, balanced, of a posted entry, in open periods.
# The new lines are summed by themselves, and stored rows are only looked up by key, through arrays and LIMIT 1: a
# transition table has no statistics, and a join with it would be planned as if the ledger were empty.
# The periods are locked against closing until the posting is committed; who closes waits for it and the other way
# round, so a line and a close never pass each other.
LINES = """
CREATE FUNCTION accounting.check_lines() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
    tenant uuid;
    entries uuid[];
    fresh bigint;
BEGIN
    SELECT min(tenant_id::text)::uuid, array_agg(DISTINCT entry_id), count(*) INTO tenant, entries, fresh FROM new_rows;
    SELECT entry_id, sum(debit) AS debit, sum(credit) AS credit INTO wrong FROM new_rows
    GROUP BY entry_id HAVING sum(debit) <> sum(credit) OR count(*) < 2 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'the entry does not balance',
            DETAIL = jsonb_build_object('entry_id', wrong.entry_id, 'debit', wrong.debit::text,
                                        'credit', wrong.credit::text)::text;
    END IF;
    IF (SELECT count(*) FROM accounting.journal_line l WHERE l.tenant_id = tenant AND l.entry_id = ANY (entries)) <> fresh
    THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'a posted entry cannot be changed',
            DETAIL = jsonb_build_object('entry_id', entries[1])::text;
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
CREATE TRIGGER check_lines AFTER INSERT ON accounting.journal_line REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.check_lines();
"""

ENTRIES = """
CREATE FUNCTION accounting.guard_entry() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE free text[] := ARRAY['status', 'voided_by_id', 'void_reason', 'version', 'updated_at', 'custom'];
BEGIN
    IF OLD.status = 'draft' THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - free <> to_jsonb(NEW) - free
       OR (OLD.status = 'voided' AND NEW.status <> 'voided') OR NEW.status = 'draft' THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'a posted entry cannot be changed',
            DETAIL = jsonb_build_object('entry_id', OLD.id)::text;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard_entry BEFORE UPDATE OR DELETE ON accounting.journal_entry
    FOR EACH ROW EXECUTE FUNCTION accounting.guard_entry();

CREATE FUNCTION accounting.entry_has_lines() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM accounting.journal_line l WHERE l.tenant_id = NEW.tenant_id AND l.entry_id = NEW.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'a posted entry needs its lines',
            DETAIL = jsonb_build_object('entry_id', NEW.id)::text;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_has_lines AFTER INSERT OR UPDATE OF status ON accounting.journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'posted')
    EXECUTE FUNCTION accounting.entry_has_lines();
"""
