"""kernel: statements are planned for any tenant, not for the one who happens to be there when they are planned."""

from entrepot.kernel.schema import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run(POLICIES)


# `schema.POLICY` says why. Tables made from here on have it from the start.
POLICIES = """
DO $$
DECLARE
    p record;
    mine text;
BEGIN
    FOR p IN
        SELECT c.oid::regclass AS name, pg_get_expr(l.polqual, l.polrelid) AS said
        FROM pg_policy l JOIN pg_class c ON c.oid = l.polrelid
        WHERE l.polname = 'tenant' AND pg_get_expr(l.polqual, l.polrelid) !~ 'SELECT'
    LOOP
        mine := regexp_replace(p.said, '^\\((\\w+) = .*$', '\\1');
        EXECUTE format(
            'ALTER POLICY tenant ON %s USING (%I = (SELECT nullif(current_setting(''app.tenant'', true), '''')::uuid)) '
            'WITH CHECK (%I = (SELECT nullif(current_setting(''app.tenant'', true), '''')::uuid))', p.name, mine, mine);
    END LOOP;
END $$;
"""
