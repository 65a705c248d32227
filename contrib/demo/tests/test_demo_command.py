from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pegboard
import pytest
from click.testing import CliRunner
from pegboard import config, host
from pegboard.cli.shell import cli
from pegboard_demo.models import CANDIDATES, load_data
from pegboard_demo.training import EXPERIMENT
from pegboard_scripting.fluent import experiments
from sklearn.metrics import r2_score


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Run the demo once in an empty directory, and return what it says of itself."""
    # What the demo sets for its child processes must not reach other tests.
    with mock.patch.dict(os.environ), pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "_active_id", None)
        for name in [*config.ENVIRONMENT, "PEGBOARD_CONFIG"]:
            patch.delenv(name, raising=False)
        directory: Path = tmp_path_factory.mktemp("demo")
        patch.setenv("XDG_CONFIG_HOME", str(directory / "home"))
        patch.chdir(directory)
        host.use(None)
        result = CliRunner().invoke(cli, ["demo", "--json"], prog_name="pegboard")
        assert result.exit_code == 0, result.output
        yield json.loads(result.stdout)
        host.current().close()
        host.use(None)


def _run(report: dict[str, Any], name: str) -> Any:
    run_id = next(run["run_id"] for run in report["runs"] if run["run_name"] == name)
    return pegboard.get_run(run_id)


def test_every_model_has_a_finished_run_below_one_parent(report: dict[str, Any]) -> None:
    assert {run["run_name"] for run in report["runs"]} == {c.name for c in CANDIDATES}
    assert {run["status"] for run in report["runs"]} == {"FINISHED"}
    for run in report["runs"]:
        tags = pegboard.get_run(run["run_id"]).data.tags
        assert tags["mlflow.parentRunId"] == report["parent_run_id"]


def test_runs_are_found_by_search_best_first(report: dict[str, Any]) -> None:
    scores = [run["metrics"]["r2"] for run in report["runs"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.4


def test_params_and_a_curve_of_every_metric_are_logged(report: dict[str, Any]) -> None:
    run = _run(report, "gradient-boosting")
    assert run.data.params["learning_rate"] == "0.03"
    client = pegboard.Client()
    for key in ("r2", "rmse", "mae", "train_rmse"):
        history = client.get_metric_history(run.info.run_id, key)
        assert [point.step for point in history] == list(range(1, 201))


def test_the_data_is_recorded_as_input_of_the_parent(report: dict[str, Any]) -> None:
    inputs = pegboard.get_run(report["parent_run_id"]).inputs.dataset_inputs
    used = {item.dataset.name: item.tags[0].value for item in inputs}
    assert used == {"diabetes-train": "training", "diabetes-test": "testing"}


@pytest.mark.parametrize("name", [candidate.name for candidate in CANDIDATES])
def test_the_pictures_and_a_model_that_works_are_files_of_the_run(
    report: dict[str, Any], name: str
) -> None:
    run = _run(report, name)
    files = host.current().artifact_store(run.info.artifact_uri)
    for picture in ("learning_curve.png", "predicted_vs_true.png"):
        assert files.read(picture).read().startswith(b"\x89PNG")
    # No pickle: nobody has to trust it to read it.
    [logged] = run.outputs.model_outputs
    model = pegboard.sklearn.load_model(f"models:/{logged.model_id}")
    features, target = load_data().split("test")
    assert model.score(features, target) == pytest.approx(run.data.metrics["r2"])


def test_a_second_run_adds_to_the_same_experiment(report: dict[str, Any]) -> None:
    result = CliRunner().invoke(cli, ["demo"], prog_name="pegboard")
    assert result.exit_code == 0, result.output
    found = pegboard.search_runs(
        experiment_names=[EXPERIMENT], filter_string="metrics.r2 > 0.4", output_format="list"
    )
    assert len(found) == 2 * len(report["runs"])


def test_the_best_model_is_registered_and_predicts(report: dict[str, Any]) -> None:
    best = report["runs"][0]
    assert report["model_uri"].startswith(f"models:/{EXPERIMENT}/")
    name, version = report["model_uri"].removeprefix("models:/").split("/")
    assert pegboard.Client().get_model_version(name, version).run_id == best["run_id"]
    features, target = load_data().split("test")
    predicted = pegboard.pyfunc.load_model(report["model_uri"]).predict(features)
    assert r2_score(target, predicted) == pytest.approx(best["metrics"]["r2"])


def test_it_says_what_it_does_and_how_to_go_on(
    report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    result = CliRunner().invoke(cli, ["demo"], prog_name="pegboard")
    assert result.exit_code == 0, result.output
    first, second, *trained = result.stderr.splitlines()
    assert "Training four models" in first
    assert "loading scikit-learn" in second
    assert [line.split()[:2] for line in trained] == [["trained", f"{c.name},"] for c in CANDIDATES]
    assert "  uv run pegboard models serve -m models:/diabetes-demo/" in result.stdout
    assert result.stdout.endswith(": uv run python script.py\n")


def test_a_store_without_a_registry_is_no_obstacle(tmp_path: Path) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PEGBOARD_")}
    done = subprocess.run(
        [sys.executable, "-c", "from pegboard.cli import main; main()", "demo", "--json"],
        cwd=tmp_path,
        env={**environ, "PEGBOARD_REGISTRY_URI": "nowhere:x", "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["runs"]) == len(CANDIDATES)
    assert (report["model_uri"], report["serve_command"]) == (None, None)
    assert "The best model is not registered: No installed plugin opens 'nowhere'" in done.stderr
