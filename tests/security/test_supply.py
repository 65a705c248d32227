"""SUPPLY: nothing is sent anywhere, and nothing is fetched, unless somebody asks for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from target import SECONDS

ROOT = Path(__file__).resolve().parents[2]

WATCH = """
import sys
def watch(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname") or (
        event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple)
    ) or event == "urllib.Request":
        print("CALLED", event, arguments, file=sys.stderr, flush=True)
sys.addaudithook(watch)
"""
"""Tells of every look-up of a name and of every connection to an address."""

TRACKING = """
import pegboard
with pegboard.start_run():
    pegboard.log_metric("m", 1.0)
    pegboard.log_param("p", 1)
    pegboard.log_text("text", "file.txt")
assert pegboard.search_runs(output_format="list")
"""

COMMANDS = [
    ["plugins"],
    ["doctor"],
    ["runs", "list"],
    ["registry", "history", "x"],
    ["config", "show"],
]


def watched(code: str, place: Path) -> str:
    """Run code and return what it wrote to stderr."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PEGBOARD_", "MLFLOW_", "DO_NOT_TRACK"))
    }
    done = subprocess.run(
        [sys.executable, "-c", WATCH + code],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_supply_1_importing_calls_nobody(tmp_path: Path) -> None:
    modules = sorted({point.value.partition(":")[0] for point in entry_points(group="pegboard")})
    assert len(modules) > 8
    code = (
        f"import importlib\nfor name in {['pegboard', *modules]!r}: importlib.import_module(name)"
    )
    assert "CALLED" not in watched(code, tmp_path)


def test_supply_2_tracking_calls_nobody(tmp_path: Path) -> None:
    assert "CALLED" not in watched(TRACKING, tmp_path)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_supply_2_commands_call_nobody(tmp_path: Path, words: list[str]) -> None:
    code = f"import sys\nsys.argv = ['pegboard', *{words!r}]\nfrom pegboard.cli import main\nmain()"
    assert "CALLED" not in watched(code, tmp_path)


def test_supply_2_the_watch_sees_a_call(tmp_path: Path) -> None:
    code = "import socket\nsocket.socket().connect_ex(('127.0.0.1', 9))"
    assert "CALLED" in watched(code, tmp_path)


def test_supply_3_no_code_holds_an_address_to_call() -> None:
    """What our own sources name as URLs is for people, for schemas, and for this machine.

    Only providers of language models know addresses: those of their vendors, which somebody
    chose by name.
    """
    sources = [*ROOT.glob("*/*/src/**/*.py")]
    providers = {
        file.parent for file in sources if "def pegboard_llm_providers" in file.read_text()
    } - {ROOT / "core/host/src/pegboard"}
    known = re.compile(
        r"https?://(127\.0\.0\.1|localhost|\[::1\]|[\w.-]*example(\.(org|com|test))?\b|"
        r"(?i:host)\b|www\.w3\.org|json-schema\.org|opentelemetry\.io|…|\{|\"|'|`|,|\s|$)"
    )
    found = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in sources
        if not providers & set(file.parents)
        for line in file.read_text().splitlines()
        if any(not known.match(line, match.start()) for match in re.finditer("https?://", line))
    ]
    assert not found, "\n".join(found)


def test_supply_4_no_distribution_brings_code_that_runs_when_python_starts() -> None:
    for file in sorted(ROOT.glob("*/*/pyproject.toml")):
        build = tomllib.loads(file.read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
        # Only the page has to be built; its files are none of git's.
        more = {"artifacts", "hooks"} if file.parent.name == "ui" else set()
        assert set(build) == {"packages"} | more
        for package in build["packages"]:
            files = [path for path in (file.parent / package).rglob("*") if path.is_file()]
            assert files
            assert not [path for path in files if path.suffix == ".pth"]
            names = {path.name for path in files}
            assert not names & {"sitecustomize.py", "usercustomize.py"}
