"""Environments that are kept: listed with their sizes, and removed unless a process uses them."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pegboard_serving.commands.environments import environments
from pegboard_serving.environments import build
from pegboard_stores.environments import kept, places

from .conftest import SECONDS

OLD, NEW, PARTIAL = "0" * 32, "1" * 32, "2" * 32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with an old environment, a new one and one whose build was interrupted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = build.folder()
    now = time.time()
    for name, days in ((OLD, 40), (NEW, 1), (PARTIAL, 2)):
        (place / name / "bin").mkdir(parents=True)
        (place / name / "bin" / "python").write_bytes(b"x" * 1000)
        if name != PARTIAL:
            (place / name / places.COMPLETE).touch()
            os.utime(place / name / places.COMPLETE, (now - days * 86400,) * 2)
    (place / "not-an-environment").mkdir()
    return place


def call(*arguments: str) -> Any:
    done = CliRunner().invoke(environments, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


@contextmanager
def another_process(place: Path) -> Iterator[None]:
    """Hold an environment in a process that has become another program since."""
    code = (
        "import os, sys, pathlib\n"
        "from pegboard_stores.environments import places\n"
        "places.hold(pathlib.Path(sys.argv[1]))\n"
        "os.execv(sys.executable, [sys.executable, '-c', 'print(1, flush=True); input()'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "1\n"
        yield
        process.stdin.write("\n")
        process.stdin.close()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait(SECONDS)
        process.stdout.close()


def test_without_environments_there_is_nothing_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert call("list") == []
    assert call("clean")["removed"] == []
    assert not list(tmp_path.iterdir())


def test_they_are_listed_with_sizes_and_when_they_were_used(folder: Path) -> None:
    found = {each["name"]: each for each in call("list")}
    assert set(found) == {OLD, NEW, PARTIAL}
    assert all(each["size"] == 1000 and not each["in_use"] for each in found.values())
    assert [found[name]["complete"] for name in (OLD, NEW, PARTIAL)] == [True, True, False]
    assert found[OLD]["used"] < found[NEW]["used"]
    assert found[OLD]["path"] == str(folder / OLD)
    table = CliRunner().invoke(environments, ["list"]).stdout
    assert "1.0 kB" in table and "incomplete" in table


def test_old_ones_are_removed_and_nothing_else(folder: Path) -> None:
    told = call("clean", "--older-than", "30d", "--dry-run")
    assert [each["name"] for each in told["removed"]] == [OLD]
    assert OLD in left(folder)
    call("clean", "--older-than", "30d")
    assert left(folder) == [NEW, PARTIAL, "not-an-environment"]
    call("clean")
    assert left(folder) == ["not-an-environment"]
    assert not list(folder.glob("*.lock"))


def test_one_that_a_process_runs_in_stays_until_that_ends(folder: Path) -> None:
    with another_process(folder / OLD):
        told = call("clean")
        assert [each["name"] for each in told["in_use"]] == [OLD]
        assert left(folder) == [OLD, "not-an-environment"]
        (found,) = kept.found(build.folder())
        assert found.in_use and not kept.remove(found)
    assert time.time() * 1000 - found.used < 86_400_000
    call("clean")
    assert left(folder) == ["not-an-environment"]


def test_one_that_is_being_built_stays(folder: Path) -> None:
    with places.locked(folder / PARTIAL):
        found = {each.name: each for each in kept.found(build.folder())}
        assert found[PARTIAL].in_use and not kept.remove(found[PARTIAL])
    assert kept.remove(found[PARTIAL])
    assert PARTIAL not in left(folder)


def test_a_lock_that_was_removed_while_one_waited_for_it_is_taken_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    calls: list[int] = []

    def late(stream: Any, flags: int) -> None:
        if not calls:
            places.lock_file(folder / OLD).unlink()
        calls.append(flags)
        flock(stream, flags)

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", late)
        with places.locked(folder / OLD):
            assert len(calls) == 2
            with pytest.raises(BlockingIOError), places.locked(folder / OLD, wait=False):
                pass
