"""Every command of `entrepot`, with its options; the work is done elsewhere."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from entrepot.cli.printing import Shape, raw, show, table
from entrepot.cli.running import entity_of, err, guarded, out, run, settings, tenant_of
from entrepot.kernel.config import EXPLAINED, shown
from entrepot.kernel.ctx import SYSTEM
from entrepot.kernel.house import House
from entrepot.kernel.units import unit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Invalid, NotFound

app = typer.Typer(
    name="entrepot",
    help="One place where goods, orders and money meet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Tenant = Annotated[
    str | None, typer.Option("--tenant", "-t", help="Tenant, by slug or id (default: the only one, or demo).")
]
Entity = Annotated[str | None, typer.Option("--entity", "-e", help="Business entity, by code.")]
Format = Annotated[Shape, typer.Option("--format", "-f", help="How to print.")]


@app.command()
@guarded
def up(
    port: Annotated[int | None, typer.Option(help="Port to listen on (ENTREPOT_PORT).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (ENTREPOT_HOST).")] = None,
) -> None:
    """Start everything in one process: database, web, events, jobs; and a demo when the database is empty."""
    from entrepot.cli import running
    from entrepot.cli import up as starting

    config = settings(port=port, host=host)
    with running.bootstrap(config, share=False) as server:
        starting.serve(config, server, works=True)


@app.command()
@guarded
def serve(
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    service: Annotated[str | None, typer.Option(help="Which service of the topology.")] = None,
    works: Annotated[bool, typer.Option(help="Handle events and jobs in this process as well.")] = True,
    beside: Annotated[tuple[int, int] | None, typer.Option(help="Process and socket to go with.", hidden=True)] = None,
) -> None:
    """Answer requests (of one service, or of all modules) on a database that runs elsewhere or in this home."""
    from entrepot.cli import running
    from entrepot.cli import up as starting
    from entrepot.kernel.accounts import goes_with

    if beside and not goes_with(beside[0]):
        return
    config = running.of_service(settings(port=port, host=host, service=service), port)
    with running.bootstrap(config) as server:
        starting.serve(config, server, works=works, beside=beside)


@app.command()
@guarded
def work(service: Annotated[str | None, typer.Option(help="Which service of the topology.")] = None) -> None:
    """Handle events and run jobs and schedules, without answering requests."""
    from entrepot.cli import running
    from entrepot.cli import up as starting

    config = settings(service=service)
    with running.bootstrap(config) as server:
        starting.serve(config, server, works=True, web=False)


@app.command()
@guarded
def migrate() -> None:
    """Bring the database up to date; safe to run again and at the same time elsewhere."""

    async def inside(house: House) -> None:
        out.print(f"{house.databases.main.name}: up to date, {len(house.catalogue.modules)} modules")

    run(inside)


@app.command("import")
@guarded
def import_(
    what: Annotated[str, typer.Argument(help="What the file holds: orders.")],
    file: Annotated[Path, typer.Argument(help="A CSV file, plain or .gz.", exists=True, dir_okay=False)],
    mapping: Annotated[Path, typer.Option(help="What the columns mean (TOML).", exists=True, dir_okay=False)],
    tenant: Tenant = None,
    entity: Entity = None,
    format: Format = Shape.table,
) -> None:
    """Bring a file in. Can be interrupted and started again; doing it twice adds nothing."""

    async def inside(house: House) -> Any:
        importer = next((m.importers[what] for m in house.catalogue.modules.values() if what in m.importers), None)
        if importer is None:
            raise NotFound("there is nothing to import called {what}", what=what)
        chosen = await tenant_of(house, tenant)
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err
        ) as progress:
            bar = progress.add_task(f"importing {file.name}", total=None)
            result = await importer(
                house,
                chosen,
                file,
                mapping,
                entity_id=await entity_of(house, chosen, entity),
                told=lambda done, all_: progress.update(bar, completed=done, total=all_),
            )
            booking = progress.add_task("booking", total=None)
            await house.relay.drain()
            progress.update(booking, completed=1, total=1)
        return result

    result: Any = run(inside)
    if format is Shape.json:
        raw(encode(result))
        return
    for name in ("rows", "documents", "created", "repeated", "products"):
        out.print(f"{name:<10} {getattr(result, name)}")
    out.print(f"{'refused':<10} {len(result.refused)}")
    for refused in result.refused:
        out.print(f"  row {refused.row}: {refused.reason}", highlight=False)


@app.command()
@guarded
def export(
    what: Annotated[str, typer.Argument(help="The name of a list: orders, products, stock_levels ...")],
    file: Annotated[Path, typer.Argument(help="Where to; the ending says how: .csv, .xlsx or .json.")],
    tenant: Tenant = None,
    query: Annotated[list[str] | None, typer.Option("--where", help="A filter as in the API: state=paid.")] = None,
) -> None:
    """Write a whole list to a file."""
    from entrepot.kernel.lists import Listing, read_page
    from entrepot.kernel.sheets import SHEETS

    kind = file.suffix.lstrip(".")
    if kind not in (*SHEETS, "json"):
        raise Invalid.field("file", "must end in one of {allowed}", allowed=[".json", *(f".{k}" for k in SHEETS)])

    async def inside(house: House) -> int:
        lists = {
            route.target.name: route.target for route in house.catalogue.routes if isinstance(route.target, Listing)
        }
        if what not in lists:
            raise NotFound(
                "there is no list called {what}; there are {known}", what=what, known=", ".join(sorted(lists))
            )
        asked = dict(part.split("=", 1) for part in query or [])
        rows: list[Any] = []
        async with unit(house, await tenant_of(house, tenant), SYSTEM, read_only=True) as ctx:
            cursor = None
            while True:
                page = await read_page(
                    ctx, lists[what], {**asked, "limit": "5000", **({"cursor": cursor} if cursor else {})}, most=5000
                )
                rows += page.data
                cursor = page.next_cursor
                if cursor is None:
                    break
        body = encode(rows) if kind == "json" else SHEETS[kind][1](list(lists[what].columns), rows)
        file.write_bytes(body)
        return len(rows)

    out.print(f"{run(inside)} rows in {file}")


@app.command()
@guarded
def report(
    name: Annotated[str, typer.Argument(help="The report: sales, trial-balance ...")],
    by: Annotated[str | None, typer.Option(help="Group by: day, month, year.")] = None,
    as_of: Annotated[str | None, typer.Option(help="As of this day (YYYY-MM-DD).")] = None,
    tenant: Tenant = None,
    entity: Entity = None,
    format: Format = Shape.table,
) -> None:
    """Print a report."""
    from inspect import signature

    async def inside(house: House) -> Any:
        found = house.catalogue.reports.get(name)
        if found is None:
            known = ", ".join(sorted(house.catalogue.reports))
            raise NotFound("there is no report called {what}; there are {known}", what=name, known=known)
        chosen = await tenant_of(house, tenant)
        given: dict[str, Any] = {
            "by": by,
            "as_of": date.fromisoformat(as_of) if as_of else None,
            "entity": await entity_of(house, chosen, entity) if entity else None,
        }
        takes = signature(found.read).parameters
        for option, value in given.items():
            if value is not None and option not in takes:
                raise Invalid.field(option, "this report has no option {option}", option=option)
        async with unit(house, chosen, SYSTEM, read_only=True) as ctx:
            return await found.read(ctx, **{k: v for k, v in given.items() if v is not None})

    show(run(inside), format)


@app.command("new-tenant")
@guarded
def new_tenant(
    slug: Annotated[str, typer.Argument(help="Its short name: letters, digits, - and _.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    admin: Annotated[str, typer.Option(help="E-mail of its administrator.")],
    own_database: Annotated[bool, typer.Option(help="Keep it in a database of its own.")] = False,
) -> None:
    """Create a tenant with an administrator; prints the password, this once."""
    from entrepot.cli import running
    from entrepot.cli.tenants import create

    config = settings()
    with running.bootstrap(config) as server:
        url = server.server.url
        raw(run(lambda house: create(house, url, slug, name, admin, own_database), config).encode())


@app.command()
@guarded
def token(
    tenant: Tenant = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="E-mail of the user (default: an administrator).")
    ] = None,
) -> None:
    """Print an API token for scripts on this machine."""

    async def inside(house: House) -> str:
        from entrepot.modules.identity.commands.sessions import token_for

        return await token_for(house, await tenant_of(house, tenant), user)

    raw(run(inside).encode())


@app.command()
@guarded
def config(format: Format = Shape.table) -> None:
    """Print every setting, its value and what it means; secrets are masked."""
    values = shown(settings())
    rows = [{"setting": f"ENTREPOT_{k.upper()}", "value": v, "meaning": EXPLAINED[k]} for k, v in values.items()]
    if format is Shape.json:
        raw(encode(values))
    else:
        table(rows, format)


@app.command()
@guarded
def catalogue(
    format: Format = Shape.table,
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Write the pages under docs/ anew.")] = False,
) -> None:
    """List the modules with what they offer; checks the whole wiring on the way."""
    from entrepot import assembly
    from entrepot.kernel.module import Catalogue

    found = Catalogue(assembly.load_modules())
    if write_docs:
        from entrepot.kernel import docs

        docs.write_all(found)
    rows = [
        {
            "module": m.name,
            "tier": m.tier,
            "routes": len(m.all_routes()),
            "commands": len(m.command_list()),
            "events": len(m.event_classes()),
            "reactions": len(m.reaction_list()),
            "permissions": len(m.all_permissions()),
        }
        for m in sorted(found.modules.values(), key=lambda m: (m.tier, m.name))
    ]
    show(rows, format)


@app.command("new-module")
@guarded
def new_module(
    name: Annotated[str, typer.Argument(help="Its name: small letters, one word.")],
    tier: Annotated[int, typer.Option(help="Its floor: it may ask only what is below.")] = 8,
) -> None:
    """Scaffold a module that passes the whole gate."""
    from entrepot.kernel import scaffold

    for file in scaffold.new_module(name, tier):
        out.print(f"made {file}")


@app.command()
@guarded
def check(tenant: Tenant = None, format: Format = Shape.table) -> None:
    """Prove that goods and money agree: stock equals its ledger, books balance, no number is missing."""

    async def inside(house: House) -> list[dict[str, Any]]:
        rows = []
        async with unit(house, await tenant_of(house, tenant), SYSTEM, read_only=True) as ctx:
            for module in house.catalogue.modules.values():
                for proof in module.checks:
                    problems = await proof(ctx)
                    rows.append({"check": f"{module.name}.{proof.__name__}", "problems": problems})
        return rows

    rows = run(inside)
    show(rows, format)
    if any(row["problems"] for row in rows):
        sys.exit(1)


@app.command()
@guarded
def requirements(format: Format = Shape.table) -> None:
    """Print, per area and in total, how many requirements a passing test proves."""
    from entrepot.kernel import requirements as counted

    counted.main(as_json=format is Shape.json)


@app.command("demo-order")
@guarded
def demo_order(
    url: Annotated[str | None, typer.Option(help="Where the system runs.")] = None, tenant: Tenant = None
) -> None:
    """Send an order through the running system and tell every step it took to the ledger."""
    from entrepot.cli.showing import follow_an_order

    chosen = settings()
    credential = run(lambda house: _token(house, tenant), chosen)
    follow_an_order(url or f"http://127.0.0.1:{chosen.port}{chosen.path_prefix}", credential)


async def _token(house: House, tenant: str | None) -> str:
    from entrepot.modules.identity.commands.sessions import token_for

    return await token_for(house, await tenant_of(house, tenant), None)
