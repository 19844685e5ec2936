"""Routes of tax."""

from entrepot.kernel.routes import get, listing, post
from entrepot.modules.tax import commands, queries

routes = [
    listing("/tax/rates", queries.RATES),
    post("/tax/rates", commands.create_rate, then=queries.get_rate, created=True),
    get("/tax/rates/{rate_id}", queries.get_rate),
]
