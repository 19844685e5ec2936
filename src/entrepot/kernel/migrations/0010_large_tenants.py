"""kernel: statements are planned for a tenant that has much, however many there are that have little."""

from entrepot.kernel.schema import LARGE, run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run(PLANNED)


# `schema.LARGE` says why. It counts from the next ANALYZE on, so that is done here, but for empty tables: one that was
# analysed while it was empty is planned for as empty when it has grown.
PLANNED = f"""
DO $$
DECLARE
    t text;
BEGIN
    FOR t IN
        SELECT a.attrelid::regclass::text FROM pg_policy l
        JOIN pg_attribute a ON a.attrelid = l.polrelid AND a.attname = 'tenant_id' WHERE l.polname = 'tenant'
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET (n_distinct = {LARGE})', t);
        IF pg_relation_size(t::regclass) > 0
           OR EXISTS (SELECT FROM pg_partition_tree(t::regclass) part WHERE pg_relation_size(part.relid) > 0) THEN
            EXECUTE format('ANALYZE %s', t);
        END IF;
    END LOOP;
END $$;
"""  # noqa: S608
