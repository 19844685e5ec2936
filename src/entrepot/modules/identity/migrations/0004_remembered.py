"""identity: what others remember of it is asked again when it changes."""

from entrepot.kernel.schema import remembered

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    remembered("identity.tenant", "identity.business_entity", "identity.user_account", "identity.role")
    # A new session or key was never asked for before.
    remembered("identity.session", "identity.api_key", inserts=False)
