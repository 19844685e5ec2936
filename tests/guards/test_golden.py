"""Golden event schemas: committed, as generated, and since the first commit only grown."""

import json
import subprocess
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from entrepot import assembly
from entrepot.kernel import golden
from entrepot.kernel.module import Catalogue
from entrepot.pure.events import Event, event

ROOT = Path(__file__).resolve().parents[2]


def test_committed_schemas_are_the_generated_ones() -> None:
    assert golden.differences(Catalogue(assembly.load_modules())) == []


def versions(file: Path) -> list[dict[str, object]]:
    """Every committed version of a schema, newest first; none where there is no history to look into."""
    log = subprocess.run(
        ["git", "log", "--format=%H", "--", str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    shown = [
        subprocess.run(
            ["git", "show", f"{commit}:{file.relative_to(ROOT).as_posix()}"], cwd=ROOT, capture_output=True, check=False
        )
        for commit in log.stdout.split()
    ]
    return [json.loads(version.stdout) for version in shown if version.returncode == 0]


def test_schemas_have_only_grown_since_they_were_first_committed() -> None:
    found = [
        f"{file.stem}: {problem}"
        for file in sorted(golden.FOLDER.glob("*.json"))
        for before in versions(file)
        for problem in golden.shrunk(before, json.loads(file.read_text()))
    ]
    assert found == []


class Line(msgspec.Struct, frozen=True):
    sku: str
    quantity: int


@event("thing.sold", about="thing_id")
class Before(Event, frozen=True):
    """A thing was sold."""

    thing_id: UUID
    lines: list[Line]
    note: str | None = None


class LongerLine(msgspec.Struct, frozen=True):
    sku: str
    quantity: int
    price: str = "0"


class TextLine(msgspec.Struct, frozen=True):
    sku: str
    quantity: str


def changed(version: int = 1, about: str = "thing_id", **fields: object) -> dict[str, object]:
    """The schema of another edition of the event; a field of None is left out."""
    given: dict[str, object] = {"thing_id": UUID, "lines": list[Line], "note": (str | None, None), **fields}
    shape = [(n, *k) if isinstance(k, tuple) else (n, k) for n, k in given.items() if k is not None]
    kind = msgspec.defstruct("Before", shape, bases=(Event,), frozen=True, kw_only=True)
    return golden.golden(event("thing.sold", about=about, version=version)(kind))


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({}, []),
        ({"reason": (str, "")}, []),
        ({"lines": list[LongerLine]}, []),
        ({"lines": None}, ["the field lines is gone"]),
        ({"lines": list[TextLine]}, ["the field lines[].quantity has another type"]),
        ({"note": (int | None, None)}, ["the field note has another type"]),
        ({"lines": (list[Line], [])}, ["the field lines may be missing now"]),
        ({"reason": str}, ["the field reason must have a default"]),
        ({"about": "note"}, ["it is about note instead of thing_id"]),
    ],
)
def test_what_a_reader_would_miss(fields: dict[str, object], problems: list[str]) -> None:
    before = golden.golden(Before)
    assert golden.shrunk(before, changed(**fields)) == problems  # type: ignore[arg-type]
    assert golden.shrunk(before, changed(version=2, **fields)) == []  # type: ignore[arg-type]


def test_write_refuses_a_breaking_change_and_leaves_the_files(tmp_path: Path) -> None:
    catalogue = Catalogue(assembly.load_modules(["identity", "platform"]))
    assert len(golden.write(catalogue, tmp_path)) == len(catalogue.events)
    assert golden.write(catalogue, tmp_path) == []
    file = tmp_path / "user.created.json"
    shown = json.loads(file.read_text())
    shown["properties"]["birthday"] = {"type": "string"}
    file.write_text(golden.text(shown))
    (tmp_path / "role.gone.json").write_text("{}")
    assert golden.differences(catalogue, tmp_path) == [
        "user.created is not what its golden schema says",
        "role.gone.json is of an event nobody tells",
    ]
    with pytest.raises(golden.Breaking, match=r"user\.created: the field birthday is gone"):
        golden.write(catalogue, tmp_path)
    assert json.loads(file.read_text()) == shown
