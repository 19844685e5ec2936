"""Requirements that tests claim to prove exist, and are counted right."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from entrepot.kernel.requirements import Requirement, report, requirements

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = (
    "-q",
    "-p",
    "entrepot.testing.covers",
    "-p",
    "no:cacheprovider",
    "-c",
    "/dev/null",
    "--covers",
    "kept/covers.json",
)


def claimed(text: str) -> Iterator[tuple[int, str]]:
    """The ids that `covers` marks name in a test file, by line; what is not a plain word is named as it stands."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "covers":
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                plain = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                yield node.lineno, str(argument.value) if plain else ast.unparse(argument)


def test_every_requirement_has_an_id_of_its_own() -> None:
    ids = [requirement.id for requirement in requirements()]
    assert len(ids) == len(set(ids)) == 773


def test_every_id_a_test_claims_exists() -> None:
    known = {requirement.id for requirement in requirements()}
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "src").rglob("test_*.py")]
    assert [
        f"{file.relative_to(ROOT)}:{line} covers {id}, which is no requirement"
        for file in sorted(files)
        for line, id in claimed(file.read_text(encoding="utf-8"))
        if id not in known
    ] == []


def test_a_claim_of_an_unknown_or_computed_id_is_found() -> None:
    text = '@pytest.mark.covers("ORD-001", "ORD-9999")\ndef test_x(): ...\nmark = pytest.mark.covers(*IDS)\n'
    assert list(claimed(text)) == [(1, "ORD-001"), (1, "ORD-9999"), (3, "*IDS")]


def test_only_what_passes_everywhere_counts(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        "import pytest\n"
        '@pytest.mark.covers("A-1", "A-2")\ndef test_a(): pass\n'
        '@pytest.mark.covers("A-2")\ndef test_b(): raise ValueError\n'
        '@pytest.mark.covers("A-3")\n@pytest.mark.parametrize("n", [1, 0])\ndef test_c(n): 1 / n\n'
        '@pytest.mark.covers("A-4")\nclass TestD:\n    def test_d(self): pass\n'
    )
    for workers in ("0", "2"):
        subprocess.run(
            [sys.executable, "-m", "pytest", *OPTIONS, "-n", workers, "--rootdir", str(tmp_path), str(tmp_path)],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        file = tmp_path / "kept" / "covers.json"
        assert json.loads(file.read_text()) == ["A-1", "A-4"]
        file.unlink()


def test_the_report_counts_by_area_and_in_all() -> None:
    wanted = [
        Requirement("A-1", "Orders", "orders", "item", "pay"),
        Requirement("A-2", "Orders", "orders", "item", "ship"),
        Requirement("B-1", "Tax", "tax", "item", "rate"),
    ]
    assert report(wanted, {"A-1", "B-1", "Z-9"}) == "Orders    1 of   2\nTax       1 of   1\n2 of 3\n"
