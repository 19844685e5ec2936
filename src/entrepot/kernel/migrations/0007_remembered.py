"""kernel: who remembers master data is told at the commit when it has changed."""

from entrepot.kernel.schema import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run(TELL)


# A notification goes out with the commit, so it never comes before the change can be read, and a preview tells nobody. What
# belongs to no tenant (any argument) concerns everybody, whoever changes it.
TELL = """
CREATE FUNCTION kernel.tell_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('entrepot_changed',
                      CASE WHEN TG_NARGS > 0 THEN '' ELSE coalesce(current_setting('app.tenant', true), '') END);
    RETURN NULL;
END $$;
"""
