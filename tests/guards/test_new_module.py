"""What `new-module` writes passes the whole gate as it stands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.kernel import scaffold
from entrepot.kernel.scaffold import new_module

ROOT = Path(__file__).resolve().parents[2]
HERE = ("src", "tests", "docs", "pyproject.toml", "conftest.py")
MAKE = "from entrepot.kernel.scaffold import new_module; print(*new_module('loyalty', 5), sep='\\n')"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one module more."""
    root = tmp_path_factory.mktemp("house")
    for name in HERE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "built"))
        else:
            shutil.copy(ROOT / name, root)
    made = run(root, sys.executable, "-c", MAKE)
    assert "modules/loyalty/migrations/0001_first_tables.py" in made
    assert "docs/events/loyalty_item.created.json" in made
    assert "docs/modules/loyalty.md" in made
    return root


def run(root: Path, *command: str) -> str:
    """Run a tool in the copy; it must succeed. Returns what it said."""
    program = command[0] if Path(command[0]).is_absolute() else str(Path(sys.executable).with_name(command[0]))
    found = subprocess.run(
        [program, *command[1:]],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    return found.stdout


def test_it_is_in_order_and_typed(copied: Path) -> None:
    module = "src/entrepot/modules/loyalty"
    run(copied, "ruff", "format", "--no-cache", "--check", module)
    run(copied, "ruff", "check", "--no-cache", module)
    assert "Success: no issues found" in run(copied, "mypy", "-p", "entrepot.modules.loyalty")


def test_it_keeps_the_import_contracts(copied: Path) -> None:
    assert "0 broken" in run(copied, "lint-imports", "--no-cache", "--no-logo")


@pytest.mark.covers("PLT-014")
def test_it_passes_its_tests_and_the_battery(copied: Path) -> None:
    found = run(
        copied,
        "pytest",
        *("-q", "-p", "no:cacheprovider", "-k", "loyalty"),
        *("src/entrepot/modules/loyalty", "tests/test_battery.py", "tests/test_isolation.py"),
        "tests/api/test_schemathesis.py",
    )
    assert " passed" in found
    assert "failed" not in found


def test_every_room_is_there(copied: Path) -> None:
    folder = copied / "src" / "entrepot" / "modules" / "loyalty"
    rooms = [
        "api",
        "commands",
        "contract",
        "events",
        "manifest",
        "pages",
        "queries",
        "reactions",
        "rules",
        "tables",
        "__init__",
    ]
    assert sorted(file.stem for file in folder.glob("*.py")) == sorted(rooms)
    assert sorted(str(file.relative_to(folder)) for file in folder.glob("*/*.py")) == [
        "migrations/0001_first_tables.py",
        "tests/test_api.py",
        "tests/test_rules.py",
    ]


@pytest.mark.parametrize("name", ["ab", "abcdefghijk_abcdefghijk"])
def test_names_of_any_length_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(scaffold, "FINISH", "")
    new_module(name, 9, root=tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    run(tmp_path, "ruff", "format", "--no-cache", "--check", ".")
    run(tmp_path, "ruff", "check", "--no-cache", "--select", "E,F", ".")


def test_what_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaffold, "FINISH", "raise SystemExit('no house here')")
    with pytest.raises(RuntimeError, match="the house does not stand with loyalty in it:\nno house here"):
        new_module("loyalty", 5, root=tmp_path)
    assert list((tmp_path / "modules").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "tier", "problem"),
    [
        ("Loyalty", 5, "'Loyalty' cannot name a module"),
        ("a-b", 5, "'a-b' cannot name a module"),
        ("../x", 5, "cannot name a module"),
        ("identity", 5, "there already is a module identity"),
        ("loyalty", 0, "a tier is a number from 1 to 9"),
    ],
)
def test_what_cannot_be_a_module_is_refused_and_nothing_written(name: str, tier: int, problem: str) -> None:
    before = sorted(scaffold.ROOT.glob("modules/*"))
    with pytest.raises(ValueError, match=problem):
        new_module(name, tier)
    assert sorted(scaffold.ROOT.glob("modules/*")) == before
