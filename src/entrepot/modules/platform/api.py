"""Routes of platform."""

from entrepot.kernel.routes import delete, get, listing, patch, post, put
from entrepot.modules.platform import commands, queries
from entrepot.modules.platform.tables import CustomRow

routes = [
    get("/settings", queries.list_settings),
    get("/settings/{key}", queries.get_setting),
    put("/settings/{key}", commands.set_setting, then=queries.get_setting),
    listing("/custom-fields", queries.FIELDS),
    post("/custom-fields", commands.add_field, then=queries.get_field, created=True),
    get("/custom-fields/{field_id}", queries.get_field),
    delete("/custom-fields/{field_id}", commands.archive_field, then=queries.get_field),
    listing("/custom-objects", queries.OBJECTS),
    post("/custom-objects", commands.create_object, then=queries.get_object, created=True),
    get("/custom-objects/{object_id}", queries.get_object),
    listing("/custom-rows", queries.ROWS),
    post("/custom-rows", commands.create_row, then=queries.get_row, created=True),
    get("/custom-rows/{row_id}", queries.get_row),
    patch("/custom-rows/{row_id}", commands.change_row, then=queries.get_row, table=CustomRow),
    get("/number-series", queries.list_series),
    put("/number-series/{document_type}", commands.define_series),
    post("/numbers/next", commands.next_number),
    put("/layouts/{object}/{page}", commands.save_layout),
]
