from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.request import urlopen

import pegboard
import pytest
from click.testing import CliRunner, Result
from pegboard import config, host
from pegboard.cli.shell import cli
from pegboard_demo.models import CANDIDATES, SWEEP, load_data
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


@pytest.fixture(scope="module")
def again(report: dict[str, Any]) -> Result:
    """Run the demo once more in the same place, as `uv run` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_RUN_RECURSION_DEPTH", "1")
        result = CliRunner().invoke(cli, ["demo"], prog_name="pegboard")
    assert result.exit_code == 0, result.output
    return result


def _run(report: dict[str, Any], name: str) -> Any:
    run_id = next(run["run_id"] for run in report["runs"] if run["run_name"] == name)
    return pegboard.get_run(run_id)


def test_every_model_has_a_finished_run_that_stands_at_the_top(report: dict[str, Any]) -> None:
    assert {run["run_name"] for run in report["runs"]} == {c.name for c in CANDIDATES}
    assert {run["status"] for run in report["runs"]} == {"FINISHED"}
    for run in report["runs"]:
        assert "mlflow.parentRunId" not in pegboard.get_run(run["run_id"]).data.tags


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


def test_the_data_is_recorded_as_input(report: dict[str, Any]) -> None:
    inputs = _run(report, "ridge").inputs.dataset_inputs
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


def test_a_second_run_adds_to_the_same_experiment(report: dict[str, Any], again: Result) -> None:
    for name in (run["run_name"] for run in report["runs"]):
        found = pegboard.search_runs(
            experiment_names=[EXPERIMENT],
            filter_string=f"attributes.run_name = '{name}'",
            output_format="list",
        )
        assert len(found) == 2


@pytest.mark.parametrize("name", [candidate.name for candidate in CANDIDATES])
def test_pictures_by_step_and_a_table_of_every_patient_are_logged(
    report: dict[str, Any], name: str
) -> None:
    run = _run(report, name)
    files = host.current().artifact_store(run.info.artifact_uri)
    pictures = [f.path for f in files.list("images") if f.path.endswith(".png")]
    assert len(pictures) >= 5
    client = pegboard.Client()
    table = client.load_table(run.info.experiment_id, "predictions.json", [run.info.run_id])
    assert len(table) == len(load_data().test)
    assert table["error"].abs().is_monotonic_decreasing


def test_the_longest_curve_has_hundreds_of_points(report: dict[str, Any]) -> None:
    run = _run(report, "neural-network")
    assert len(pegboard.Client().get_metric_history(run.info.run_id, "r2")) == 500


def test_settings_worth_comparing_are_runs_below_the_model_they_are_of(
    report: dict[str, Any],
) -> None:
    above = _run(report, "gradient-boosting").info.run_id
    found = pegboard.search_runs(
        experiment_names=[EXPERIMENT],
        filter_string=f"tags.mlflow.parentRunId = '{above}'",
        output_format="list",
    )
    assert len({json.dumps(run.data.params, sort_keys=True) for run in found}) == len(SWEEP)
    assert len({run.data.metrics["r2"] for run in found}) > 1


def test_notes_say_what_there_is_to_see(report: dict[str, Any]) -> None:
    best = report["runs"][0]
    run = pegboard.get_run(best["run_id"])
    note = run.data.tags["mlflow.note.content"]
    assert f"| {best['run_name']} | {best['metrics']['r2']:.3f} |" in note
    experiment = pegboard.get_experiment(run.info.experiment_id)
    assert experiment.tags["mlflow.note.content"].startswith("# Progression")


def test_the_alias_moved_from_the_second_best_to_the_best_with_a_reason(
    report: dict[str, Any],
) -> None:
    client = pegboard.Client()
    moved, first = list(client.registry_history(EXPERIMENT, kinds=["alias"], key="champion"))[-2:]
    assert (moved.before, moved.after) == ("1", "2")
    assert moved.reason.startswith("r2 0.")
    assert first.reason == "the first that is good enough"
    assert report["model_uri"] == f"models:/{EXPERIMENT}/2"


def test_questions_to_the_best_model_are_traced(report: dict[str, Any]) -> None:
    traces = pegboard.Client().store.traces().traces(report["trace_ids"])
    assert [str(trace.info.state) for trace in traces] == ["OK", "OK", "ERROR"]
    why, _, lost = traces
    assert {span.span_type for span in why.spans} >= {"AGENT", "CHAT_MODEL", "RETRIEVER", "TOOL"}
    (root,) = [span for span in why.spans if span.parent_id is None]
    assert "Patient 11 is expected to reach" in root.attributes["mlflow.spanOutputs"]
    assert why.info.trace_metadata["mlflow.sourceRun"] == report["runs"][0]["run_id"]
    assert json.loads(why.info.trace_metadata["mlflow.trace.tokenUsage"])["total_tokens"] > 50
    (grounded,) = [span for span in why.spans if span.name == "grounded"]
    assert grounded.attributes["mlflow.spanOutputs"] == {"grounded": True}
    assert "none with number 4000" in lost.spans[-1].status_message


def test_the_best_model_is_registered_and_predicts(report: dict[str, Any]) -> None:
    best = report["runs"][0]
    assert report["model_uri"].startswith(f"models:/{EXPERIMENT}/")
    name, version = report["model_uri"].removeprefix("models:/").split("/")
    assert pegboard.Client().get_model_version(name, version).run_id == best["run_id"]
    features, target = load_data().split("test")
    predicted = pegboard.pyfunc.load_model(report["model_uri"]).predict(features)
    assert r2_score(target, predicted) == pytest.approx(best["metrics"]["r2"])


def test_it_says_what_it_does_and_how_to_go_on(again: Result) -> None:
    first, second, *trained = again.stderr.splitlines()
    assert "Training four models" in first
    assert "loading scikit-learn" in second
    assert [line.split()[:2] for line in trained] == [["trained", f"{c.name},"] for c in CANDIDATES]
    assert "  uv run pegboard models serve -m models:/diabetes-demo/" in again.stdout
    assert ": uv run python script.py\n" in again.stdout
    assert again.stdout.endswith("\n  uv run pegboard ui\n")


def test_a_store_of_ones_own_without_a_registry_is_used_and_what_was_made_is_opened(
    tmp_path: Path,
) -> None:
    store = f"sqlite:{tmp_path}/else where/runs.db"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PEGBOARD_")}
    elsewhere = {"PEGBOARD_REGISTRY_URI": "nowhere:x", "XDG_CONFIG_HOME": str(tmp_path)}
    with subprocess.Popen(
        [
            *(sys.executable, "-c", "from pegboard.cli import main; main()"),
            *("--tracking-uri", store, "demo", "--open"),
        ],
        cwd=tmp_path,
        env={**environ, **elsewhere, "BROWSER": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("http"):
                    break
            address = lines[-1].strip()
            with urlopen(f"{address}/api/pegboard/1.0/ui/home", timeout=60) as answer:
                shown = {each["name"]: each["runs"] for each in json.load(answer)["experiments"]}
        finally:
            process.terminate()
        said = process.communicate()[1]
    assert shown[EXPERIMENT] == len(CANDIDATES) + len(SWEEP)
    proposed = [shlex.split(line) for line in lines if line.startswith("  ") and "pegboard" in line]
    assert proposed
    assert all(store in words for words in proposed)
    assert not list(tmp_path.glob("pegruns/*.db"))
    assert "models serve" not in "".join(lines)
    assert "The best model is not registered: No installed plugin opens 'nowhere'" in said
