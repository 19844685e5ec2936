"""kernel: answers that are kept for who asks again are stored as they are."""

from entrepot.kernel.schema import run

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run(ANSWERS)


# The answer to a sale is a little longer than what PostgreSQL begins to compress at: that took longer than writing its order
# with eight indexes, for rows that are deleted after a day. What does not fit into a page is compressed as before.
ANSWERS = """
ALTER TABLE kernel.idempotency SET (toast_tuple_target = 8160)
"""
