"""Page declarations: what a module puts into its `pages` room. Data only; types, labels and choices come from the
structs, commands and machines they name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from entrepot.kernel.lists import Listing

if TYPE_CHECKING:
    from entrepot.kernel.module import Report

Function = Callable[..., Awaitable[Any]]


# ── widgets: how a form asks for a field whose type does not say it ──


@dataclass(frozen=True)
class Lookup:
    """Chosen from a list, with search: `value` is stored, `text` and, smaller, `hint` are shown."""

    listing: Listing[Any]
    value: str = "id"
    text: str = "name"
    hint: str = ""
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """Chosen from a few fixed words (their English is the key of their translation)."""

    words: Sequence[str]


@dataclass(frozen=True)
class PermissionMatrix:
    """Permissions as a table of boxes: areas down, actions across."""


@dataclass(frozen=True)
class LongText:
    """Several lines of text."""

    rows: int = 4


@dataclass(frozen=True)
class OneLine:
    """One line of text, whatever the field is called."""


@dataclass(frozen=True)
class Secret:
    """A password: typed twice by nobody, shown to nobody."""


@dataclass(frozen=True)
class Parts:
    """A mapping asked part by part: an address as street, postcode, city and country."""

    names: Sequence[str]


@dataclass(frozen=True)
class Lines:
    """The lines of a document: which fields of a line stand in the table, and their widgets."""

    columns: Sequence[str] = ()
    widgets: Mapping[str, Any] = field(default_factory=dict)
    least: int = 1


# ── pages ──


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What every page has. `menu` names the group of the side bar; without it a page is reached from others."""

    path: str = ""
    title: str = ""
    icon: str = ""
    menu: str = ""
    order: int = 50
    intro: str = ""


@dataclass(frozen=True)
class FormPage(Shown):
    """A command as a form. Fields, types and what is required are those of its parameters; what the path gives is
    not asked. A command that asks nothing is a button.

    `fields` picks and orders, `widgets` say how to ask, `load` is the query that fills the form (the page it hangs
    on, by default). `review` shows the effect (changes, journal lines, messages) before it is confirmed; `confirm`
    is the question before what cannot be undone. `totals` is a query over what is typed so far, shown below the lines.
    `shows_result` shows the command's answer once, for secrets."""

    command: Function
    fields: Sequence[str] = field(default=(), kw_only=True)
    widgets: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    hints: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    fixed: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    load: Function | None = field(default=None, kw_only=True)
    custom: str = field(default="", kw_only=True)
    totals: Function | None = field(default=None, kw_only=True)
    review: bool = field(default=False, kw_only=True)
    confirm: str = field(default="", kw_only=True)
    danger: bool = field(default=False, kw_only=True)
    done: str = field(default="", kw_only=True)
    then: str = field(default="", kw_only=True)
    shows_result: bool = field(default=False, kw_only=True)
    when: Mapping[str, Any] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True)
class Section:
    """A titled group of fields of a detail page."""

    title: str
    fields: Sequence[str]


@dataclass(frozen=True)
class Related:
    """A list on a detail page: the rows whose `field` is the shown entity's id."""

    listing: Listing[Any]
    field: str
    columns: Sequence[str] = ()
    title: str = ""


@dataclass(frozen=True)
class DetailPage(Shown):
    """One entity: fields in sections, where it stands and what may come next, related lists, what happened to it.

    `name` is the field that names it; `by` the field of a list's row that the path takes (its key unless told).
    `entity` is its kind in audit trail, status and custom fields; a machine of that kind draws the next steps as
    buttons, and `steps` gives moves a form of their own. `links` are buttons that lead to the address in a field.
    `lines` picks the columns of fields that are lists. What `prints` has a button that puts the facts, without what
    surrounds them, on paper."""

    query: Function
    name: str = field(default="name", kw_only=True)
    by: str = field(default="", kw_only=True)
    sections: Sequence[Section] = field(default=(), kw_only=True)
    lines: Mapping[str, Sequence[str]] = field(default_factory=dict, kw_only=True)
    hidden: Sequence[str] = field(default=(), kw_only=True)
    entity: str = field(default="", kw_only=True)
    related: Sequence[Related] = field(default=(), kw_only=True)
    actions: Sequence[FormPage] = field(default=(), kw_only=True)
    steps: Mapping[str, FormPage] = field(default_factory=dict, kw_only=True)
    prints: bool = field(default=False, kw_only=True)
    links: Mapping[str, str] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True)
class ListPage(Shown):
    """A list: search, filters, sort, columns to choose, saved views, bulk actions, export, keyset paging.

    `offers` names the fields that are chosen from this list wherever they stand (`customer_id`). `by` is the field of
    a row that bulk actions take, its key unless told. `empty` says what to do while there is nothing; `searched`
    whether the search over everything looks here too. A path with a parameter shows the rows whose field of that name
    has that value."""

    listing: Listing[Any]
    columns: Sequence[str] = field(default=(), kw_only=True)
    filters: Sequence[str] = field(default=(), kw_only=True)
    new: FormPage | None = field(default=None, kw_only=True)
    open: DetailPage | str | None = field(default=None, kw_only=True)
    bulk: Sequence[FormPage] = field(default=(), kw_only=True)
    by: str = field(default="", kw_only=True)
    offers: Sequence[str] = field(default=(), kw_only=True)
    name: str = field(default="name", kw_only=True)
    hint: str = field(default="", kw_only=True)
    empty: str = field(default="", kw_only=True)
    custom: str = field(default="", kw_only=True)
    searched: bool = field(default=True, kw_only=True)


@dataclass(frozen=True)
class BoardPage(Shown):
    """Cards in columns, one column per state of the machine of `entity`; dragging or the card's menu moves them."""

    listing: Listing[Any]
    entity: str
    name: str = field(default="name", kw_only=True)
    fields: Sequence[str] = field(default=(), kw_only=True)
    open: str = field(default="", kw_only=True)
    states: Sequence[str] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Chart:
    """How a report is drawn: `bar`, `line` or `pie`, over the column `x`, of the columns `y`."""

    kind: str
    x: str
    y: Sequence[str]
    stacked: bool = False


@dataclass(frozen=True)
class ReportPage(Shown):
    """A report: its parameters above, chart and table below, each row leading to what it sums up.

    `report` is the module's Report or any query that returns structs; `drill` is the path of a row, filled with its
    fields."""

    report: Report | Function
    columns: Sequence[str] = field(default=(), kw_only=True)
    chart: Chart | None = field(default=None, kw_only=True)
    drill: str = field(default="", kw_only=True)
    widgets: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    empty: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Tile:
    """A number on a dashboard: the count, or the sum of a column, of a list's rows under a filter. It leads to
    exactly these rows, so their total is the tile's. `empty` says what to do while there is none; `tone` colours a
    number that wants somebody to act."""

    title: str
    listing: Listing[Any]
    where: Mapping[str, str] = field(default_factory=dict)
    sum: str = ""
    icon: str = ""
    empty: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Panel:
    """A chart on a dashboard: the rows of a list of the last `days`, counted or summed by a field. `over` is their
    moment, and charted by it they are a bar a day. Every bar leads to exactly its rows.

    `kind` is `bar`, `line`, `pie`, or `ranking` for the `top` few in order."""

    title: str
    listing: Listing[Any]
    by: str
    over: str
    sum: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    kind: str = "bar"
    days: int = 30
    top: int = 0
    icon: str = ""
    empty: str = ""


@dataclass(frozen=True)
class DashboardPage(Shown):
    """Tiles and charts. Those with the path `/` stand together on the home page of everybody who may see them."""

    tiles: Sequence[Tile] = field(default=(), kw_only=True)
    panels: Sequence[Panel] = field(default=(), kw_only=True)
    reports: Sequence[ReportPage] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class SettingsPage(Shown):
    """Every setting with its value at each level, and the level that wins; `command` gives a value."""

    command: Function
    needs: str = field(default="any", kw_only=True)


@dataclass(frozen=True)
class LayoutsPage(Shown):
    """Which fields lists, pages and forms show, and in which order; `command` keeps what was arranged."""

    command: Function
    needs: str = field(kw_only=True)


@dataclass(frozen=True)
class ObstaclesPage(Shown):
    """Everything that is stuck, near and far, with what clears it."""

    needs: str = field(default="any", kw_only=True)


@dataclass(frozen=True)
class OwnPage(Shown):
    """A page its module draws itself: `template` in its templates/, with scripts and sheets of the build. The script
    finds who looks, which permissions of `asks` they have, and `texts` in their language in the page. With a `worker`
    the page can be installed and opens without network."""

    template: str
    needs: str = field(kw_only=True)
    scripts: Sequence[str] = field(default=(), kw_only=True)
    sheets: Sequence[str] = field(default=(), kw_only=True)
    worker: str = field(default="", kw_only=True)
    asks: Sequence[str] = field(default=(), kw_only=True)
    texts: Mapping[str, str] = field(default_factory=dict, kw_only=True)


Page = (
    FormPage
    | ListPage
    | DetailPage
    | BoardPage
    | ReportPage
    | DashboardPage
    | SettingsPage
    | LayoutsPage
    | ObstaclesPage
    | OwnPage
)
