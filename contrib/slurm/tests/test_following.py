"""A job whose submitting process is killed: the run is followed again, and ends as the job does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pegboard
import pytest
from pegboard.errors import InvalidState
from pegboard_projects import Left
from pegboard_slurm.runner import Slurm
from pegboard_testing.isolation import separate_tracking

from .conftest import Cluster

PEGBOARD = Path(sys.executable).with_name("pegboard")


def test_a_run_outlives_the_process_that_submitted_it(cluster: Cluster, tmp_path: Path) -> None:
    go = tmp_path / "go"
    project = tmp_path / "p"
    project.mkdir()
    command = f"echo begun; while [ ! -e {go} ]; do sleep 0.05; done; echo done; exit 3"
    (project / "MLproject").write_text(
        f"entry_points: {{main: {{command: {json.dumps(command)}}}}}"
    )
    config = {
        "directory": cluster.settings.directory,
        "poll_seconds": 0.05,
        "tracking_uri": "http://tracking.example.org",
    }
    words = [str(PEGBOARD), "--tracking-uri", f"sqlite:{tmp_path}/runs.db"]
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
    go.touch()
    run_id = found.info.run_id
    follow = [*words, "projects", "follow", run_id]
    done = subprocess.run(follow, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "begun\ndone\n"), done.stderr
    with separate_tracking(tmp_path):
        pegboard.set_tracking_uri(f"sqlite:{tmp_path}/runs.db")
        run_ended = pegboard.get_run(run_id)
        assert run_ended.info.status == "FAILED"
        assert run_ended.data.tags["pegboard.project.exit_code"] == "3"
        log = pegboard.artifacts.load_text(f"runs:/{run_id}/project/log.txt")
    assert log == "begun\ndone\n"
    again = subprocess.run(follow, cwd=tmp_path, capture_output=True, text=True)
    assert "has ended as FAILED" in again.stderr
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
