"""Lists: a page of fifty orders, filtered and sorted, first and thousandth, among very many; and the dashboard."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import httpx2

from bench.grown import grown
from bench.measuring import percentile
from bench.run import Run

PAGE, FAR = 50, 1000
FILTER = {"state": "completed", "total__gte": "5", "sort": "-placed_at"}


async def measure(run: Run) -> None:
    system, shop = await grown(run)
    pages = min(FAR, run.orders // PAGE // 2)
    connection = await system.connect()
    headers = {"authorization": f"Bearer {shop.token}"}
    first, last, first_limits, last_limits, shown, dashboards = [], [], [], [], [], []
    pages_of = {**headers, "accept": "text/html"}
    async with (
        httpx2.AsyncClient(base_url=f"{system.urls[0]}/api/v1", headers=headers, timeout=60) as client,
        httpx2.AsyncClient(base_url=system.urls[0], headers=pages_of, timeout=60) as browser,
    ):
        cursor, row = await _walk(client, pages)
        for _ in range(run.rounds):
            first_limits.append(await _plain(run, connection, _FIRST, shop.tenant))
            first.append(median(await _times(run, client, "/orders", {**FILTER, "limit": str(PAGE)})))
            after = (shop.tenant, row["placed_at"], row["id"])
            last_limits.append(await _plain(run, connection, _NEXT, *after))
            asked = {**FILTER, "limit": str(PAGE), "cursor": cursor}
            last.append(median(await _times(run, client, "/orders", asked)))
            page = {name: value for name, value in asked.items() if name != "limit"}
            shown.append(median(await _times(run, browser, "/orders", page)))
            dashboards.append(percentile(await _times(run, browser, "/", {}), 0.95))
    await connection.close()
    run.add("lists.first_page_ms", "ms", first, first_limits, f"first {PAGE} of {run.orders} orders, by HTTP")
    run.add("lists.far_page_ms", "ms", last, last_limits, f"page {pages} of {PAGE}, by HTTP")
    run.add("lists.shown_page_ms", "ms", shown, about=f"page {pages} as a browser gets it, by HTTP")
    run.add("lists.dashboard_p95_ms", "ms", dashboards, about=f"the home page at {run.orders} orders, by HTTP")


async def _walk(client: httpx2.AsyncClient, pages: int) -> tuple[str, Any]:
    """The cursor behind the page before, and the last row of it; a cursor says where, however long the pages were."""
    asked = {**FILTER, "limit": "200"}
    cursor, row = "", None
    for _ in range(max(1, (pages - 1) * PAGE // 200)):
        answer = await client.get("/orders", params={**asked, **({"cursor": cursor} if cursor else {})})
        page = answer.json()
        assert answer.status_code == 200, page
        cursor, row = page["next_cursor"], page["data"][-1]
    return cursor, row


async def _times(run: Run, client: httpx2.AsyncClient, path: str, asked: dict[str, str]) -> list[float]:
    """Milliseconds of each of some requests; the first one is for warming up."""
    found = []
    for _ in range(run.samples // 3 + 1):
        began = time.perf_counter()
        answer = await client.get(path, params=asked)
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
    return found[1:]


async def _plain(run: Run, connection: Any, sql: str, *arguments: Any) -> float:
    found = []
    for _ in range(run.samples // 3 + 1):
        began = time.perf_counter()
        await connection.fetch(sql, *arguments)
        found.append((time.perf_counter() - began) * 1000)
    return median(found[1:])


_COLUMNS = """
SELECT id, number, channel, kind, state, customer_name, store_id, terminal_id, cashier_id, total, currency,
       payment_status, placed_at, entity_id FROM orders.sales_order
WHERE tenant_id = $1::text::uuid AND state = 'completed' AND total >= 5
"""
_FIRST = _COLUMNS + "ORDER BY placed_at DESC, id DESC LIMIT 51"
_NEXT = (
    _COLUMNS + "AND (placed_at, id) < ($2::text::timestamptz, $3::text::uuid) ORDER BY placed_at DESC, id DESC LIMIT 51"
)
