"""What is known of every file."""

from entrepot.kernel.db import Extensible, index, integer, json, moment_or_none, text, uuid_or_none


class Document(Extensible, table="document", schema="documents"):
    """A file attached to something. The bytes are in the file store under `file_path`."""

    entity_type = text(server_default="")
    entity_ref = uuid_or_none()
    name = text()
    file_path = text()
    mime_type = text()
    size = integer()
    sha256 = text()
    disk = text(server_default="local")
    category = text(server_default="other")
    metadata = json()
    created_by = uuid_or_none()
    archived_at = moment_or_none()
    constraints = (index("entity_ref"), index("category", "-created_at"))
