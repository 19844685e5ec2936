"""How many of the requirements have a test that passes: python -m entrepot.kernel.requirements, after a test run."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
LIST = ROOT / "docs" / "requirements.tsv"
COVERED = ROOT / ".pytest_cache" / "covers.json"


class Requirement(NamedTuple):
    """One line of docs/requirements.tsv."""

    id: str
    area: str
    home: str
    kind: str
    item: str


def requirements(file: Path = LIST) -> list[Requirement]:
    """Every requirement, in the order of the file."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        return [Requirement(*row) for row in rows]


def report(wanted: Sequence[Requirement], covered: set[str]) -> str:
    """`covered of total` for each area, and of everything together."""
    areas = dict.fromkeys(requirement.area for requirement in wanted)
    width = max(len(area) for area in areas)
    lines = []
    for area in areas:
        ids = [requirement.id for requirement in wanted if requirement.area == area]
        lines.append(f"{area:{width}}  {len(covered.intersection(ids)):3} of {len(ids):3}")
    total = len(covered.intersection(requirement.id for requirement in wanted))
    return "\n".join([*lines, f"{total} of {len(wanted)}"]) + "\n"


def main(*, as_json: bool = False) -> int:
    """Print the report of the last test run; as JSON, every requirement with whether it is covered."""
    if not COVERED.is_file():
        sys.stderr.write("run the tests first: make requirements\n")
        return 1
    wanted, covered = requirements(), set(json.loads(COVERED.read_text(encoding="utf-8")))
    if as_json:
        rows = [{**each._asdict(), "covered": each.id in covered} for each in wanted]
        sys.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(report(wanted, covered))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
