"""Reports and dashboards: a query as table, chart and file, and numbers with the rows behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from entrepot.kernel.commands import body_of, describe
from entrepot.kernel.http import invalid
from entrepot.kernel.module import Report
from entrepot.kernel.sheets import SHEETS
from entrepot.kernel.ui.declare import DashboardPage, ReportPage
from entrepot.kernel.ui.fields import Drawn, draw_parameters
from entrepot.kernel.ui.labels import kind_of
from entrepot.kernel.ui.rows import Column, Row, crumbs_of
from entrepot.kernel.ui.show import Cell
from entrepot.kernel.ui.site import report_name
from entrepot.kernel.ui.tiles import panels_of, tiles_of
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.errors import Invalid


def _read(page: ReportPage) -> Any:
    return page.report.read if isinstance(page.report, Report) else page.report


async def show_report(visit: Visit) -> None:
    """Parameters above, chart and table below; the same rows as CSV, XLSX and PDF."""
    place = visit.place
    assert place is not None
    page: ReportPage = place.page
    read = _read(page)
    body = body_of(read, set(place.parameters))
    given = {k: v for k, v in visit.query.items() if v != "" and k != "format"}
    problem, result = "", None
    known = {f.encode_name for f in msgspec.structs.fields(body)} if body else set()
    try:
        arguments: dict[str, Any] = dict(visit.exchange.values)
        if body is not None:
            try:
                values = msgspec.convert({k: v for k, v in given.items() if k in known}, body, strict=False)
            except msgspec.ValidationError as error:
                raise invalid(error) from None
            arguments.update({name: getattr(values, name) for name in body.__struct_fields__})
        async with visit.unit(read_only=True) as ctx:
            result = await read(ctx, **arguments)
    except Invalid as refusal:
        problem = "" if not given else visit.say(refusal)
    parameters: list[Drawn] = []
    if body is not None:
        async with visit.unit(read_only=True) as ctx:
            parameters = await draw_parameters(visit, ctx, body, page.widgets, given)
    rows = rows_of(result)
    shape = type(rows[0]) if rows else _shape(read)
    names = list(page.columns) or [
        n for n in getattr(shape, "__struct_fields__", ()) if n not in ("id", "version") and not n.endswith("_id")
    ]
    wanted = visit.query.get("format", "")
    if wanted in SHEETS and not problem:
        kind, write = SHEETS[wanted]
        name = f'attachment; filename="{report_name(page)}.{wanted}"'.encode()
        await visit.exchange.send(200, [(b"content-type", kind), (b"content-disposition", name)], write(names, rows))
        return
    table = table_of(visit, page, names, rows)
    if wanted == "pdf" and not problem:
        from entrepot.kernel.ui.paper import report_pdf

        content = await report_pdf(
            visit.t(place.title),
            [c.label for c in table[0]],
            [[c.text for c in r.cells] for r in table[1]],
            [c.style == "number" for c in table[0]],
        )
        name = f'attachment; filename="{report_name(page)}.pdf"'.encode()
        await visit.exchange.send(200, [(b"content-type", b"application/pdf"), (b"content-disposition", name)], content)
        return
    here = visit.url(place.at(visit.exchange.values))
    await visit.page(
        "report.html",
        title=visit.t(place.title),
        page_title=visit.t(place.title),
        place=place,
        page=page,
        parameters=parameters,
        problem=problem,
        columns=table[0],
        rows=table[1],
        summary=summary_of(visit, result),
        chart=chart_of(visit, page, rows) if page.chart and rows else None,
        export={kind: f"{here}?{urlencode({**given, 'format': kind})}" for kind in (*SHEETS, "pdf")},
        here=here,
        crumbs=crumbs_of(visit, place),
    )


def _shape(read: Any) -> Any:
    result = describe(read).result
    inner = get_args(result)
    if inner:
        return inner[0]
    for hint in get_type_hints(result).values() if hasattr(result, "__struct_fields__") else ():
        if kind_of(hint).name == "lines":
            return kind_of(hint).inner
    return result


def rows_of(result: Any) -> list[Any]:
    """The rows of a report: the list it returns, or the first list of structs in what it returns."""
    if isinstance(result, list | tuple):
        return list(result)
    for name in getattr(result, "__struct_fields__", ()):
        value = getattr(result, name)
        if isinstance(value, list | tuple) and value and isinstance(value[0], msgspec.Struct):
            return list(value)
    return []


def summary_of(visit: Visit, result: Any) -> list[tuple[str, Cell]]:
    """The single figures beside the rows: totals, dates, currency."""
    if not isinstance(result, msgspec.Struct):
        return []
    return [
        (visit.label(name), visit.formats.cell(value, name))
        for name, value in msgspec.structs.asdict(result).items()
        if not isinstance(value, list | tuple | dict | msgspec.Struct | UUID)
    ]


def table_of(
    visit: Visit, page: ReportPage, names: Sequence[str], rows: Sequence[Any]
) -> tuple[list[Column], list[Row]]:
    hints = get_type_hints(type(rows[0])) if rows else {}
    columns = [
        Column(n, visit.label(n), "number" if kind_of(hints.get(n, str)).name in ("number", "integer") else "text")
        for n in names
    ]
    body = [
        Row(
            "",
            visit.url(page.drill.format_map({**visit.query, **msgspec.structs.asdict(row)})) if page.drill else "",
            [visit.formats.cell(getattr(row, n), n) for n in names],
        )
        for row in rows
    ]
    return columns, body


def chart_of(visit: Visit, page: ReportPage, rows: Sequence[Any]) -> dict[str, Any]:
    chart = page.chart
    assert chart is not None
    return {
        "kind": chart.kind,
        "label": visit.t(page.title or "Chart"),
        "data": {
            "x": [visit.formats.cell(getattr(row, chart.x), chart.x).text for row in rows],
            "series": [{"name": visit.label(y), "data": [str(getattr(row, y)) for row in rows]} for y in chart.y],
            "stacked": chart.stacked,
        },
    }


async def _chart(visit: Visit, page: ReportPage) -> dict[str, Any]:
    async with visit.unit(read_only=True) as ctx:
        rows = rows_of(await _read(page)(ctx))
    return {"title": visit.t(page.title), "chart": chart_of(visit, page, rows)}


# ── dashboards ──


async def show_dashboard(visit: Visit) -> None:
    place = visit.place
    assert place is not None
    page: DashboardPage = place.page
    panels, tiles, *charts = await asyncio.gather(
        panels_of(visit, page.panels), tiles_of(visit, page.tiles), *(_chart(visit, report) for report in page.reports)
    )
    await visit.page(
        "dashboard.html",
        title=visit.t(place.title),
        page_title=visit.t(place.title),
        place=place,
        tiles=tiles,
        panels=panels,
        charts=charts,
        crumbs=crumbs_of(visit, place),
    )
