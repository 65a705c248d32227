"""The runner of this machine, under contract and with its limits."""

from __future__ import annotations

from pathlib import Path

import pegboard
import pytest
from pegboard_projects import Runner, RunnerContract, api, plugin
from pegboard_projects.contract import Job
from pegboard_projects.errors import ProjectError
from pegboard_projects.runners.local import Local, Settings

from .conftest import project


class TestLocal(RunnerContract):
    def runner(self) -> Runner:
        return Local()


def test_the_runners_under_contract_are_those_declared() -> None:
    assert {each.name for each in plugin.pegboard_project_runners()} == {"local"}


@pytest.mark.parametrize(
    ("settings", "command", "code", "reason"),
    [
        (Settings(time_seconds=0.2), "sleep 600", 143, "longer than 0.2 s"),
        (Settings(memory_megabytes=64), "x=$(head -c 200M /dev/zero | tr '\\0' x)", None, ""),
    ],
)
def test_limits_are_held(
    settings: Settings, command: str, code: int | None, reason: str, tmp_path: Path
) -> None:
    job = Job(
        run_id="0" * 32,
        name="greedy",
        command=command,
        directory=tmp_path,
        variables={"PATH": "/usr/bin:/bin"},
        settings=settings,
        grace_seconds=1.0,
    )
    outcome = Local().submit(job, lambda _: None).wait(60)
    assert outcome is not None
    assert outcome.code != 0
    assert code is None or outcome.code == code
    assert reason in outcome.reason
    assert not outcome.cancelled


BACKEND = """
from pegboard_scripting.client import Client

class Theirs:
    def __init__(self, run_id, fine):
        self.run_id, self.fine = run_id, fine
    def wait(self):
        if self.fine is None:
            raise RuntimeError("the cluster is gone")
        return self.fine
    def get_status(self):
        return "FINISHED" if self.fine else "FAILED"
    def cancel(self):
        pass

class Backend:
    def run(self, project_uri, entry_point, params, version, backend_config, tracking_uri,
            experiment_id):
        assert tracking_uri.startswith("http://127.0.0.1")
        assert backend_config["SYNCHRONOUS"] is False
        run = Client().create_run(experiment_id, tags={"entry": entry_point, **params})
        return Theirs(run.info.run_id, backend_config["fine"])
"""


@pytest.mark.parametrize(
    ("fine", "status", "reason"),
    [(True, "FINISHED", None), (False, "FAILED", "says FAILED"), (None, "FAILED", "is gone")],
)
def test_backends_for_mlflow_run_projects_and_their_runs_end(
    fine: bool | None,
    status: str,
    reason: str | None,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project(place / "p", MLproject="entry_points: {main: {parameters: {n: int}, command: x}}")
    (place / "their_backend.py").write_text(BACKEND)
    info = place / "their_backend-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: their-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mlflow.project_backend]\ntheirs = their_backend:Backend\n"
    )
    monkeypatch.syspath_prepend(place)
    options = {"backend": "theirs", "synchronous": False}
    with pytest.raises(ProjectError, match="whole number"):
        api.run("p", parameters={"n": "x"}, **options)
    handle = api.run("p", parameters={"n": 1}, backend_config={"fine": fine}, **options)
    assert handle.wait(60) is (status == "FINISHED")
    (run,) = pegboard.search_runs(output_format="list")
    assert run.info.run_id == handle.run_id
    assert run.info.status == status
    assert run.data.tags["mlflow.project.backend"] == "theirs"
    assert run.data.tags["n"] == "1"
    assert reason is None or reason in run.data.tags["pegboard.project.reason"]
