"""A script whose run cannot be ended: one warning, and it goes on. Real stores, real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard_server_process import PegboardServer

SCRIPT = """
import os, pathlib, sys
import pegboard
experiment = pegboard.set_experiment("doomed")
{begin}
pegboard.log_metric("a", 1)
print(run.info.run_id, flush=True)
sys.stdin.readline()
{end}
if sys.argv[1:]:
    pegboard.set_tracking_uri(sys.argv[1])
with pegboard.start_run(experiment_id="0") as after:
    pegboard.log_metric("b", 2)
print(after.info.run_id, flush=True)
os._exit(0) if "gone" in sys.argv else None
"""
FORMS = {
    "end_run": ("run = pegboard.start_run()", "pegboard.end_run()"),
    "with": (
        "block = pegboard.start_run()\nrun = block.__enter__()",
        "block.__exit__(*[None] * 3)",
    ),
}


class Scripts:
    """Runs a script whose run is interfered with, and tells what it said."""

    def __init__(self, place: Path, uri: str) -> None:
        self.place, self.uri = place, uri
        self.started: list[subprocess.Popen[str]] = []

    def run(self, form: str, interfere: Callable[[str], object], *after: str) -> tuple[str, str]:
        """Return the id of the run that came after, and what went to stderr."""
        begin, end = FORMS[form]
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))},
            "XDG_STATE_HOME": str(self.place / "state"),
            "PEGBOARD_TRACKING_URI": self.uri,
            "PEGBOARD_TRACKING_SENDER": "off",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(begin=begin, end=end), *after],
            cwd=self.place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        assert run_id, process.communicate()[1]
        interfere(run_id)
        out, err = process.communicate("\n", timeout=120)
        assert process.returncode == 0, err
        return out.strip(), err


@pytest.fixture(params=["store", "server"])
def scripts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scripts]:
    if request.param == "store":
        yield Scripts(tmp_path, f"sqlite:{tmp_path / 'runs' / 'runs.db'}")
        return
    (tmp_path / "server").mkdir()
    server = PegboardServer(tmp_path / "server")
    yield Scripts(tmp_path, server.url)
    server.stop()


def warnings(err: str) -> list[str]:
    return [line for line in err.splitlines() if "was not recorded" in line]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gone", ["run", "experiment"])
def test_a_run_that_another_process_deleted(scripts: Scripts, form: str, gone: str) -> None:
    def delete(run_id: str) -> None:
        client = pegboard.Client(scripts.uri)
        if gone == "run":
            client.delete_run(run_id)
        else:
            client.delete_experiment(client.get_run(run_id).info.experiment_id)

    after, err = scripts.run(form, delete)
    (warning,) = warnings(err)
    assert "deleted" in warning
    assert "Traceback" not in err
    run = pegboard.Client(scripts.uri).get_run(after)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"b": 2.0})


@pytest.mark.parametrize("form", FORMS)
def test_a_store_whose_folder_was_removed(tmp_path: Path, form: str) -> None:
    scripts = Scripts(tmp_path, f"sqlite:{tmp_path / 'runs' / 'runs.db'}")
    other = f"sqlite:{tmp_path / 'other.db'}"
    # What records the environment may be at work just then, and has a warning of its own.
    (tmp_path / "pegboard.toml").write_text(
        "[plugins.context]\nrecord_git = false\nrecord_environment = false\n"
    )
    after, err = scripts.run(form, lambda _: shutil.rmtree(tmp_path / "runs"), other, "gone")
    (warning,) = warnings(err)
    assert "was removed" in warning
    assert "Traceback" not in err
    assert pegboard.Client(other).get_run(after).info.status == "FINISHED"


@pytest.mark.parametrize("form", FORMS)
def test_a_server_that_is_down_when_the_run_ends(tmp_path: Path, form: str) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "pegboard.toml").write_text("[plugins.tracking]\njournal_wait_seconds = 0.0\n")
    server = PegboardServer(tmp_path / "server")
    try:
        scripts = Scripts(tmp_path, server.url)
        other = f"sqlite:{tmp_path / 'other.db'}"
        ids = []

        def down(run_id: str) -> None:
            ids.append(run_id)
            server.kill()

        after, err = scripts.run(form, down, other)
        assert "Traceback" not in err
        assert "is kept in" in err
        assert pegboard.Client(other).get_run(after).info.status == "FINISHED"
        # The end of the run waits with its points, for the next process.
        server.start()
        scripts.run(form, lambda _: None)
        run = pegboard.Client(server.url).get_run(ids[0])
        assert (run.info.status, run.data.metrics) == ("FINISHED", {"a": 1.0})
    finally:
        server.stop()
