"""The page assets: exact pins, allowed licences, no addresses, and nothing of others in the repository."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from entrepot.kernel.ui import build

ROOT = build.ROOT
ALLOWED = {"MIT", "ISC", "0BSD", "BSD-0-Clause", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"}
LONGEST_LINE = 200  # ours are written by hand; minified code has lines of thousands
FOREIGN = re.compile(
    r"@license|@preserve|/\*!|copyright|sourceMappingURL|licensed under|permission is hereby granted|webpack",
    re.I,
)
# The namespace of svg is a name; every other address would be a file from somewhere else.
ADDRESS = re.compile(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w-]+\.[\w.-]+/?", re.I)
INDEX = re.compile(r"\bregistry\.[\w-]+|npmjs|yarnpkg|artifactory|nexus|verdaccio|_authToken", re.I)


def lock_problems(lock: dict[str, object]) -> list[str]:
    """What is wrong with a package-lock.json: places to download from, and licences we do not pass on."""
    problems = []
    packages = lock["packages"]
    for name, entry in packages.items():
        if "resolved" in entry:
            problems.append(f"{name} says where it was downloaded")
        if name and not entry.get("integrity"):
            problems.append(f"{name} has no hash")
        # What only looks at our pages is not passed on; there, the file-level copyleft of the MPL reaches nothing of ours.
        allowed = ALLOWED | {"MPL-2.0"} if entry.get("dev") else ALLOWED
        if name and entry.get("license") not in allowed:
            problems.append(f"{name} is under {entry.get('license')}")
    if INDEX.search(json.dumps(lock)):
        problems.append("a package index is named")
    return problems


def source_problems(path: Path) -> list[str]:
    """Signs that a file under static/ was not written here."""
    if path.suffix not in {".js", ".css"}:
        return [f"{path.name} is neither script nor stylesheet"]
    text = path.read_text(encoding="utf-8")
    problems = []
    if not text.startswith("/* "):
        problems.append(f"{path.name} does not start with what it is for")
    if any(len(line) > LONGEST_LINE for line in text.splitlines()):
        problems.append(f"{path.name} has a line nobody wrote by hand")
    if found := FOREIGN.search(text):
        problems.append(f"{path.name} carries {found[0]!r}")
    if found := ADDRESS.search(text):
        problems.append(f"{path.name} names {found[0]}")
    return problems


def our_sources(static: Path) -> list[Path]:
    return [
        path for path in sorted(static.rglob("*")) if path.is_file() and "built" not in path.relative_to(static).parts
    ]


def test_lock_names_no_place_and_only_allowed_licences():
    assert lock_problems(json.loads((ROOT / "package-lock.json").read_bytes())) == []


def test_lock_check_bites():
    planted = {"packages": {"node_modules/x": {"resolved": "https://registry.example/x.tgz", "license": "AGPL-3.0"}}}
    assert lock_problems(planted) == [
        "node_modules/x says where it was downloaded",
        "node_modules/x has no hash",
        "node_modules/x is under AGPL-3.0",
        "a package index is named",
    ]


def test_versions_are_exact_and_the_lock_agrees():
    package = json.loads((ROOT / "package.json").read_bytes())
    locked = json.loads((ROOT / "package-lock.json").read_bytes())["packages"]
    wanted = {**package["dependencies"], **package["devDependencies"]}
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_npm_settings_keep_addresses_and_scripts_out():
    settings = (ROOT / ".npmrc").read_text(encoding="utf-8")
    assert {"omit-lockfile-registry-resolved=true", "ignore-scripts=true", "save-exact=true"} <= set(settings.split())
    for name in (".npmrc", "package.json"):
        assert INDEX.search((ROOT / name).read_text(encoding="utf-8")) is None


def test_static_holds_only_our_own_files():
    sources = our_sources(build.STATIC)
    assert len(sources) >= 10
    assert [problem for path in sources for problem in source_problems(path)] == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("x.min.js", "/* x */" + "a=1;" * 200, "x.min.js has a line nobody wrote by hand"),
        ("x.js", "/*! x v1 | MIT */\n", "x.js does not start with what it is for"),
        (
            "x.css",
            '/* x */\n@import "https://fonts.example.net/inter.css";\n',
            "x.css names https://fonts.example.net/",
        ),
        ("x.js", "/* x */\n// Licensed under MIT\n", "x.js carries 'Licensed under'"),
        ("x.woff2", "font", "x.woff2 is neither script nor stylesheet"),
    ],
)
def test_static_check_bites(tmp_path: Path, name: str, text: str, problem: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert problem in source_problems(tmp_path / name)


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="is about a checkout")
def test_built_files_and_packages_stay_out_of_the_repository():
    paths = ["src/entrepot/kernel/ui/static/built/app.js", "node_modules/x/index.js"]
    ignored = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == paths


def test_icons_are_listed_once_in_order():
    names = (build.UI / "icons.txt").read_text(encoding="utf-8").split()
    assert names == sorted(set(names))


@pytest.mark.skipif(not build.NODE_MODULES.is_dir(), reason="is about installed packages")
def test_every_icon_exists_in_the_icon_set():
    names = build.icon_names()
    assert build.sprite(names).count("<symbol ") == len(names)


def test_unknown_icon_stops_the_build():
    with pytest.raises(SystemExit, match="no-such-icon"):
        build.sprite(["no-such-icon"])


def test_data_images_become_files():
    outcome = build.Outcome()
    outcome.add_sheet("docs/x.css", """a{background:url("data:image/svg+xml,%3csvg fill='%23fff'/%3e") no-repeat}""")
    (image,) = (name for name in outcome.files if name.startswith("img/"))
    assert outcome.files[image] == b"<svg fill='#fff'/>"
    assert outcome.files["docs/x.css"].decode() == f"a{{background:url(../{image}) no-repeat}}"


@pytest.mark.parametrize("url", ["https://cdn.example/x.png", "//cdn.example/x.png", "data:font/woff2;base64,AA=="])
def test_a_sheet_that_loads_from_elsewhere_stops_the_build(url: str):
    with pytest.raises(SystemExit, match="not a file of ours"):
        build.Outcome().add_sheet("x.css", f'a{{background:url("{url}")}}')


def test_a_changed_input_changes_the_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in (".npmrc", "package.json", "package-lock.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    template = tmp_path / "templates" / "page.html"
    template.parent.mkdir()
    template.write_text("<p class='card'>", encoding="utf-8")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "PACKAGE", tmp_path)
    before = build.stamp()
    assert build.stamp() == before
    template.write_text("<p class='badge'>", encoding="utf-8")
    assert build.stamp() != before


def test_publishing_leaves_one_whole_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(build, "BUILT", tmp_path)
    for content in (b"one", b"two"):
        outcome = build.Outcome()
        outcome.add("app.js", content)
        build.publish(outcome, "stamp")
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert (tmp_path / manifest["app.js"]["file"]).read_bytes() == b"two"
    assert len(list(tmp_path.glob("app.*.js"))) == 1
    assert build.is_current("stamp")
    (tmp_path / manifest["app.js"]["file"]).unlink()
    assert not build.is_current("stamp")
