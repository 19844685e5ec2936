"""Pages of documents: everything that was made or attached, to find and to open."""

from entrepot.kernel.ui.declare import DetailPage, FormPage, ListPage, Section
from entrepot.modules.documents import commands, queries

ARCHIVE = "It is no longer shown; the file itself stays, because something may refer to it."

pages = [
    ListPage(
        queries.DOCUMENTS,
        icon="paperclip",
        menu="System",
        order=50,
        columns=["name", "category", "entity_type", "size", "created_at"],
        filters=["category", "entity_type", "mime_type", "created_at"],
        intro="Receipts, invoices and files that hang on something, newest first.",
        empty="A receipt that is printed and a file that is attached to something appear here.",
        bulk=[FormPage(commands.archive_document, title="Archive", confirm=ARCHIVE)],
        open=DetailPage(
            queries.read_document,
            title="Document",
            sections=[
                Section("Document", ["name", "category", "mime_type", "size", "created_at"]),
                Section("What it is about", ["entity_type", "entity_ref"]),
            ],
            links={"Open the document": "url", "To what it is about": "about"},
            actions=[
                FormPage(commands.archive_document, title="Archive", icon="archive", danger=True, confirm=ARCHIVE)
            ],
        ),
    ),
]
