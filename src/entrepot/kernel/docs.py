"""The pages under docs that are generated: a page per module, configuration, permissions, events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from entrepot.kernel import golden
from entrepot.kernel.config import EXPLAINED, SECRET_SETTINGS, Config
from entrepot.kernel.http import BASE
from entrepot.kernel.lists import Listing
from entrepot.kernel.module import KERNEL_EVENTS, Catalogue, Module, Stateful
from entrepot.kernel.openapi import about
from entrepot.kernel.routes import Route
from entrepot.kernel.ui.site import Site
from entrepot.pure.events import Event

FOLDER = Path(__file__).resolve().parents[3] / "docs"
NOTE = "<!-- Generated from the code by `make docs`. Change the code, not this page. -->"


def pages(catalogue: Catalogue) -> dict[str, str]:
    """Every generated page: its path below docs, and its text."""
    site = Site(catalogue)
    found = {f"modules/{module.name}.md": module_page(module, site) for module in _in_order(catalogue)}
    found["modules/README.md"] = overview(catalogue)
    found["configuration.md"] = configuration()
    found["permissions.md"] = permissions(catalogue)
    found["events.md"] = events(catalogue)
    return found


def write_all(catalogue: Catalogue, folder: Path = FOLDER) -> list[Path]:
    """Write the pages and the golden schemas of events, and remove pages of modules that are gone; returns what changed."""
    schemas = golden.write(catalogue, folder / "events")
    wanted = {folder / path: text for path, text in pages(catalogue).items()}
    changed = [file for file, text in wanted.items() if not file.is_file() or file.read_text(encoding="utf-8") != text]
    for file in changed:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted[file], encoding="utf-8")
    for file in sorted((folder / "modules").glob("*.md")):
        if file not in wanted:
            file.unlink()
            changed.append(file)
    return [*schemas, *changed]


def differences(catalogue: Catalogue, folder: Path = FOLDER) -> list[str]:
    """Which committed pages are not what is generated now."""
    wanted = pages(catalogue)
    found = [
        f"docs/{path} is not what is generated"
        for path, text in wanted.items()
        if not (folder / path).is_file() or (folder / path).read_text(encoding="utf-8") != text
    ]
    left = sorted(f"modules/{file.name}" for file in (folder / "modules").glob("*.md"))
    return found + [f"docs/{path} is of a module that is gone" for path in left if path not in wanted]


# ── a module ──


def module_page(module: Module, site: Site) -> str:
    """Everything a module is, from its manifest, and where its pages stand."""
    parts = [f"# {module.title}", NOTE, about(module), f"Module `{module.name}`, tier {module.tier}."]
    parts += _section("Statuses", [_machine(stateful) for stateful in module.machines])
    parts += _section(
        "Tables",
        _table(
            ("table", "what a row is", "columns"),
            [
                (f"`{t.table.fullname}`", _words(t.__doc__), ", ".join(f"`{c.name}`" for c in t.table.columns))
                for t in sorted(module.table_classes(), key=lambda t: t.table.name)
            ],
        ),
    )
    parts += _section(
        "Commands",
        _table(
            ("command", "needs", "what it does"),
            [(f"`{c.name}`", f"`{c.needs}`", _words(c.doc)) for c in module.command_list()],
        ),
    )
    parts += _section("Routes", _table(("route", "needs", "answers with"), [_route(r) for r in module.all_routes()]))
    parts += _section(
        "Pages",
        _table(
            ("page", "title", "needs", "in the menu under"),
            [(f"`{p.path}`", p.title, f"`{p.needs}`", p.menu) for p in site.places if p.module == module.name],
        ),
    )
    parts += _section(
        "Permissions",
        _table(("permission", "allows to"), [(f"`{p}`", text) for p, text in sorted(module.all_permissions().items())]),
    )
    told = sorted(module.event_classes(), key=lambda kind: kind.event_name)
    parts += _section("Events it tells", _table(("event", "when", "fields"), [_event(kind) for kind in told]))
    parts += _section("Events it hears", _table(("event", "reaction", "what it does"), _heard(module)))
    parts += _section("What others may ask", _table(("operation", "kind", "what it answers"), _offers(module)))
    parts += _section(
        "Settings",
        _table(
            ("setting", "what it decides", "default", "levels"),
            [(f"`{s.key}`", s.title, f"`{s.default!r}`", ", ".join(s.levels)) for s in module.settings],
        ),
    )
    parts += _section(
        "Number series",
        _table(
            ("document", "pattern", "digits", "starts again"),
            [
                (f"`{s.document_type}`", f"`{s.pattern}`", str(s.padding), "every year" if s.yearly else "never")
                for s in module.series
            ],
        ),
    )
    parts += _section(
        "Reports",
        _table(("report", "title", "needs"), [(f"`{r.name}`", r.title, f"`{r.needs}`") for r in module.reports]),
    )
    parts += _section(
        "Schedules",
        _table(
            ("when (UTC)", "what"),
            [(f"`{s.cron}`", _words(s.function.__doc__) or f"`{s.function.__name__}`") for s in module.schedules],
        ),
    )
    return "\n\n".join(parts) + "\n"


def _machine(stateful: Stateful) -> str:
    machine = stateful.machine
    moves = _table(
        ("move", "from", "to", "needs"),
        [(f"`{m.name}`", ", ".join(str(s) for s in m.sources), str(m.target), f"`{m.needs}`") for m in machine.moves],
    )
    return "\n\n".join(
        [f"### {machine.entity.replace('_', ' ').capitalize()}", f"```mermaid\n{machine.mermaid()}\n```", *moves]
    )


def _route(route: Route) -> tuple[str, str, str]:
    if isinstance(route.target, Listing):
        answer = route.target.doc or f"a list of {route.target.name.replace('_', ' ')}"
    else:
        answer = _words(route.target.__doc__)
    return f"`{route.method} {BASE}{route.path}`", "nobody known" if route.public else f"`{route.needs}`", answer


def _event(kind: type[Event]) -> tuple[str, str, str]:
    words = _words(kind.__doc__) if kind.__doc__ != Event.__doc__ else ""
    return f"`{kind.event_name}`", words, ", ".join(f"`{name}`" for name in kind.__struct_fields__)


def _heard(module: Module) -> list[tuple[str, str, str]]:
    return [
        (f"`{name}`", f"`{reaction.name}`", _words(reaction.handler.__doc__))
        for reaction in sorted(module.reaction_list(), key=lambda r: r.name)
        for name in sorted(reaction.events)
    ]


def _offers(module: Module) -> list[tuple[str, str, str]]:
    return [
        (
            f"`{made.facade.facade_name}.{operation.name}`",
            operation.kind,
            _words(getattr(made.facade, operation.name).__doc__),
        )
        for made in module.offers
        for operation in made.facade.operations().values()
    ]


# ── pages about all of them ──


def overview(catalogue: Catalogue) -> str:
    """The modules from the roof down."""
    rows = [
        (str(module.tier), f"[{module.title}]({module.name}.md)", about(module))
        for module in reversed(_in_order(catalogue))
    ]
    return "\n\n".join(["# Modules", NOTE, *_table(("tier", "module", "what it is for"), rows)]) + "\n"


def configuration() -> str:
    """Every setting of the process, with its default."""
    defaults = Config()
    rows = []
    for name in Config.__struct_fields__:
        secret = " Secret: never shown." if name in SECRET_SETTINGS else ""
        default: Any = getattr(defaults, name)
        rows.append(
            (
                f"`{name}`",
                f"`ENTREPOT_{name.upper()}`",
                f"`{default}`" if default != "" else "",
                EXPLAINED[name] + secret,
            )
        )
    return (
        "\n\n".join(
            [
                "# Configuration",
                NOTE,
                "Defaults, then `entrepot.toml` in the home folder, then the environment; the last one wins.",
                *_table(("in entrepot.toml", "in the environment", "default", "what it is"), rows),
            ]
        )
        + "\n"
    )


def permissions(catalogue: Catalogue) -> str:
    """Every permission, what it allows and which routes need it."""
    parts = [
        "# Permissions",
        NOTE,
        "A role is a bundle of these. `orders.*` stands for every permission that begins with `orders.`, `*` for all.",
    ]
    for module in _in_order(catalogue):
        rows = [
            (
                f"`{name}`",
                text,
                "<br>".join(f"`{r.method} {r.path}`" for r in catalogue.routes if r.needs == name and not r.public),
            )
            for name, text in sorted(module.all_permissions().items())
        ]
        parts += _section(module.title, _table(("permission", "allows to", "routes"), rows))
    return "\n\n".join(parts) + "\n"


def events(catalogue: Catalogue) -> str:
    """Who tells what, and who hears it."""
    hears: dict[str, list[str]] = {}
    for reaction in catalogue.reactions:
        for name in reaction.events:
            hears.setdefault(name, []).append(reaction.name)
    tells: list[tuple[str, Sequence[type[Event]]]] = [("Kernel", KERNEL_EVENTS)]
    tells += [(module.title, module.event_classes()) for module in _in_order(catalogue)]
    parts = [
        "# Events",
        NOTE,
        "Who tells what, and who hears it. The fields of each are in [events/](events/), one schema per event.",
        f"```mermaid\n{_flow(catalogue)}\n```",
    ]
    for title, kinds in tells:
        rows = [
            (
                f"[`{kind.event_name}`](events/{kind.event_name}.json)",
                str(kind.event_version),
                f"`{kind.event_about}`",
                ", ".join(f"`{name}`" for name in sorted(hears.get(kind.event_name, []))),
                ", ".join(f"`{name}`" for name in kind.event_aliases),
            )
            for kind in sorted(kinds, key=lambda kind: kind.event_name)
        ]
        parts += _section(title, _table(("event", "version", "about", "heard by", "also called"), rows))
    return "\n\n".join(parts) + "\n"


def _flow(catalogue: Catalogue) -> str:
    """Arrows from who tells to who hears."""
    owners = {kind.event_name: module.name for module in catalogue.modules.values() for kind in module.event_classes()}
    arrows: dict[tuple[str, str], set[str]] = {}
    for reaction in catalogue.reactions:
        for name in reaction.events:
            arrows.setdefault((owners.get(name, "kernel"), reaction.name.split(".", 1)[0]), set()).add(name)
    lines = [f"    {a} -->|{'<br>'.join(sorted(names))}| {b}" for (a, b), names in sorted(arrows.items())]
    return "\n".join(["flowchart LR", *lines])


# ── how a page is put together ──


def _in_order(catalogue: Catalogue) -> list[Module]:
    everything = [*catalogue.modules.values(), *catalogue.elsewhere.values()]
    return sorted(everything, key=lambda module: (module.tier, module.name))


def _section(title: str, parts: Iterable[str]) -> list[str]:
    found = list(parts)
    return [f"## {title}", *found] if found else []


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [head, ["---"] * len(head), *rows]
    return ["\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)]


def _words(text: str | None) -> str:
    return " ".join((text or "").split())
