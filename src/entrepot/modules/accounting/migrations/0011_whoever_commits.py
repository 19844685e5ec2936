"""accounting: that posted entries have lines is checked for each entry's own tenant, whoever's work ends the transaction."""

from entrepot.kernel.schema import run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run(ENTRIES)


# It is checked at the commit, where units of several tenants may end: the setting is then that of the last of them.
ENTRIES = """
CREATE OR REPLACE FUNCTION accounting.entry_has_lines() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('app.tenant', NEW.tenant_id::text, true);
    IF NOT EXISTS (SELECT FROM accounting.journal_line l WHERE l.tenant_id = NEW.tenant_id AND l.entry_id = NEW.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = 'a posted entry needs its lines',
            DETAIL = jsonb_build_object('entry_id', NEW.id)::text;
    END IF;
    RETURN NULL;
END $$;
"""
