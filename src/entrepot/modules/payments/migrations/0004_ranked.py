"""payments: a list by amount begins at once, and so does looking for an amount."""

from entrepot.kernel.schema import audit_by, run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run(SCHEMA)
    audit_by("payments.payment", "reference_id", masked=("amount_rank",))


# Keys are made anew as well: while PostgreSQL knows of hardly any row every index looks as good, and it takes the newest.
SCHEMA = """
ALTER TABLE payments.payment DROP CONSTRAINT payment_pkey;
DROP INDEX payments.payment_reference_id_idx;
DROP INDEX payments.payment_created_at_idx;
ALTER TABLE payments.payment
    ADD COLUMN amount_rank DOUBLE PRECISION NOT NULL GENERATED ALWAYS AS (amount::double precision) STORED;
CREATE INDEX payment_created_at_id_idx ON payments.payment (tenant_id, created_at DESC, id DESC);
CREATE INDEX payment_amount_rank_created_at_id_idx ON payments.payment (tenant_id, amount_rank, created_at DESC, id DESC);
ALTER TABLE payments.payment ADD CONSTRAINT payment_pkey PRIMARY KEY (tenant_id, id);
CREATE INDEX payment_reference_id_idx ON payments.payment (tenant_id, reference_id)
"""
