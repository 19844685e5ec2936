"""accounting: a line is found by its entry and its place in it."""

from entrepot.kernel.schema import keyed_by

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    keyed_by("accounting.journal_line", "journal_line_entry_id_position_key")
