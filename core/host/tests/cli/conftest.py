"""A command line whose plugins the test chooses, in a directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pegboard import config, host
from pegboard.cli.shell import cli
from pegboard.host import Host

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the machine's own configuration and plugins out."""
    for name in [*config.ENVIRONMENT, "PEGBOARD_CONFIG", "PEGBOARD_DEBUG", "NO_COLOR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    host.use(None)
    yield
    host.use(None)


@pytest.fixture
def plain_host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return the host of this process, without any installed plugin."""
    monkeypatch.setattr(Host, "_discover", lambda self: None)
    made = Host()
    host.use(made)
    return made


@pytest.fixture
def run() -> Run:
    """Call the command line within this process."""
    return lambda *args, **options: CliRunner().invoke(
        cli, list(args), prog_name="pegboard", **options
    )


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Call the command line as a process of its own."""

    def call(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from pegboard.cli import main; main()", *args],
            cwd=tmp_path,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call
