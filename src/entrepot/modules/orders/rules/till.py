"""What somebody may do at a till."""

# What a PIN opens; the first is a must. Nothing but what is done at a till, however much the cashier may do elsewhere.
AT_TILL = ["pos.sell", "pos.shift", "pos.cash", "pos.report", "orders.view", "orders.price", "orders.refund"]
