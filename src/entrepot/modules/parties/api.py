"""Routes of parties."""

from entrepot.kernel.routes import get, listing, patch, post
from entrepot.modules.parties import commands, queries
from entrepot.modules.parties.tables import Party

routes = [
    listing("/customers", queries.CUSTOMERS),
    post("/customers", commands.create_customer, then=queries.get_customer, created=True),
    get("/customers/{customer_id}", queries.get_customer),
    patch("/customers/{customer_id}", commands.change_customer, then=queries.get_customer, table=Party),
    post("/customers/{customer_id}/suspend", commands.suspend_customer, then=queries.get_customer),
    post("/customers/{customer_id}/activate", commands.activate_customer, then=queries.get_customer),
]
