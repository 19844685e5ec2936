"""payments: the few payments that did not go through are found at once among the many that did."""

from entrepot.kernel.schema import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run(INDEX)


INDEX = """
CREATE INDEX payment_state_created_at_idx ON payments.payment (tenant_id, state, created_at DESC)
    WHERE state <> 'confirmed'
"""
