"""Routes of payments."""

from entrepot.kernel.routes import get, listing
from entrepot.modules.payments import queries

routes = [
    listing("/payments", queries.PAYMENTS),
    get("/payments/{payment_id}", queries.get_payment),
]
