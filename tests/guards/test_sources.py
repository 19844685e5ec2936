"""What no file of ours may hold, and for each a planted violation that must be found."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 500  # lines; about 400 is where a file wants to be split, 500 is where it must be
# Where the pattern itself stands, because looking for it is the job.
LOOKING = ("tests/guards/test_sources.py", "tests/guards/test_assets.py")

Check = Callable[[str, str], Iterator[str]]


def tracked() -> list[str]:
    """The files of the repository, and outside a checkout everything that would be."""
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    if not any(found):
        found = [str(p.relative_to(ROOT)) for top in ("src", "tests", "docs") for p in (ROOT / top).rglob("*.*")]
    return [name for name in found if name and (ROOT / name).is_file()]


def text_of(name: str) -> str:
    return (ROOT / name).read_bytes().decode("utf-8", "replace")


# ── any file ──

HOSTS = re.compile(
    r"registry\.(npmjs|yarnpkg)|npmjs\.(org|com)|files\.pythonhosted|pypi\.org/simple|test\.pypi|artifactory|verdaccio"
    r"|nexus\.|--(extra-)?index-url|_authToken",
    re.I,
)
MACHINE = re.compile(r"(?<![\w./-])/(root|work|Users|home/(?!runner\b)[\w.-]+|private/tmp|mnt/[a-z])/[\w.-]+")


def names_no_registry(name: str, text: str) -> Iterator[str]:
    if found := HOSTS.search(text):
        yield f"{name} names the registry {found[0]}"


def names_no_machine(name: str, text: str) -> Iterator[str]:
    if found := MACHINE.search(text):
        yield f"{name} names {found[0]}, a place on somebody's machine"


def locks_hold_no_address(name: str, text: str) -> Iterator[str]:
    if re.search(r"(^|/)(requirements[\w-]*\.txt|[\w-]*lock(\.json|\.toml|file)?|\.npmrc)$", name):
        # npm also copies home pages into its lock; what counts there is where it downloads from.
        if found := re.search(r"\"resolved\"" if name.endswith(".json") else r"https?://[\w.-]+", text):
            yield f"{name} holds the address {found[0]}"
        if name.endswith(".txt") and "--hash=sha256:" not in text:
            yield f"{name} has no hashes"


# ── Python ──


def leaves_nothing_over(name: str, text: str) -> Iterator[str]:
    if found := re.search(r"\b(TODO|FIXME|HACK)\b", text):
        yield f"{name} has a {found[0]}"
    if found := re.search(r"pytest\.skip\(|mark\.skip\b(?!if)|\bxfail\b|importorskip|assert True\b|breakpoint\(", text):
        yield f"{name} has {found[0]}"


def is_not_too_long(name: str, text: str) -> Iterator[str]:
    if text.count("\n") > LONGEST:
        yield f"{name} has {text.count(chr(10))} lines, {LONGEST} is the most"


def swallows_nothing(name: str, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and _broad(node.type) and all(map(_idle, node.body)):
            yield f"{name}:{node.lineno} swallows every error"
        if _calls(node, "suppress") and any(map(_broad, node.args)):
            yield f"{name}:{node.lineno} swallows every error"


def _broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(map(_broad, kind.elts))
    return kind is None or _dotted(kind) in ("Exception", "BaseException")


def _idle(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass | ast.Continue) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    return ""


def _calls(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and _dotted(node.func).split(".")[-1] == name


COMMITTERS = ("kernel/units.py", "kernel/delivery.py", "kernel/jobs.py", "kernel/migrate.py")


def leaves_commits_to_the_unit(name: str, text: str) -> Iterator[str]:
    """Nobody commits but the unit and what carries units; a command that does would leave half of it behind."""
    if not name.startswith("src/") or name.endswith(COMMITTERS):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("commit", "rollback"):
                yield f"{name}:{node.lineno} calls {node.func.attr}()"
            if any(
                isinstance(a, ast.Constant) and re.match(r"\s*(COMMIT|ROLLBACK)\b(?! TO)", str(a.value))
                for a in node.args
            ):
                yield f"{name}:{node.lineno} ends the transaction in SQL"


def reads_no_sequence_like_a_table(name: str, text: str) -> Iterator[str]:
    """Its row may for a moment tell numbers that nobody has taken yet; `pg_sequence_last_value` never does."""
    if name.startswith("src/") and (found := re.search(r"\b(last_value|is_called)\b(?!\s*\()", text)):
        yield f"{name} reads {found[0]} of a sequence"


def writes_json_one_way(name: str, text: str) -> Iterator[str]:
    """A decimal is a string in all we write, which `pure/encoding.py` says once."""
    found = re.search(r"\bjson\.(Encoder|encode)\(", text)
    if found and name.startswith("src/") and not name.endswith("pure/encoding.py"):
        yield f"{name} writes JSON with {found[0]}), not with pure.encoding"


CLOCKS = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic", "utc_now")


def asks_ctx_for_the_time(name: str, text: str) -> Iterator[str]:
    """In a module the time is ctx.now: one moment per unit, and tests can set it."""
    if not _in_module(name):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _dotted(node.func).removeprefix("datetime.datetime").endswith(CLOCKS):
            yield f"{name}:{node.lineno} reads the clock with {_dotted(node.func)}()"


def counts_money_exactly(name: str, text: str) -> Iterator[str]:
    """No float comes near an amount: none in pure/money.py and quantities.py, no type or conversion in a module."""
    exact = name.endswith(("pure/money.py", "pure/quantities.py", "pure/taxes.py"))
    if not exact and not _in_module(name):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id == "float":
            yield f"{name}:{node.lineno} uses float"
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and exact:
            yield f"{name}:{node.lineno} has the float {node.value}"
        if _calls(node, "Decimal") and any(isinstance(getattr(a, "value", None), float) for a in node.args):
            yield f"{name}:{node.lineno} makes a Decimal of a float"


def _in_module(name: str) -> bool:
    return name.startswith("src/entrepot/modules/") and "/tests/" not in name


ANYWHERE: list[Check] = [names_no_registry, names_no_machine, locks_hold_no_address]
PYTHON: list[Check] = [
    leaves_nothing_over,
    is_not_too_long,
    swallows_nothing,
    leaves_commits_to_the_unit,
    reads_no_sequence_like_a_table,
    writes_json_one_way,
    asks_ctx_for_the_time,
    counts_money_exactly,
]


@pytest.mark.parametrize("check", ANYWHERE, ids=lambda check: check.__name__)
def test_no_file(check: Check) -> None:
    names = [name for name in tracked() if not name.startswith(LOOKING)]
    assert [problem for name in names for problem in check(name, text_of(name))] == []


@pytest.mark.parametrize("check", PYTHON, ids=lambda check: check.__name__)
def test_no_python_file(check: Check) -> None:
    names = [name for name in tracked() if name.endswith(".py") and not name.startswith(LOOKING)]
    assert [problem for name in names for problem in check(name, text_of(name))] == []


MODULE = "src/entrepot/modules/orders/commands.py"
SLASH = "/"
NPM = ".".join(("registry", "npmjs", "org"))  # put together, so that this file names it no more than others may


@pytest.mark.parametrize(
    ("check", "name", "text", "problem"),
    [
        (names_no_registry, "docs/x.md", f"see https://{NPM}", f"names the registry {NPM.rpartition('.')[0]}"),
        (names_no_registry, "requirements.txt", "--index-url https://example.test", "names the registry --index-url"),
        (names_no_machine, "Makefile", f"cp {SLASH}home/ada/erp.toml .", f"names {SLASH}home/ada/erp.toml"),
        (names_no_machine, "docs/x.md", f"in {SLASH}work/main", f"names {SLASH}work/main"),
        (
            locks_hold_no_address,
            "requirements.txt",
            "a @ https://example.test/a.whl --hash=sha256:1",
            "https://example",
        ),
        (locks_hold_no_address, "package-lock.json", '{"resolved": "x"}', 'holds the address "resolved"'),
        (locks_hold_no_address, "requirements-dev.txt", "a==1\n", "has no hashes"),
        (leaves_nothing_over, "src/x.py", "# TODO: later\n", "has a TODO"),
        (leaves_nothing_over, "tests/x.py", "@pytest.mark.skip\ndef test_x(): ...\n", "has mark.skip"),
        (leaves_nothing_over, "tests/x.py", "@pytest.mark.xfail\ndef test_x(): ...\n", "has xfail"),
        (leaves_nothing_over, "tests/x.py", "def test_x():\n    assert True\n", "has assert True"),
        (is_not_too_long, "src/x.py", "x = 1\n" * 501, "has 501 lines"),
        (swallows_nothing, "src/x.py", "try:\n    f()\nexcept Exception:\n    pass\n", "x.py:3 swallows"),
        (swallows_nothing, "src/x.py", "for x in y:\n  try:\n    f()\n  except:\n    continue\n", "x.py:4 swallows"),
        (swallows_nothing, "src/x.py", "with contextlib.suppress(Exception):\n    f()\n", "x.py:1 swallows"),
        (leaves_commits_to_the_unit, MODULE, "async def f(c):\n    await c.commit()\n", "commands.py:2 calls commit()"),
        (leaves_commits_to_the_unit, MODULE, 'ctx.run("COMMIT")\n', "commands.py:1 ends the transaction in SQL"),
        (reads_no_sequence_like_a_table, "src/x.py", "x = 'SELECT last_value FROM s'\n", "reads last_value"),
        (writes_json_one_way, "src/x.py", "x = msgspec.json.encode(y)\n", "writes JSON with json.encode()"),
        (writes_json_one_way, "src/x.py", "e = msgspec.json.Encoder()\n", "writes JSON with json.Encoder()"),
        (asks_ctx_for_the_time, MODULE, "x = datetime.now(UTC)\n", "reads the clock with datetime.now()"),
        (asks_ctx_for_the_time, MODULE, "x = time.time()\n", "reads the clock with time.time()"),
        (asks_ctx_for_the_time, MODULE, "x = dt.date.today()\n", "reads the clock with dt.date.today()"),
        (counts_money_exactly, MODULE, "def f(price: float) -> None: ...\n", "commands.py:1 uses float"),
        (counts_money_exactly, MODULE, "x = Decimal(0.1)\n", "commands.py:1 makes a Decimal of a float"),
        (counts_money_exactly, "src/entrepot/pure/money.py", "x = y * 1.21\n", "money.py:1 has the float 1.21"),
    ],
)
def test_a_planted_violation_is_found(check: Check, name: str, text: str, problem: str) -> None:
    found = list(check(name, text))
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("check", "name", "text"),
    [
        (swallows_nothing, "src/x.py", "try:\n    f()\nexcept KeyError:\n    pass\n"),
        (swallows_nothing, "src/x.py", "try:\n    f()\nexcept Exception:\n    logger.exception('x')\n"),
        (leaves_commits_to_the_unit, MODULE, 'ctx.run("ROLLBACK TO SAVEPOINT attempt")\n'),
        (reads_no_sequence_like_a_table, "src/x.py", "x = 'SELECT pg_sequence_last_value(1), last_value(y) OVER ()'\n"),
        (asks_ctx_for_the_time, MODULE, "x = ctx.now\n"),
        (asks_ctx_for_the_time, "src/entrepot/kernel/x.py", "x = datetime.now(UTC)\n"),
        (counts_money_exactly, MODULE, "sleep(0.5)\nx = Decimal('0.1')\n"),
        (names_no_machine, "docs/x.md", "GET /api/v1/work/orders and ./home/x"),
    ],
)
def test_what_only_looks_like_one_is_left_alone(check: Check, name: str, text: str) -> None:
    assert list(check(name, text)) == []
