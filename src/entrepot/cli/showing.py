"""One order through the running system, told step by step from what the system itself recorded."""

from __future__ import annotations

import time
from typing import Any

import httpx2

from entrepot.cli.running import out
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Conflict
from entrepot.pure.ids import new_id


def follow_an_order(url: str, token: str) -> None:
    """Sell two products at the till of the demo and show what followed; raises Conflict when nothing runs there."""
    with httpx2.Client(base_url=f"{url}/api/v1", headers={"authorization": f"Bearer {token}"}, timeout=30) as client:
        try:
            products = _get(client, "/products?limit=2&sort=sku&kind=stocked")
        except httpx2.HTTPError as error:
            raise Conflict("nothing answers at {url}; start it with: make up", url=url) from error
        lines = [{"sku": product["sku"], "quantity": str(at)} for at, product in enumerate(products, start=1)]
        body = {
            "client_id": f"demo-{new_id().hex}",
            "terminal_id": "demo",
            "lines": lines,
            "payments": [{"method": "card"}],
        }
        out.rule("1. the request")
        out.print(f"POST /api/v1/orders/pos  {encode(body).decode()}", highlight=False)
        response = client.post("/orders/pos", json=body)
        order = response.json().get("data") or {}
        if response.status_code != 201:
            raise Conflict("the order was refused: {problem}", problem=response.text)
        out.rule("2. the order")
        out.print(
            f"{order['number']}  {order['state']}  net {order['subtotal']}  tax {order['tax_total']}"
            f"  total {order['total']} {order['currency']}"
        )
        for line in order["lines"]:
            out.print(
                f"   {line['quantity']} × {line['sku']:<16} {line['unit_price']:>10}"
                f"  net {line['net']:>10}  tax {line['tax']:>8}"
            )
        for payment in order["payments"]:
            out.print(f"   paid {payment['amount']} by {payment['method']}")
        entries = _wait_for_entries(client, order)
        out.rule("3. the goods")
        for line in order["lines"]:
            stock = _get(client, f"/inventory/{line['sku']}")
            out.print(f"   {line['sku']:<16} on hand now {stock['on_hand']}, available {stock['available']}")
        out.rule("4. the events")
        for event in _get(client, f"/events?correlation={response.headers['x-request-id']}&sort=seq"):
            out.print(f"   {event['at']}  {event['name']:<18} {event['subject']}", highlight=False)
        out.rule("5. the ledger")
        for entry in entries:
            shown = _get(client, f"/accounting/journal-entries/{entry['id']}")
            out.print(f"   {shown['number']}  {shown['date']}  {shown['description']}")
            for line in shown["lines"]:
                out.print(
                    f"      {line['account']:<6} {line['account_name']:<28} {line['debit']:>10} {line['credit']:>10}"
                )
        out.rule("6. the trail")
        for row in _get(client, f"/audit/trail?request_id={response.headers['x-request-id']}&sort=seq&limit=20"):
            out.print(f"   {row['action']:<7} {row['entity_type']:<14} by {row['actor_name']}")


def _wait_for_entries(client: httpx2.Client, order: dict[str, Any]) -> list[dict[str, Any]]:
    """The books follow by events, a moment after the sale."""
    for _ in range(100):
        found: list[dict[str, Any]] = _get(client, f"/accounting/journal-entries?reference_id={order['id']}&sort=id")
        if len(found) >= 2:
            return found
        time.sleep(0.05)
    raise Conflict("the sale is not in the books yet; look at /events/parked")


def _get(client: httpx2.Client, path: str) -> Any:
    response = client.get(path)
    if response.status_code != 200:
        raise Conflict("GET {path} answered {status}", path=path, status=response.status_code)
    return response.json()["data"]
