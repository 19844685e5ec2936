"""Every English text that a page shows, so that a missing translation is found at start and not by a reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from entrepot.kernel.commands import describe
from entrepot.kernel.i18n import LOCALES, messages
from entrepot.kernel.module import Catalogue, Report
from entrepot.kernel.ui import declare as d
from entrepot.kernel.ui.labels import kind_of, label_of
from entrepot.pure.said import Said

if TYPE_CHECKING:
    from entrepot.kernel.ui.site import Place, Site

# Words that are the same in every language we speak, or names of things.
SAME = frozenset({"", "*", "SKU", "ID", "URL", "IBAN", "EAN", "GTIN", "BIC", "API", "PDF", "UBL", "CSV", "KvK", "MOQ"})
NOT_SHOWN = frozenset({"tenant_id", "custom"})


def missing(site: Site) -> list[str]:
    """What declared pages show and some language does not have."""
    wanted = {text for place in site.places if place.declared for text in texts_of(place, site.catalogue)}
    wanted |= {text for _, page in site.home for text in dashboard_texts(page)}
    return untranslated(wanted)


def untranslated(wanted: set[str]) -> list[str]:
    """Those of the texts that some language does not have, with the language."""
    return sorted(
        f"{locale}: {text}"
        for locale in LOCALES
        if locale != "en"
        for text in wanted - SAME
        if text not in messages(locale)
    )


def texts_of(place: Place, catalogue: Catalogue) -> Iterator[str]:
    """The texts of one page: what it declares, and the labels of the fields it shows."""
    page = place.page
    yield place.title
    yield place.intro or page.intro
    if isinstance(page, d.ListPage):
        yield page.empty
        yield from labels(page.listing.kinds)
    elif isinstance(page, d.DetailPage):
        yield label_of(place.entity) if place.entity and "{" not in place.entity else ""
        yield from (section.title for section in page.sections)
        yield from (related.title for related in page.related)
        yield from page.links
        yield from labels(struct_hints(describe(page.query).result))
        for related in page.related:
            yield from labels({n: related.listing.kinds[n] for n in related.columns})
        if place.entity in catalogue.machines:
            yield from machine_texts(catalogue.machines[place.entity].machine)
    elif isinstance(page, d.FormPage):
        yield from (page.confirm, page.done or "Saved", *page.hints.values())
        yield from form_labels(page)
    elif isinstance(page, d.BoardPage):
        yield from labels({n: page.listing.kinds[n] for n in page.fields})
    elif isinstance(page, d.ReportPage):
        read = page.report.read if isinstance(page.report, Report) else page.report
        yield page.empty
        yield from (label_of(w) for o in page.widgets.values() if isinstance(o, d.Options) for w in o.words)
        yield from labels(dict(describe(read).parameters))
        yield from labels(struct_hints(describe(read).result))
    elif isinstance(page, d.OwnPage):
        yield from page.texts.values()
    elif isinstance(page, d.DashboardPage):
        yield from dashboard_texts(page)


def dashboard_texts(page: d.DashboardPage) -> Iterator[str]:
    """The titles of numbers and charts, and what they say to do while there is nothing."""
    counting: list[d.Tile | d.Panel] = [*page.tiles, *page.panels]
    for counted in counting:
        yield from (counted.title, counted.empty)
    yield from (label_of(panel.sum) for panel in page.panels if panel.sum)
    yield from (report.title for report in page.reports)


def form_labels(page: d.FormPage) -> Iterator[str]:
    """The labels of a form, its lines and nested fields, and the words to choose from."""
    for widget in page.widgets.values():
        if isinstance(widget, d.Options | d.Parts):
            yield from (label_of(word) for word in (widget.words if isinstance(widget, d.Options) else widget.names))
    hints: dict[str, Any] = {}
    for name, kind in describe(page.command).parameters.items():
        if name == "body" and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            hints.update(get_type_hints(kind, include_extras=True))
        else:
            hints[name] = kind
    yield from labels({name: kind for name, kind in hints.items() if not page.fields or name in page.fields})
    if page.totals is not None:
        yield from labels(struct_hints(describe(page.totals).result))


def labels(hints: dict[str, Any]) -> Iterator[str]:
    """The labels of fields, of the fields inside them, and of their choices."""
    for name, hint in hints.items():
        if name in NOT_SHOWN:
            continue
        yield label_of(name)
        kind = kind_of(hint)
        yield from (label_of(choice) for choice in kind.choices)
        if kind.name in ("lines", "struct") and kind.inner is not Said:
            yield from labels(struct_hints(kind.inner))


def machine_texts(machine: Any) -> Iterator[str]:
    """The words of a machine: its states and its moves."""
    yield from (label_of(str(state.value)) for state in machine.states)
    yield from (label_of(move.name) for move in machine.moves)


def struct_hints(shape: Any) -> dict[str, Any]:
    """The fields of a struct, or of the structs in a list."""
    for candidate in (shape, *getattr(shape, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return get_type_hints(candidate)
    return {}
