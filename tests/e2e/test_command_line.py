"""The command line as processes: exit codes, pipes, JSON, and what start-up costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PEGBOARD = Path(sys.executable).with_name("pegboard")

_FILL = """
import math, pegboard
pegboard.set_experiment("alpha")
for name, value in {"one": 0.5, "two": math.nan, "three": math.inf}.items():
    with pegboard.start_run(run_name=name):
        pegboard.log_param("depth", len(name))
        for step in range(3):
            pegboard.log_metric("r2", value, step=step)
        pegboard.log_text("hello", "notes/hello.txt")
"""


def _environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    return {**kept, "PATH": f"{PEGBOARD.parent}{os.pathsep}{kept['PATH']}", **changes}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a store that a script has filled."""
    made = tmp_path_factory.mktemp("store")
    subprocess.run([sys.executable, "-c", _FILL], cwd=made, env=_environment(), check=True)
    return made


def _call(directory: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PEGBOARD, *args],
        cwd=directory,
        env=_environment(**environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def _json(directory: Path, *args: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    done = _call(directory, *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout, parse_constant=refuse)


@pytest.mark.parametrize(
    "args",
    [
        ("plugins",),
        ("doctor",),
        ("config", "show"),
        ("experiments", "list"),
        ("experiments", "show", "alpha"),
        ("runs", "list"),
        ("runs", "show", "one"),
        ("runs", "compare", "one", "two", "three"),
        ("artifacts", "list", "one"),
        ("gc", "--dry-run"),
    ],
    ids=" ".join,
)
def test_every_command_that_shows_something_has_json(directory: Path, args: tuple[str]) -> None:
    assert _json(directory, *args)
    plain = _call(directory, *args)
    assert plain.returncode == 0
    assert plain.stdout or plain.stderr


def test_values_that_are_not_finite_are_strings_in_json(directory: Path) -> None:
    found = {run["run_name"]: run["metrics"]["r2"] for run in _json(directory, "runs", "list")}
    assert found == {"one": 0.5, "two": "NaN", "three": "Infinity"}


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("runs", "list", "--filter", "metrics.r2 > 0.4"), 0),
        (("runs", "show", "missing"), 1),
        (("runs", "list", "-x", "missing"), 1),
        (("experiments", "create", "alpha"), 1),
        (("runs", "list", "--filter", "metrics.r2 >> 1"), 2),
        (("runs", "list", "--limit", "0"), 2),
        (("runs", "nonsense"), 2),
        (("nonsense",), 2),
        (("--tracking-uri", "nowhere://x", "runs", "list"), 2),
        (("--config", "missing.toml", "runs", "list"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_exit_code_tells_success_failure_and_wrong_input(
    directory: Path, args: tuple[str, ...], code: int
) -> None:
    done = _call(directory, *args)
    assert done.returncode == code
    assert ("error: " in done.stderr) == (code != 0)


def test_a_bad_filter_is_pointed_at(directory: Path) -> None:
    lines = _call(directory, "runs", "list", "--filter", "metrics.r2 > 1 foo").stderr.splitlines()
    shown = next(i for i, line in enumerate(lines) if line.endswith("metrics.r2 > 1 foo"))
    assert lines[shown + 1].index("^") == lines[shown].index("foo")


def test_a_pipe_gets_plain_text_and_whole_ids(directory: Path) -> None:
    text = _call(directory, "runs", "list").stdout
    assert "\x1b" not in text
    assert text.isascii()
    assert all(run["run_id"] in text for run in _json(directory, "runs", "list"))


def test_a_reader_that_stops_early_is_no_error(directory: Path) -> None:
    command = f'"{PEGBOARD}" runs export --history | head -n 1'
    done = subprocess.run(
        command, shell=True, cwd=directory, env=_environment(), capture_output=True, check=True
    )
    assert done.stdout.startswith(b"run_id,")
    assert done.stderr == b""


_FILL_AND_DELETE = """
import io
from pegboard import host
here = host.current()
store = here.tracking_store()
for i in range(301):
    run = store.create_run("0", run_name=f"run-{i}")
    here.artifact_store(run.info.artifact_uri).write("hello.txt", io.BytesIO(b"hello"))
    if i:
        store.delete_run(run.info.run_id)
"""


def test_a_cleaning_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    place = next(place for place in _places(tmp_path) if _clean_and_kill(place))
    left = _json(place, "gc", "--dry-run")["runs"]
    assert len(left) < 301
    assert _json(place, "gc", "--yes")["runs"] == left
    kept = _json(place, "runs", "list", "--view", "all")
    assert [run["run_name"] for run in kept] == ["run-0"]
    assert _count_files(place) == 1


def _places(directory: Path) -> Iterator[Path]:
    for number in range(10):
        place = directory / str(number)
        place.mkdir()
        yield place


def _clean_and_kill(place: Path) -> bool:
    """Kill a cleaning in its midst; False if the machine was so busy that it came to its end."""
    subprocess.run(
        [sys.executable, "-c", _FILL_AND_DELETE], cwd=place, env=_environment(), check=True
    )
    cleaning = subprocess.Popen(
        [PEGBOARD, "gc", "--yes"],
        cwd=place,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while _count_files(place) > 300 and cleaning.poll() is None:
        time.sleep(0.001)
    cleaning.kill()
    was_killed = cleaning.wait(timeout=60) == -signal.SIGKILL
    return was_killed and bool(_json(place, "gc", "--dry-run")["runs"])


def _count_files(directory: Path) -> int:
    # Unlike a glob, a walk does not mind what is removed on its way.
    return sum("hello.txt" in files for _, _, files in os.walk(directory))


def test_a_store_that_is_not_one_is_reported(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    done = _call(tmp_path, "--tracking-uri", "sqlite:broken.db", "runs", "list")
    assert done.returncode == 1
    assert "broken.db" in done.stderr
    doctor = _call(tmp_path, "--tracking-uri", "sqlite:broken.db", "doctor")
    assert doctor.returncode == 1
    assert "fail  store:" in doctor.stdout


def test_a_wrong_configuration_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "pegboard.toml").write_text('[tracking]\nurl = "x"\n')
    done = _call(tmp_path, "runs", "list")
    assert done.returncode == 2
    assert "pegboard.toml" in done.stderr
    assert "url: unknown key" in done.stderr
    assert "Did you mean tracking_uri in [pegboard]?" in done.stderr


def test_rich_is_not_imported_when_no_person_looks(directory: Path) -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('rich' in sys.modules, file=sys.stderr))\n"
        "from pegboard.cli import main\n"
        "main()"
    )
    for args in (["runs", "list"], ["--help"], ["experiments", "list", "--json"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *args],
            cwd=directory,
            env=_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr.splitlines()[-1] == "False"


def test_bash_completes_commands_of_plugins(directory: Path) -> None:
    script = (
        'eval "$(pegboard completion bash)"\n'
        "COMP_WORDS=(pegboard runs li); COMP_CWORD=2\n"
        '_pegboard_completion pegboard li runs; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "list"
