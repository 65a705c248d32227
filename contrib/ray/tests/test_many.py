"""Many runs at once: by the scheduler that sweeps and workflows share, and by these."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pegboard
import pytest
from pegboard.errors import PegboardError
from pegboard_projects import Place, Request, Scheduler, Task, session
from pegboard_ray.runner import Ray
from pegboard_ray.settings import Settings
from pegboard_testing.isolation import separate_tracking

RUNS = 20
WORKFLOW = """
name: three
backend: ray
backend_config: {config}
concurrency: 4
steps:
  load:
    command: "seq 5 > $PEGBOARD_OUTPUTS/rows.txt"
    outputs: [rows.txt]
  train:
    foreach: [a, b, c]
    command: "test {{rate}} != $BROKEN && cat {{rows}} > $PEGBOARD_OUTPUTS/model"
    params: {{rate: "${{item}}"}}
    inputs: {{rows: load.rows.txt}}
    outputs: [model]
  best:
    command: "cat {{models}} | wc -l > $PEGBOARD_OUTPUTS/best.txt"
    inputs: {{models: train.model}}
    outputs: [best.txt]
"""
SWEEP = {
    "method": "grid",
    "program": "trial.sh",
    "command": ["bash", "${program}", "${args_no_hyphens}"],
    "parameters": {"x": {"values": [0, 1, 2, 3]}},
    "concurrency": 4,
}


def test_runs_that_begin_at_once_all_end(
    settings: Settings, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    config = {"address": settings.address, "cpus": 0.2}
    Ray().check(settings, "http://tracking.example.org")  # Connects, which takes its time.
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "MLproject").write_text('entry_points: {main: {command: "echo $PEGBOARD_RUN_ID"}}')
    with separate_tracking(tmp_path), session() as within:
        request = Request(uri=str(folder), backend="ray", backend_config=config)
        begun = time.monotonic()
        with Scheduler(within, concurrency=RUNS) as scheduler:
            for number in range(RUNS):
                scheduler.add(Task(key=number, request=request, place=Place(run_name=f"{number}")))
            results = list(scheduler)
        record_property("runs_a_second", RUNS / (time.monotonic() - begun))
        assert {each.status for each in results} == {"FINISHED"}, results
        assert len({each.run_id for each in results}) == RUNS
        nodes = {
            r.data.tags["pegboard.ray.job"] for r in pegboard.search_runs(output_format="list")
        }
        assert len(nodes) == RUNS


def test_a_workflow_fans_out_and_only_what_failed_runs_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.dumps({"address": settings.address, "cpus": 0.2})
    (tmp_path / "workflow.yaml").write_text(WORKFLOW.format(config=config))
    with separate_tracking(tmp_path):
        monkeypatch.setenv("BROKEN", "b")
        with pytest.raises(PegboardError, match="train"):
            pegboard.workflows.run(str(tmp_path))
        monkeypatch.setenv("BROKEN", "none")
        done = pegboard.workflows.run(str(tmp_path))
        assert done.status == "FINISHED"
        runs = pegboard.search_runs(search_all_experiments=True, output_format="list")
        on_ray = [r for r in runs if r.data.tags.get("mlflow.project.backend") == "ray"]
        # Of the first, all but the last step; of the second, what failed and what needs it.
        assert len(on_ray) == 4 + 2
        best = next(s for s in done.steps if s.name == "best")
        (task,) = best.tasks.values()
        assert pegboard.artifacts.load_text(f"runs:/{task.run_id}/best.txt").strip() == "15"


def test_the_trials_of_a_sweep_fan_out(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "trial.sh").write_text('export "$@"\npython trial.py $x\n')
    (tmp_path / "trial.py").write_text(
        "import sys, pegboard\n"
        "pegboard.start_run()\n"
        "pegboard.log_metric('loss', float(sys.argv[1]))\n"
    )
    with separate_tracking(tmp_path):
        found = pegboard.sweeps.run(
            {**SWEEP, "metric": {"name": "loss"}},
            backend="ray",
            backend_config={"address": settings.address, "cpus": 0.2},
        )
        assert found.status == "FINISHED"
        assert found.best is not None
        assert found.best.values["x"] == 0
        runs = pegboard.search_runs(search_all_experiments=True, output_format="list")
    assert sum("pegboard.ray.job" in run.data.tags for run in runs) == len(found.trials) == 4
