"""A plugin of pytest: `--covers FILE` writes which requirements the tests of a run proved.

A requirement counts when a test that names it passed and none that names it failed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--covers", metavar="FILE", help="write the ids of the requirements that this run proved")


def pytest_configure(config: pytest.Config) -> None:
    # With several workers only the one that hands out the work hears of every report.
    file = config.getoption("--covers")
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Covered(config.rootpath / file), "covered-requirements")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Let each report carry the requirements of its test, wherever it ran."""
    for item in items:
        ids = [str(id) for mark in item.iter_markers("covers") for id in mark.args]
        if ids:
            item.user_properties.append(("covers", ids))


class Covered:
    """Gathers the reports of one run."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.proved: set[str] = set()
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, ids in report.user_properties:
            if name == "covers" and isinstance(ids, list):
                if report.failed:
                    self.failed.update(ids)
                elif report.when == "call" and report.passed:
                    self.proved.update(ids)

    def pytest_sessionfinish(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(sorted(self.proved - self.failed)), encoding="utf-8")
