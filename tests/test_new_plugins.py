"""What ``pegboard plugins new`` writes installs, is found by the host and passes its own tests."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pegboard_testing import scaffold

PROVIDES = {
    "tracking-store": [("tracking store", "fresh-tracking-store")],
    "artifact-store": [("artifact store", "fresh-artifact-store")],
    "flavor": [("model flavor", "fresh_flavor"), ("API name", "fresh_flavor")],
    "provider": [("LLM provider", "fresh-provider")],
    "evaluator": [("evaluator", "fresh-evaluator")],
    "endpoint": [],
    "page": [("page", "fresh-page")],
    "command": [("command", "fresh-command")],
    "hook": [],
    "autologger": [("autologger", "fresh_autologger")],
    "dataset-type": [("dataset type", "fresh_dataset_type")],
    "gate": [("gate", "fresh-gate")],
}
"""By kind: what the new plugin declares, as ``pegboard plugins`` shows it."""


PEGBOARD = ("-c", "from pegboard.cli import main; main()")


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that borrows the packages of this one.

    So nothing has to be fetched: what is installed there is the new plugin alone.
    """
    place = tmp_path_factory.mktemp("venv")
    run(uv(), "venv", "-q", "--offline", "--python", sys.executable, place / "venv", cwd=place)
    made = place / "venv" / "bin" / "python"
    [packages] = run(
        made, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place
    ).split()
    lines = [f"import site; site.addsitedir({place!r})\n" for place in site.getsitepackages()]
    (Path(packages) / "borrowed.pth").write_text("".join(lines))
    return made


def uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv")
    assert found, "uv is needed: pip install uv"
    return found


def name_of(kind: str) -> str:
    return f"fresh-{kind}"


@pytest.fixture(scope="module")
def written(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of new plugins, one of each kind, that are installed."""
    place = tmp_path_factory.mktemp("new")
    for kind in PROVIDES:
        scaffold.create(name_of(kind), kind, place / kind)
    install = [uv(), "pip", "install", "-q", "--offline", "--no-deps", "--no-build-isolation"]
    run(*install, "--python", python, *[place / kind for kind in PROVIDES], cwd=place)
    return place


@pytest.fixture(scope="module")
def listed(python: Path, written: Path) -> dict[str, Any]:
    """Return what ``pegboard plugins`` says of each plugin."""
    found = json.loads(run(python, *PEGBOARD, "plugins", "--json", cwd=written))
    return {plugin["name"]: plugin for plugin in found}


def test_every_kind_is_tried() -> None:
    assert PROVIDES.keys() == scaffold.KINDS.keys()


@pytest.mark.parametrize("kind", PROVIDES)
def test_a_new_plugin_is_found_and_passes_its_tests(
    kind: str, python: Path, written: Path, listed: dict[str, Any]
) -> None:
    mine = listed[name_of(kind)]
    assert (mine["state"], mine["distribution"]) == ("ok", f"pegboard-{name_of(kind)}"), mine
    assert [(item["kind"], item["name"]) for item in mine["provides"]] == PROVIDES[kind]
    command = (python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider")
    output = run(*command, cwd=written / kind)
    assert " passed" in output
    assert "failed" not in output
    assert "skipped" not in output


def test_the_command_line_writes_a_plugin(python: Path, tmp_path: Path) -> None:
    run(python, *PEGBOARD, "plugins", "new", "my-tags", "--kind", "hook", cwd=tmp_path)
    assert (tmp_path / "pegboard-my-tags" / "pyproject.toml").is_file()
