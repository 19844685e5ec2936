"""Every page in its place: paths, parents, permissions and menu, made of the declarations at start.

What does not fit (a missing column, permission, icon or translation) raises WiringError here and nowhere later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, get_type_hints

import msgspec

from entrepot.kernel.commands import describe
from entrepot.kernel.facade import WiringError
from entrepot.kernel.lists import Listing
from entrepot.kernel.module import Catalogue, Module, Report
from entrepot.kernel.routes import PARAMETER
from entrepot.kernel.ui import declare as d
from entrepot.kernel.ui.assets import icon_names
from entrepot.kernel.ui.labels import label_of, plural
from entrepot.kernel.ui.texts import missing

GROUPS = (
    "Sales", "Catalog", "Stock", "Purchasing", "Customers", "Service", "Money", "Reports", "Settings", "System",
)  # fmt: skip


@dataclass(eq=False)
class Place:
    """One page where it stands: its address, who may see it, and what it belongs to."""

    page: Any
    path: str
    title: str
    needs: str
    module: str
    here: bool = True
    icon: str = "file-text"
    menu: str = ""
    order: int = 50
    intro: str = ""
    parent: Place | None = None
    new: Place | None = None
    open: Place | None = None
    bulk: list[Place] = field(default_factory=list)
    actions: list[Place] = field(default_factory=list)
    declared: bool = True
    entity: str = ""
    custom: str = ""

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.path)

    def at(self, values: dict[str, Any]) -> str:
        """The address with its parameters filled in."""
        return PARAMETER.sub(lambda found: str(values.get(found.group(1), "")), self.path)


class Site:
    """All places of one house."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.places: list[Place] = []
        self.lists: dict[str, Place] = {}
        self.lookups: dict[str, Place] = {}
        self.home: list[tuple[str, d.DashboardPage]] = []
        self._paths: set[str] = set()
        for module in (*catalogue.modules.values(), *catalogue.elsewhere.values()):
            self._gather(module, here=module.name in catalogue.modules)
        Check(self).everything()

    # ── gathering ──

    def _gather(self, module: Module, *, here: bool) -> None:
        routes = {id(route.target): route.path for route in module.all_routes() if isinstance(route.target, Listing)}
        for page in module.pages:
            self._add(page, module.name, routes, here=here)
        declared = {id(page.listing) for page in module.pages if isinstance(page, d.ListPage)}
        for record in module.records:
            if id(record.listing) not in declared:
                group = next((page.menu for page in module.pages if page.menu), "Settings")
                self._add(record_page(record, group), module.name, routes, here=here, declared=False)

    def _add(
        self, page: Any, module: str, routes: dict[int, str], *, here: bool, declared: bool = True
    ) -> Place | None:
        if isinstance(page, d.DashboardPage) and page.path in ("", "/"):
            if here:  # a number is counted where its rows are
                self.home.append((module, page))
            return None
        path = page.path or self._derived_path(page, module, routes)
        place = Place(
            page=page,
            path=path,
            title=page.title or default_title(page),
            needs=needs_of(page),
            module=module,
            here=here,
            icon=page.icon or "file-text",
            menu=page.menu,
            order=page.order,
            intro=page.intro,
            declared=declared,
            entity=entity_of_page(page),
        )
        self._keep(place)
        if isinstance(page, d.ListPage):
            self._around_list(page, place)
        elif isinstance(page, d.DetailPage):
            self._around_detail(page, place)
        return place

    def _derived_path(self, page: Any, module: str, routes: dict[int, str]) -> str:
        if isinstance(page, d.ListPage):
            return routes.get(id(page.listing)) or "/" + page.listing.name.replace("_", "-")
        if isinstance(page, d.BoardPage):
            return f"{routes.get(id(page.listing)) or '/' + page.listing.name.replace('_', '-')}/board"
        if isinstance(page, d.ReportPage):
            return f"/reports/{report_name(page).replace('_', '-')}"
        if isinstance(page, d.FormPage):
            return "/" + page.command.__name__.replace("_", "-")
        raise WiringError(f"a {type(page).__name__} of {module} has no path")

    def _around_list(self, page: d.ListPage, place: Place) -> None:
        self.lists.setdefault(page.listing.name, place)
        for name in page.offers:
            self.lookups[name] = place
        custom = page.custom or (page.listing.extensible.entity if page.listing.extensible else "")
        if page.new is not None:
            form = replace(page.new, custom=page.new.custom or custom)
            place.new = self._child(place, form, page.new.path or f"{place.path}/new", "plus")
        for action in page.bulk:
            child = self._child(place, action, f"{place.path}/all/{slug(action)}", "")
            place.bulk.append(child)
        if isinstance(page.open, d.DetailPage):
            given = set(place.parameters)
            parameter = next((n for n in describe(page.open.query).parameters if n not in given), "id")
            detail = replace(page.open, entity=page.open.entity or custom or listed_entity(page.listing))
            place.open = self._child(place, detail, page.open.path or f"{place.path}/{{{parameter}}}", "")
            place.open.entity, place.open.custom = detail.entity, custom
            self._around_detail(detail, place.open, custom)

    def _around_detail(self, page: d.DetailPage, place: Place, custom: str = "") -> None:
        for action in page.actions:
            form = replace(action, custom=action.custom or custom, load=action.load or page.query)
            place.actions.append(self._child(place, form, f"{place.path}/{slug(action)}", action.icon or "pencil"))
        for move, action in page.steps.items():
            form = replace(action, load=action.load or page.query)
            child = self._child(place, form, action.path or f"{place.path}/{move.replace('_', '-')}", "")
            child.entity = move
            place.bulk.append(child)

    def _child(self, parent: Place, page: Any, path: str, icon: str) -> Place:
        child = Place(
            page=page,
            path=path,
            title=page.title or default_title(page),
            needs=needs_of(page),
            module=parent.module,
            here=parent.here,
            icon=page.icon or icon or parent.icon,
            parent=parent,
            declared=parent.declared,
        )
        self._keep(child)
        return child

    def _keep(self, place: Place) -> None:
        if place.path in self._paths:
            raise WiringError(f"two pages stand at {place.path}")
        self._paths.add(place.path)
        self.places.append(place)

    # ── asking ──

    def groups(self, may: Any) -> Iterator[tuple[str, list[Place]]]:
        """The side bar for somebody: groups in order with the pages they may see."""
        for group in GROUPS:
            found = sorted(
                (p for p in self.places if p.menu == group and may(p.needs)), key=lambda p: (p.order, p.title)
            )
            if found:
                yield group, found

    def place_of(self, entity: str) -> Place | None:
        """The page of one thing of a kind, here or elsewhere; of the tenant's own kinds the page they share."""
        pages = [p for p in self.places if isinstance(p.page, d.DetailPage)]
        own = next((p for p in pages if p.entity == entity), None)
        return own or next((p for p in pages if p.entity == "{object}"), None)

    def path_of(self, place: Place, entity: str, identifier: str) -> str:
        """Where the page of one thing is."""
        own = place.parameters[-1]
        return place.at({name: identifier if name == own else entity for name in place.parameters})

    def list_of(self, listing: Listing[Any]) -> Place | None:
        return self.lists.get(listing.name)


class Check:
    """Raises WiringError at the first declaration that does not fit."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.catalogue = site.catalogue

    def everything(self) -> None:
        for place in self.site.places:
            self.place(place)
        for module, page in self.site.home:
            self._dashboardpage(page, f"the home page of {module}")
        found = missing(self.site)
        if found:
            raise WiringError(f"pages show texts that are not translated: {'; '.join(found)}")

    def place(self, place: Place) -> None:
        where = f"the page {place.path} of {place.module}"
        if place.icon not in icon_names():
            raise WiringError(f"{where} has the icon {place.icon!r}, which is not in icons.txt")
        if place.menu and place.menu not in GROUPS:
            raise WiringError(f"{where} stands under {place.menu!r}; the groups are {', '.join(GROUPS)}")
        if place.needs != "any" and place.needs not in self.catalogue.permissions:
            raise WiringError(f"{where} needs the permission {place.needs!r}, which no manifest declares")
        check = getattr(self, "_" + type(place.page).__name__.lower(), None)
        if check is not None:
            check(place.page, where)

    def _listpage(self, page: d.ListPage, where: str) -> None:
        self._columns(page.listing, [*page.columns, *([page.by] if page.by else [])], where)
        self._columns(page.listing, [n for n in (page.name, page.hint) if n and page.offers], where)
        for name in page.filters:
            if not page.listing.filterable(name):
                raise WiringError(f"{where} filters by {name}, which cannot be")

    def _boardpage(self, page: d.BoardPage, where: str) -> None:
        self._columns(page.listing, [page.name, *page.fields], where)
        everybody = (*self.catalogue.modules.values(), *self.catalogue.elsewhere.values())
        if not any(page.entity == stateful.machine.entity for module in everybody for stateful in module.machines):
            raise WiringError(f"{where} is a board of {page.entity}, which has no machine")

    def _detailpage(self, page: d.DetailPage, where: str) -> None:
        shape = describe(page.query).result
        names = struct_fields(shape)
        for section in page.sections:
            for name in section.fields:
                if names and name not in names:
                    raise WiringError(f"{where} shows {name}, which {shape.__name__} does not have")
        for name in page.links.values():
            if names and name not in names:
                raise WiringError(f"{where} leads to {name}, which {shape.__name__} does not have")
        if names and page.name not in names:
            raise WiringError(f"{where} is named by {page.name}, which {shape.__name__} does not have")
        for name in (*page.lines, *page.hidden):
            if names and name not in names:
                raise WiringError(f"{where} speaks of {name}, which {shape.__name__} does not have")
        for related in page.related:
            self._columns(related.listing, [*related.columns, related.field], where)

    def _formpage(self, page: d.FormPage, where: str) -> None:
        known = {*command_fields(page.command)}
        for name in (*page.fields, *page.widgets, *page.hints, *page.fixed):
            if name not in known:
                raise WiringError(f"{where} asks for {name}, which {page.command.__name__} does not take")
        for widget in page.widgets.values():
            if isinstance(widget, d.Lookup):
                wanted = [n for n in (widget.value, widget.text, widget.hint) if n]
                self._columns(widget.listing, wanted, where)

    def _dashboardpage(self, page: d.DashboardPage, where: str) -> None:
        for tile in page.tiles:
            self.counted(tile, [tile.sum] if tile.sum else [], where)
        for panel in page.panels:
            self.counted(panel, [n for n in (panel.by, panel.over, panel.sum) if n], where)

    def counted(self, found: d.Tile | d.Panel, names: list[str], where: str) -> None:
        """A tile or chart: what it counts by is a column, and what it filters by can be filtered by."""
        self._columns(found.listing, names, where)
        if found.icon and found.icon not in icon_names():
            raise WiringError(f"a tile of {where} has the icon {found.icon!r}, which is not in icons.txt")
        for parameter in found.where:
            if not found.listing.filterable(parameter.partition("__")[0]):
                raise WiringError(f"a tile of {where} filters by {parameter}, which cannot be")

    def _columns(self, listing: Listing[Any], names: Any, where: str) -> None:
        for name in names:
            if name not in listing.columns:
                raise WiringError(f"{where} shows {name}, which the list {listing.name} does not have")


# ── what declarations mean when they leave things out ──


def record_page(record: Any, group: str) -> d.ListPage:
    """The pages of a record: all of them follow from its table."""
    return d.ListPage(
        record.listing,
        path=record.path,
        title=label_of(plural(record.entity)),
        icon="tags",
        menu=group,
        order=70,
        columns=[column.name for column in record.own],
        new=d.FormPage(record.create, title=f"New {record.entity.replace('_', ' ')}"),
        bulk=[d.FormPage(record.archive, title="Archive", confirm="Archive what is chosen? It is no longer offered.")],
        open=d.DetailPage(
            record.read,
            entity=record.entity,
            name="name" if "name" in record.shape.__struct_fields__ else record.own[0].name,
            actions=[
                d.FormPage(record.update, icon="pencil"),
                d.FormPage(
                    record.archive,
                    icon="archive",
                    danger=True,
                    confirm="Archive this? It is no longer offered anywhere.",
                ),
            ],
        ),
    )


def default_title(page: Any) -> str:
    if isinstance(page, d.ListPage | d.BoardPage):
        return label_of(page.listing.name)
    if isinstance(page, d.FormPage):
        return label_of(page.command.__name__)
    if isinstance(page, d.ReportPage):
        return page.report.title if isinstance(page.report, Report) else label_of(report_name(page))
    if isinstance(page, d.DetailPage):
        return label_of(page.query.__name__.removeprefix("get_").removeprefix("read_"))
    return "Page"


def needs_of(page: Any) -> str:
    if isinstance(page, d.ListPage | d.BoardPage):
        return page.listing.needs
    if isinstance(page, d.FormPage):
        return describe(page.command).needs or "any"
    if isinstance(page, d.DetailPage):
        return describe(page.query).needs or "any"
    if isinstance(page, d.ReportPage):
        return page.report.needs if isinstance(page.report, Report) else describe(page.report).needs or "any"
    if isinstance(page, d.SettingsPage | d.LayoutsPage | d.ObstaclesPage | d.OwnPage):
        return page.needs
    return "any"


def report_name(page: d.ReportPage) -> str:
    return page.report.name if isinstance(page.report, Report) else page.report.__name__.removeprefix("list_")


def entity_of_page(page: Any) -> str:
    return str(getattr(page, "entity", ""))


def listed_entity(listing: Listing[Any]) -> str:
    """The kind of entity a list shows, by the table it reads from."""
    table: Any = listing.view.select.get_final_froms()[0]
    while hasattr(table, "left"):
        table = table.left
    found = table.info.get("class")
    return found.entity if found is not None else str(table.name)


def slug(action: d.FormPage) -> str:
    """`change_user` hangs at `change`, `revoke_api_key` at `revoke`."""
    return action.path.strip("/") or action.command.__name__.split("_", 1)[0]


def struct_fields(shape: Any) -> tuple[str, ...]:
    return tuple(getattr(shape, "__struct_fields__", ()))


def command_fields(command: Any) -> dict[str, Any]:
    """What a command asks: its parameters, or the fields of its one struct called `body`."""
    found: dict[str, Any] = {}
    for name, kind in describe(command).parameters.items():
        if name == "body" and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found.update(get_type_hints(kind, include_extras=True))
        else:
            found[name] = kind
    return found
