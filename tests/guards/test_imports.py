"""The import contracts of pyproject.toml: kept, and each of them bites a planted violation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(root: Path, *contracts: str) -> tuple[int, str]:
    """Run the linter over a copy of the project; returns its exit code and what it says on one line."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    for contract in contracts:
        command += ["--contract", contract]
    found = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src"), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )
    return found.returncode, " ".join((found.stdout + found.stderr).split())


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package and its contracts, to plant violations in."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(
        ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "built", "static", "templates")
    )
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.mark.covers("OBS-012")
def test_every_contract_is_kept(copied: Path) -> None:
    code, said = lint(copied)
    assert (code, "0 broken" in said) == (0, True), said


PLANTED = [
    (
        "floors",
        "kernel/numbers.py",
        "import entrepot.modules.identity.rules",
        "The floors of the house are layers BROKEN",
    ),
    ("floors", "pure/ids.py", "import entrepot.kernel.db", "entrepot.pure is not allowed to import entrepot.kernel"),
    ("floors", "modules/platform/commands.py", "import entrepot.assembly", "entrepot.modules is not allowed to import"),
    (
        "rooms",
        "modules/identity/queries.py",
        "import entrepot.modules.identity.commands.people",
        "entrepot.modules.identity.queries imports entrepot.modules.identity.commands.people: queries is not above commands",
    ),
    (
        "rooms",
        "modules/platform/tables.py",
        "import entrepot.modules.platform.rules",
        "entrepot.modules.platform.tables imports entrepot.modules.platform.rules: tables is not above rules",
    ),
    (
        "rooms",
        "modules/identity/helpers.py",
        '"""Odds and ends."""',
        "entrepot.modules.identity.helpers is not a room; a module has contract, events,",
    ),
    (
        "doors",
        "modules/platform/queries.py",
        "import entrepot.modules.identity.tables",
        "entrepot.modules.platform.queries imports entrepot.modules.identity.tables, which is not a door of identity",
    ),
    (
        "doors",
        "modules/platform/commands.py",
        "import entrepot.modules.identity.events",
        "entrepot.modules.platform.commands imports entrepot.modules.identity.events, which is not a door of identity",
    ),
    (
        "tiers",
        "modules/identity/commands/people.py",
        "import entrepot.modules.catalog.contract",
        "entrepot.modules.identity.commands.people (tier 1) asks entrepot.modules.catalog.contract (tier 4)",
    ),
    (
        "purity",
        "modules/platform/rules.py",
        "import entrepot.kernel.fields",
        "entrepot.modules.platform.rules is not allowed to import entrepot.kernel",
    ),
    ("purity", "modules/identity/events.py", "import sqlalchemy", "is not allowed to import sqlalchemy"),
    ("web", "kernel/records.py", "import starlette.responses", "entrepot.kernel.records -> starlette"),
    ("web", "modules/identity/commands/people.py", "import starlette.requests", "commands.people -> starlette"),
]


@pytest.mark.parametrize(("contract", "file", "line", "said"), PLANTED, ids=[f"{p[0]} {p[1]}" for p in PLANTED])
def test_a_planted_violation_breaks_its_contract(copied: Path, contract: str, file: str, line: str, said: str) -> None:
    path = copied / "src" / "entrepot" / file
    before = path.read_text() if path.exists() else None
    try:
        path.write_text(f"{before or ''}\n{line}\n")
        code, found = lint(copied, contract)
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert code == 1, found
    assert "0 kept, 1 broken" in found
    assert said in found


def test_events_may_be_heard_in_reactions(copied: Path) -> None:
    """What looks like the violation above and is none."""
    path = copied / "src" / "entrepot" / "modules" / "platform" / "reactions.py"
    before = path.read_text() if path.exists() else None
    try:
        path.write_text(f"{before or ''}\nimport entrepot.modules.identity.events\n")
        code, found = lint(copied, "doors", "rooms", "tiers")
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert (code, "3 kept, 0 broken" in found) == (0, True), found
