"""A job whose submitting process is killed: the run is followed again, and ends as the job does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pegboard
import pytest
from pegboard.errors import InvalidState
from pegboard_projects import Left, end_left
from pegboard_scripting.client import Client
from pegboard_slurm.runner import Slurm
from pegboard_testing.isolation import separate_tracking

from .conftest import Cluster

PEGBOARD = Path(sys.executable).with_name("pegboard")


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Return the command line with a store of its own."""
    return [str(PEGBOARD), "--tracking-uri", f"sqlite:{tmp_path}/runs.db"]


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """Return the file that lets the job come to its end."""
    return tmp_path / "go"


@pytest.fixture
def run_id(cluster: Cluster, tmp_path: Path, words: list[str], go: Path) -> str:
    """Return a run whose job is in the queue, and whose process here was killed."""
    project = tmp_path / "p"
    project.mkdir()
    made = 'echo made > "$PEGBOARD_OUTPUTS/made.txt"'
    command = f"{made}; echo begun; while [ ! -e {go} ]; do sleep 0.05; done; echo done; exit 3"
    (project / "MLproject").write_text(
        f"entry_points: {{main: {{command: {json.dumps(command)}}}}}"
    )
    config = {
        "directory": cluster.settings.directory,
        "poll_seconds": 0.05,
        "tracking_uri": "http://tracking.example.org",
    }
    run = [*words, "run", str(project), "--backend", "slurm", "-c", json.dumps(config)]
    with subprocess.Popen(run, stdout=subprocess.PIPE, cwd=tmp_path) as submitting:
        assert submitting.stdout is not None
        assert submitting.stdout.readline() == b"begun\n"
        with separate_tracking(tmp_path):
            pegboard.set_tracking_uri(f"sqlite:{tmp_path}/runs.db")
            (found,) = pegboard.search_runs(output_format="list")
            while "pegboard.slurm.job" not in found.data.tags:
                found = pegboard.get_run(found.info.run_id)
        submitting.send_signal(signal.SIGKILL)
    return str(found.info.run_id)


def test_a_run_outlives_the_process_that_submitted_it(
    cluster: Cluster, tmp_path: Path, words: list[str], go: Path, run_id: str
) -> None:
    go.touch()
    follow = [*words, "projects", "follow", run_id]
    done = subprocess.run(follow, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "begun\ndone\n"), done.stderr
    with separate_tracking(tmp_path):
        pegboard.set_tracking_uri(f"sqlite:{tmp_path}/runs.db")
        run_ended = pegboard.get_run(run_id)
        assert run_ended.info.status == "FAILED"
        assert run_ended.data.tags["pegboard.project.exit_code"] == "3"
        log = pegboard.artifacts.load_text(f"runs:/{run_id}/project/log.txt")
        assert pegboard.artifacts.load_text(f"runs:/{run_id}/made.txt") == "made\n"
    assert log == "begun\ndone\n"
    again = subprocess.run(follow, cwd=tmp_path, capture_output=True, text=True)
    assert "has ended as FAILED" in again.stderr
    assert list(Path(cluster.settings.directory).iterdir()) == []


def test_what_a_job_makes_comes_back_from_the_folder_that_nodes_share(
    cluster: Cluster, tmp_path: Path
) -> None:
    project = tmp_path / "p"
    project.mkdir()
    command = 'cd "$PEGBOARD_OUTPUTS" && pwd && mkdir a && echo 1 > a/b'
    text = json.dumps({"entry_points": {"main": {"command": command}}})
    (project / "MLproject").write_text(text)
    config = {
        "directory": cluster.settings.directory,
        "poll_seconds": 0.05,
        "tracking_uri": "http://tracking.example.org",
    }
    with separate_tracking(tmp_path):
        done = pegboard.run(str(project), backend="slurm", backend_config=config)
        assert pegboard.artifacts.load_text(f"runs:/{done.run_id}/a/b") == "1\n"
        assert Path(done.logs().strip()).parents[1] == Path(cluster.settings.directory)
    assert list(Path(cluster.settings.directory).iterdir()) == []


@pytest.mark.parametrize("ended", [False, True], ids=["it runs", "it has ended"])
def test_who_takes_up_its_work_ends_the_job_before(
    cluster: Cluster,
    tmp_path: Path,
    go: Path,
    run_id: str,
    ended: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if ended:
        # On a busy machine, it takes longer to hear that it has.
        monkeypatch.setattr("pegboard_projects.leftovers._LOOK_SECONDS", 300.0)
        go.touch()
        while not list(Path(cluster.settings.directory).glob("*/exit_code")):
            time.sleep(0.05)
    with separate_tracking(tmp_path):
        pegboard.set_tracking_uri(f"sqlite:{tmp_path}/runs.db")
        client = Client()
        end_left(client, [run_id])
        run = client.get_run(run_id)
    assert run.info.status == ("FAILED" if ended else "KILLED")
    assert run.data.tags.get("pegboard.project.exit_code") == ("3" if ended else "143")
    assert (cluster.root / "jobs" / "1" / "words").exists()
    assert list(Path(cluster.settings.directory).iterdir()) == []


@pytest.mark.parametrize(
    "place",
    [{}, {"pegboard.slurm.job": "1", "pegboard.slurm.directory": "/home"}],
    ids=["no job", "a folder of somebody else's"],
)
def test_what_is_not_its_job_is_not_followed(place: dict[str, str], cluster: Cluster) -> None:
    left = Left(run_id="0" * 32, place=place, settings=cluster.settings)
    with pytest.raises(InvalidState):
        Slurm().take_up(left, lambda _: None)
