"""kernel: a number that was guessed is taken only where the guess was right."""

from entrepot.kernel.schema import run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run(ADVANCED)


ADVANCED = """
CREATE FUNCTION kernel.advanced(stored bigint, guessed bigint, how_many int, looks_the_same boolean) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF stored = guessed AND looks_the_same THEN
        RETURN stored + how_many;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'EN001', MESSAGE = 'others have taken numbers of this series';
END $$;
GRANT EXECUTE ON FUNCTION kernel.advanced TO entrepot_app;
"""
