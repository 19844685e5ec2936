"""kernel: a connection may make functions of its own, which units of several tenants need to write in one transaction."""

from entrepot.kernel.schema import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run(ALLOWED)


# PostgreSQL lets everybody, but a hardened server may have taken it from all. Where we may not give it, units go one by one.
ALLOWED = """
DO $$
BEGIN
    IF NOT has_database_privilege('entrepot_app', current_database(), 'TEMPORARY') THEN
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO entrepot_app', current_database());
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END $$;
"""
