"""kernel: what is overdue and which jobs failed is found at once, however much has a status."""

from entrepot.kernel.schema import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run(INDEX)


INDEX = """
CREATE INDEX status_overdue_idx ON kernel.status (tenant_id, since, entity_id) WHERE overdue;
CREATE INDEX job_failed_idx ON kernel.job (tenant_id, finished_at) WHERE state = 'failed'
"""
