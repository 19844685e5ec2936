"""accounting: the journal begins at once, and so does looking for an amount in it."""

from entrepot.kernel.schema import audit_by, run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run(SCHEMA)
    audit_by("accounting.journal_entry", "reference_id", masked=("total_rank",))


# Keys are made anew as well: while PostgreSQL knows of hardly any row every index looks as good, and it takes the newest.
SCHEMA = """
ALTER TABLE accounting.journal_entry DROP CONSTRAINT journal_entry_pkey;
DROP INDEX accounting.journal_entry_reference_id_idx;
DROP INDEX accounting.journal_entry_source_key_key;
DROP INDEX accounting.journal_entry_entity_id_date_id_idx;
ALTER TABLE accounting.journal_entry
    ADD COLUMN total_rank DOUBLE PRECISION NOT NULL GENERATED ALWAYS AS (total::double precision) STORED;
CREATE INDEX journal_entry_date_id_idx ON accounting.journal_entry (tenant_id, date DESC, id DESC);
CREATE INDEX journal_entry_total_rank_date_id_idx ON accounting.journal_entry (tenant_id, total_rank, date DESC, id DESC);
ALTER TABLE accounting.journal_entry ADD CONSTRAINT journal_entry_pkey PRIMARY KEY (tenant_id, id);
CREATE INDEX journal_entry_reference_id_idx ON accounting.journal_entry (tenant_id, reference_id)
    WHERE reference_id IS NOT NULL;
CREATE UNIQUE INDEX journal_entry_source_key_key ON accounting.journal_entry (tenant_id, source_key)
    WHERE source_key IS NOT NULL;

-- What is generated is not there yet before a row is written; the total it follows from is guarded.
CREATE OR REPLACE FUNCTION accounting.guard_entry() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE free text[] := ARRAY['status', 'voided_by_id', 'void_reason', 'version', 'updated_at', 'custom', 'total_rank'];
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
END $$
"""
