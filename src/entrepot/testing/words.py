"""Every word a user can see: refusals found in the source, titles found in the manifests, and who translated them."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import entrepot
from entrepot.kernel.i18n import LOCALES, messages
from entrepot.kernel.module import Module
from entrepot.pure.errors import FAMILY

PACKAGE = Path(entrepot.__file__).parent
REFUSALS = frozenset(kind.__name__ for kind in FAMILY.values())
BUTTONS = frozenset({"Obstacle"})
TRANSLATED = frozenset({"translate", "says"})
# What the database itself refuses: RAISE EXCEPTION USING ERRCODE = 'EN409', MESSAGE = '...'.
RAISED = re.compile(r"ERRCODE = 'EN409',\s*MESSAGE = '([^']*)'")


class Found:
    """A message with the place it was found at, or the reason it cannot be translated."""

    def __init__(self, place: str, message: str = "", problem: str = "") -> None:
        self.place = place
        self.message = message
        self.problem = problem


def refusals(tree: ast.AST, place: str) -> Iterator[Found]:
    """The messages of the refusals in a source file, its SQL included: constants, or else a problem."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "EN409" in node.value:
            yield from (Found(f"{place}:{node.lineno}", text) for text in RAISED.findall(node.value))
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in BUTTONS:
            buttons = [keyword.value for keyword in node.keywords if keyword.arg == "button"]
            yield from (found for button in buttons for found in _messages(button, f"{place}:{node.lineno}"))
        at = _message_at(node.func)
        if at is None or len(node.args) <= at:
            continue
        yield from _messages(node.args[at], f"{place}:{node.lineno}")


def _message_at(function: ast.expr) -> int | None:
    """Which argument is the message, if this is a refusal."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in REFUSALS or name in TRANSLATED:
            return 0
        case ast.Attribute(attr="field", value=ast.Name(id="Invalid") | ast.Attribute(attr="Invalid")):
            return 1
    return None


def _messages(argument: ast.expr, place: str) -> Iterator[Found]:
    match argument:
        case ast.Constant(value=str(text)):
            yield Found(place, text)
        case ast.IfExp(body=one, orelse=other):
            yield from _messages(one, place)
            yield from _messages(other, place)
        case ast.JoinedStr():
            yield Found(place, problem="the message is an f-string; name the facts instead")
        case ast.BinOp():
            yield Found(place, problem="the message is put together; name the facts instead")


def in_source(folder: Path) -> list[Found]:
    """Every refusal below a folder of the package."""
    return [
        found
        for file in sorted(folder.rglob("*.py"))
        if "tests" not in file.relative_to(folder).parts
        for found in refusals(ast.parse(file.read_text(encoding="utf-8")), str(file.relative_to(PACKAGE)))
    ]


def in_manifest(module: Module) -> list[Found]:
    """Titles and labels a manifest gives."""
    words = [("title", module.title)]
    words += [(f"permission {name}", text) for name, text in module.permissions.items()]
    words += [(f"setting {setting.key}", setting.title) for setting in module.settings]
    words += [(f"report {report.name}", report.title) for report in module.reports]
    words += [(f"record {record.entity}", record.title) for record in module.records]
    for page in module.pages:
        words += [
            (f"page {getattr(page, 'path', '')}", getattr(page, name))
            for name in ("title", "menu", "intro")
            if getattr(page, name, "")
        ]
    return [Found(f"{module.name}: {place}", text) for place, text in words]


def untranslated(found: list[Found]) -> list[str]:
    """What cannot be said in every language, and where."""
    problems = [f"{each.place}: {each.problem}" for each in found if each.problem]
    for locale in LOCALES:
        if locale == "en":
            continue
        known = messages(locale)
        missing = {each.message: each.place for each in reversed(found) if each.message and each.message not in known}
        problems += [f"{place}: {message!r} is not in {locale}.toml" for message, place in sorted(missing.items())]
    return problems


def unlike(locale: str) -> list[str]:
    """Translations that do not fill in the same facts as the English."""
    return [
        f"{message!r} names {sorted(_facts(message))}, its translation {sorted(_facts(text))}"
        for message, text in sorted(messages(locale).items())
        if _facts(message) != _facts(text)
    ]


def _facts(template: str) -> set[str]:
    try:
        return {name.split(".")[0].split("[")[0] for _, name, _, _ in string.Formatter().parse(template) if name}
    except ValueError:
        return {f"not a template: {template}"}
