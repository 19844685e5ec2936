"""kernel: numbers that need not be gapless are taken beside the transaction, by one statement of its own."""

from entrepot.kernel.schema import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(TAKE)


# The tenant is set inside the function, for its own statements: who takes numbers for several tenants one after the
# other needs no transaction around each. It runs with the caller's rights, so the policies hold.
TAKE = """
CREATE FUNCTION kernel.take_numbers(tenant uuid, entity uuid, document text, of_year int, how_many int,
                                    default_pattern text, default_padding int,
                                    OUT following bigint, OUT number_pattern text, OUT number_padding int)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.tenant', tenant::text, true);
    FOR attempt IN 1..2 LOOP
        UPDATE kernel.number_series SET next = next + how_many
        WHERE entity_id = entity AND document_type = document AND year = of_year
        RETURNING next, pattern, padding INTO following, number_pattern, number_padding;
        EXIT WHEN FOUND;
        INSERT INTO kernel.number_series (entity_id, document_type, year, pattern, padding)
        SELECT entity, document, of_year, coalesce(last.pattern, default_pattern), coalesce(last.padding, default_padding)
        FROM (SELECT 1) one LEFT JOIN LATERAL (
            SELECT pattern, padding FROM kernel.number_series
            WHERE entity_id = entity AND document_type = document ORDER BY year DESC LIMIT 1) last ON true
        ON CONFLICT DO NOTHING;
    END LOOP;
END $$;
GRANT EXECUTE ON FUNCTION kernel.take_numbers TO entrepot_app;
"""
