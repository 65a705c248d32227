"""Child processes that use a store, for tests of what happens when they die."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_testing.isolation import forget

PRELUDE = """
import os, sys, time
from pegboard.config import Config
from pegboard.host import Host
"""

OPEN = """
store = Host(Config()).tracking_store(sys.argv[1])
writer = store.metric_writer()
"""


NOBODY = """
import tempfile
if os.getuid() == 0:
    # Opening another store loads all modules while they can still be read.
    Host(Config()).tracking_store("sqlite:" + tempfile.mkdtemp() + "/x.db").close()
    os.setgid(65534)
    os.setuid(65534)
"""
"""Root may write anywhere, so a child that must not becomes nobody before it opens the store."""


class Children:
    """Starts Python processes with ``store`` and ``writer`` open on the URI ``arguments[0]``."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(
        self, code: str, *arguments: str | Path, as_nobody: bool = False
    ) -> subprocess.Popen[str]:
        """Start a process."""
        before = PRELUDE + (NOBODY if as_nobody else "") + OPEN
        process = subprocess.Popen(
            [sys.executable, "-c", before + textwrap.dedent(code), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, code: str, *arguments: str | Path, as_nobody: bool = False) -> str:
        """Run a process to its end, which must be a good one; return what it printed."""
        process = self.start(code, *arguments, as_nobody=as_nobody)
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return out

    @staticmethod
    def read_line(process: subprocess.Popen[str]) -> str:
        """Return the next line that a process prints."""
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line:
            assert process.stderr is not None
            raise AssertionError(process.stderr.read())
        return line

    def stop(self) -> None:
        """End what is still running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture
def children() -> Iterator[Children]:
    """Child processes, which end with the test."""
    made = Children()
    yield made
    made.stop()


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> None:
    """Keep what the tests of another file left behind from those of this one."""
    forget()
