"""What a run leaves behind: JSON per figure, and one page with plots that needs nothing but a browser."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from bench.measuring import Figure, short

WIDTH, ROW, LEFT = 520, 16, 60


def write(folder: Path, figures: Sequence[Figure], problems: Sequence[str], facts: Mapping[str, Any]) -> Path:
    """Write everything into a folder of its own; returns the page."""
    into = folder / time.strftime("%Y%m%d-%H%M%S")
    into.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        (into / f"{figure.name}.json").write_text(json.dumps({**figure.as_dict(), "machine": dict(facts)}, indent=1))
    summary = {"machine": dict(facts), "problems": list(problems), "figures": [f.as_dict() for f in figures]}
    (into / "all.json").write_text(json.dumps(summary, indent=1))
    (into / "table.md").write_text(markdown(figures, problems, facts), encoding="utf-8")
    page = into / "report.html"
    page.write_text(html(figures, problems, facts), encoding="utf-8")
    return page


def markdown(figures: Sequence[Figure], problems: Sequence[str], facts: Mapping[str, Any]) -> str:
    """The table as `docs/performance.md` keeps it."""
    lines = [", ".join(f"{key} {value}" for key, value in facts.items()), ""]
    lines += [f"Wrong: {problem}" for problem in problems]
    lines += ["| figure | value | unit | limit | ratio | spread | |", "|---|---|---|---|---|---|---|"]
    lines += [f"| `{figure.name}` | {' | '.join(_cells(figure)[1:])} | {figure.about} |" for figure in figures]
    return "\n".join(lines) + "\n"


def html(figures: Sequence[Figure], problems: Sequence[str], facts: Mapping[str, Any]) -> str:
    """The page: verdict, facts of the machine, a table, and for each figure its rounds as bars beside the limit's."""
    verdict = (
        "<p class=good>Everything that was sold was delivered, paid, booked and numbered, exactly once.</p>"
        if not problems
        else "<p class=bad>Wrong, so nothing here counts:</p><ul>"
        + "".join(f"<li>{escape(problem)}</li>" for problem in problems)
        + "</ul>"
    )
    machine = ", ".join(f"{escape(str(key))} {escape(str(value))}" for key, value in facts.items())
    rows = "".join(_row(figure) for figure in figures)
    plots = "".join(f"<h2>{escape(f.name)}</h2><p>{escape(f.about)}</p>{plot(f)}" for f in figures)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Entrepot beside its limits</title><style>{_STYLE}</style>"
        f"<h1>Entrepot beside its limits</h1>{verdict}<p>{machine}</p>"
        "<table><thead><tr><th>figure<th>value<th>unit<th>limit<th>ratio<th>spread<tbody>"
        f"{rows}</table>{plots}</html>\n"
    )


def plot(figure: Figure) -> str:
    """Rounds from top to bottom: the product dark, the limit light, on one scale from zero."""
    pairs = [
        (at, kind, number)
        for at in range(len(figure.rounds))
        for kind, numbers in (("limit", figure.limits), ("mine", figure.rounds))
        if at < len(numbers)
        for number in [numbers[at]]
    ]
    most = max((number for _, _, number in pairs), default=0) or 1
    bars = []
    for row, (at, kind, number) in enumerate(pairs):
        y = row * ROW + 2
        length = max(1.0, number / most * (WIDTH - LEFT - 90))
        label = f"round {at + 1}" if kind == "mine" else "limit"
        bars.append(
            f'<text x="{LEFT - 6}" y="{y + 10}" text-anchor="end">{label}</text>'
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{ROW - 5}"/>'
            f'<text x="{LEFT + length + 5:.1f}" y="{y + 10}">{short(number)} {escape(figure.unit)}</text>'
        )
    height = len(pairs) * ROW + 4
    return f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">{"".join(bars)}</svg>'


def _row(figure: Figure) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in _cells(figure))


def _cells(figure: Figure) -> tuple[str, ...]:
    low, high = figure.spread
    limit = "" if figure.limit is None else short(figure.limit)
    ratio = "" if figure.ratio is None else f"{figure.ratio:.3f}"
    return figure.name, short(figure.value), figure.unit, limit, ratio, f"{short(low)} to {short(high)}"


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse } th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd }
h2 { font-size: 1rem; margin-top: 2rem } .good { color: #17693a } .bad { color: #a3161f }
svg text { font: 10px system-ui, sans-serif; fill: #1c2430 } .mine { fill: #23548c } .limit { fill: #b9c6d6 }
"""
