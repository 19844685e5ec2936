"""Lists: a page of fifty orders, filtered and sorted, first and thousandth, among very many; and the dashboard."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

import httpx2

from bench.grown import grown
from bench.measuring import percentile
from bench.run import Run
from bench.shop import Shop
from bench.system import System

PAGE, FAR = 50, 1000
FILTER = {"state": "completed", "total__gte": "5", "sort": "-placed_at"}


@dataclass(frozen=True)
class Asked:
    """A list as somebody asks for it."""

    path: str
    query: dict[str, str]


ORDERS = Asked("/orders", FILTER)
OTHERS = {
    "amount": Asked("/orders", {"total__gte": "5", "sort": "-total"}),
    "state": Asked("/orders", {"sort": "state"}),
    "journal": Asked("/accounting/journal-entries", {}),
    "payments": Asked("/payments", {"sort": "amount"}),
}
"""Lists whose thousandth page is looked at as well: sorted by what many rows have in common, and of the books."""


async def measure(run: Run) -> None:
    system, shop = await grown(run)
    pages = min(FAR, run.orders // PAGE // 2)
    connection = await system.connect()
    first, last, first_limits, last_limits, shown, dashboards, boards = [], [], [], [], [], [], []
    others: dict[str, list[float]] = {name: [] for name in OTHERS}
    async with reader_of(run, system, shop) as reader:
        cursor, row = await reader.walk(pages)
        behind = {name: (await reader.walk(pages, asked))[0] for name, asked in OTHERS.items()}
        for _ in range(run.rounds):
            first_limits.append(await _plain(run, connection, _FIRST, shop.tenant))
            first.append(await reader.page())
            after = (shop.tenant, row["placed_at"], row["id"])
            last_limits.append(await _plain(run, connection, _NEXT, *after))
            last.append(await reader.page(cursor))
            shown.append(await reader.shown(cursor))
            dashboards.append(await reader.dashboard())
            boards.append(await reader.board())
            for name, asked in OTHERS.items():
                others[name].append(await reader.page(behind[name], asked))
    await connection.close()
    run.add("lists.first_page_ms", "ms", first, first_limits, f"first {PAGE} of {run.orders} orders, by HTTP")
    run.add("lists.far_page_ms", "ms", last, last_limits, f"page {pages} of {PAGE}, by HTTP")
    run.add("lists.shown_page_ms", "ms", shown, about=f"page {pages} as a browser gets it, by HTTP")
    for name, asked in OTHERS.items():
        run.add(
            f"lists.{name}_far_page_ms",
            "ms",
            others[name],
            about=f"page {pages} of {asked.path} {asked.query}, by HTTP",
        )
    run.add("lists.board_ms", "ms", boards, about="the board of orders with its counts, by HTTP")
    run.add("lists.dashboard_p95_ms", "ms", dashboards, about=f"the home page at {run.orders} orders, by HTTP")


@dataclass(frozen=True)
class Reader:
    """Somebody who looks at a shop, by the API and in a browser; times are in milliseconds, of some requests by HTTP."""

    samples: int
    api: httpx2.AsyncClient
    browser: httpx2.AsyncClient

    async def page(self, cursor: str = "", asked: Asked = ORDERS) -> float:
        """Median of a page of fifty: the first, or the one behind a cursor."""
        return median(await self._times(self.api, asked.path, {**asked.query, "limit": str(PAGE), **_behind(cursor)}))

    async def shown(self, cursor: str) -> float:
        """Median of orders as a page."""
        return median(await self._times(self.browser, "/orders", {**FILTER, **_behind(cursor)}))

    async def dashboard(self) -> float:
        """95th percentile of the home page."""
        return percentile(await self._times(self.browser, "/", {}), 0.95)

    async def board(self) -> float:
        """Median of the orders as a board."""
        return median(await self._times(self.browser, "/orders/board", {}))

    async def trial_balance(self, day: date | None = None) -> float:
        """Median of the report, of now or of a day."""
        asked = {"as_of": day.isoformat()} if day else {}
        return median(await self._times(self.api, "/accounting/reports/trial-balance", asked))

    async def ledger(self, code: str) -> float:
        """Median of the ledger of an account from its first line on, as many lines as are shown at once."""
        answer = await self.api.get("/accounting/accounts", params={"code": code})
        return median(await self._times(self.api, f"/accounting/accounts/{answer.json()['data'][0]['id']}/ledger", {}))

    async def walk(self, pages: int, asked: Asked = ORDERS) -> tuple[str, Any]:
        """The cursor behind the page before, and the last row of it; a cursor says where, however long the pages were."""
        cursor, row = "", None
        for _ in range(max(1, (pages - 1) * PAGE // 200)):
            answer = await self.api.get(asked.path, params={**asked.query, "limit": "200", **_behind(cursor)})
            page = answer.json()
            assert answer.status_code == 200, page
            cursor, row = page["next_cursor"], page["data"][-1]
        return cursor, row

    async def _times(self, client: httpx2.AsyncClient, path: str, asked: dict[str, str]) -> list[float]:
        """Of each of some requests; the first one is for warming up."""
        found = []
        for _ in range(self.samples // 3 + 1):
            began = time.perf_counter()
            answer = await client.get(path, params=asked)
            found.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer.text
        return found[1:]


@asynccontextmanager
async def reader_of(run: Run, system: System, shop: Shop) -> AsyncIterator[Reader]:
    headers = {"authorization": f"Bearer {shop.token}"}
    async with (
        httpx2.AsyncClient(base_url=f"{system.urls[0]}/api/v1", headers=headers, timeout=60) as api,
        httpx2.AsyncClient(base_url=system.urls[0], headers={**headers, "accept": "text/html"}, timeout=60) as browser,
    ):
        yield Reader(run.samples, api, browser)


def _behind(cursor: str) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


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
