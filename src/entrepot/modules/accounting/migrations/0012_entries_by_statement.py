"""accounting: that new posted entries have their lines is looked up once for all of a statement."""

from entrepot.kernel.schema import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run(ENTRIES)


# As a rule entries and lines come with one statement, and are there when it ends. Where the lines come after it, saying the
# status once more lets the commit look again, as it does for a draft that is posted.
ENTRIES = """
CREATE FUNCTION accounting.entries_have_lines() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bare uuid[];
BEGIN
    SELECT array_agg(n.id) INTO bare FROM new_rows n
    LEFT JOIN LATERAL (
        SELECT true AS found FROM accounting.journal_line l
        WHERE l.tenant_id = n.tenant_id AND l.entry_id = n.id LIMIT 1) l ON true
    WHERE n.status = 'posted' AND l.found IS NULL;
    IF bare IS NOT NULL THEN
        UPDATE accounting.journal_entry e SET status = e.status FROM new_rows n
        WHERE n.id = ANY (bare) AND e.tenant_id = n.tenant_id AND e.id = n.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_have_lines AFTER INSERT ON accounting.journal_entry REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.entries_have_lines();
DROP TRIGGER entry_has_lines ON accounting.journal_entry;
CREATE CONSTRAINT TRIGGER entry_has_lines AFTER UPDATE OF status ON accounting.journal_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'posted')
    EXECUTE FUNCTION accounting.entry_has_lines();
"""
