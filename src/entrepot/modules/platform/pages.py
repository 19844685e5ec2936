"""Pages of platform: settings, numbers, custom fields, custom objects and their rows."""

from entrepot.kernel.fields import KINDS
from entrepot.kernel.ui.declare import DetailPage, FormPage, LayoutsPage, ListPage, Options, ReportPage, SettingsPage
from entrepot.modules.platform import commands, queries

pages = [
    SettingsPage(
        command=commands.set_setting,
        path="/settings",
        title="Settings",
        icon="settings",
        menu="Settings",
        order=50,
        needs="settings.view",
        intro="What is set for you goes before what is set for this company, and that before what is set for everybody.",
    ),
    ReportPage(
        queries.list_series,
        path="/number-series",
        title="Number series",
        icon="list-check",
        menu="Settings",
        order=60,
        columns=["document_type", "year", "pattern", "padding", "next"],
        drill="/number-series/{document_type}",
        intro="How the numbers of documents look, and which comes next.",
        empty="A series appears here with the first number it gives.",
    ),
    FormPage(
        commands.define_series,
        path="/number-series/{document_type}",
        title="Change number series",
        icon="list-check",
        fields=["pattern", "padding", "next", "year", "entity_id"],
        hints={"pattern": "Write {number} once; {year}, {month} and {entity} may stand beside it."},
        then="/number-series",
    ),
    LayoutsPage(
        command=commands.save_layout,
        path="/layouts",
        title="Layouts",
        icon="adjustments",
        menu="Settings",
        order=85,
        needs="customize.edit",
        intro="Which fields lists, pages and forms show, in which order and under which titles.",
    ),
    ListPage(
        queries.FIELDS,
        title="Own fields",
        icon="adjustments",
        menu="Settings",
        order=80,
        columns=["object", "name", "kind", "required", "listed"],
        filters=["object", "kind"],
        intro="Fields of your own on anything: they appear in forms, lists, exports and the API.",
        empty="Is a field missing somewhere? Add it here; nobody has to write code.",
        new=FormPage(
            commands.add_field,
            title="New field",
            widgets={"kind": Options(KINDS)},
            hints={
                "name": "Small letters, digits and _ only.",
                "choices": "For a choice: what there is to choose from.",
            },
        ),
        open=DetailPage(
            queries.get_field,
            title="Field",
            actions=[
                FormPage(
                    commands.archive_field,
                    title="Archive field",
                    icon="archive",
                    danger=True,
                    confirm="It is no longer asked for. Values given so far stay where they are.",
                )
            ],
        ),
    ),
    ListPage(
        queries.OBJECTS,
        title="Own objects",
        icon="database",
        menu="Settings",
        order=90,
        columns=["code", "label", "statuses"],
        open="/objects/{code}",
        intro="Kinds of things that only you have: visits, machines, contracts. Each gets lists, forms and an API.",
        empty="Make a kind of object, give it fields, and start to fill it.",
        new=FormPage(commands.create_object, title="New object", then="/custom-objects"),
    ),
    ListPage(
        queries.ROWS,
        path="/objects/{object}",
        title="Rows",
        icon="database",
        columns=["name", "status", "created_at"],
        filters=["status", "created_at"],
        custom="{object}",
        new=FormPage(commands.create_row, title="New row", fields=["name", "status"]),
        open=DetailPage(
            queries.get_row,
            title="Row",
            entity="{object}",
            actions=[FormPage(commands.change_row, title="Change row", fields=["name", "status"])],
        ),
    ),
]
