"""kernel: an event is kept as it was told; nobody asks the database about its inside, so it need not take it apart."""

from entrepot.kernel.schema import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run("ALTER TABLE kernel.event ALTER COLUMN data TYPE json USING data::text::json")
