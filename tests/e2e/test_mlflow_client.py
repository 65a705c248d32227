"""MLflow's own client package against our server, unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Script = Callable[..., Any]

PRELUDE = """
import json, math, sys, time
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

client = MlflowClient()

def refused(call, *args, **kwargs):
    began = time.monotonic()
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        # What the client takes for a passing fault it would try again for minutes.
        return [type(error).__name__, error.error_code, time.monotonic() - began < 60]
    return None

"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("server")
    command = Path(sys.executable).with_name("pegboard")
    process = subprocess.Popen(
        [str(command), "server", "--store", f"sqlite:{place}/s.db", "--port", "0"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=(place / "log").open("w"),
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert "http://" in first, (place / "log").read_text()
    yield first[first.index("http://") :].strip()
    process.terminate()
    process.wait(30)


@pytest.fixture
def script(url: str, mlflow_python: Path, tmp_path: Path) -> Script:
    """Run code in MLflow's interpreter and return what it leaves in ``answer``."""

    def run(code: str, *arguments: str) -> Any:
        whole = PRELUDE + textwrap.dedent(code) + "\nprint(json.dumps(answer))\n"
        done = subprocess.run(
            [str(mlflow_python), "-c", whole, *arguments],
            cwd=tmp_path,
            env={**os.environ, "MLFLOW_TRACKING_URI": url, "MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_a_script_logs_nested_runs_and_reads_them_back(script) -> None:
    answer = script("""
        mlflow.set_experiment("nested")
        with mlflow.start_run(run_name="parent", tags={"kind": "sweep"}) as parent:
            mlflow.log_params({"lr": 0.1, "layers": [1, 2]})
            for i in range(2):
                with mlflow.start_run(nested=True, run_name=f"child{i}"):
                    mlflow.log_metrics({"loss": 1 / (i + 1), "acc": i}, step=i)
            for step in range(5):
                mlflow.log_metric("loss", 1 / (step + 1), step=step)
        found = client.get_run(parent.info.run_id)
        children = client.search_runs(
            [found.info.experiment_id],
            filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'",
            order_by=["metrics.loss ASC"],
        )
        frame = mlflow.search_runs(experiment_names=["nested"])
        answer = {
            "status": found.info.status,
            "name": found.info.run_name,
            "ended": found.info.end_time >= found.info.start_time,
            "params": found.data.params,
            "metrics": found.data.metrics,
            "kind": found.data.tags["kind"],
            "children": [run.info.run_name for run in children],
            "frame": len(frame),
        }
    """)
    assert answer == {
        "status": "FINISHED",
        "name": "parent",
        "ended": True,
        "params": {"lr": "0.1", "layers": "[1, 2]"},
        "metrics": {"loss": 0.2},
        "kind": "sweep",
        "children": ["child1", "child0"],
        "frame": 3,
    }


def test_an_experiment_deleted_twice_is_not_there(script) -> None:
    answer = script("""
        number = client.create_experiment("twice")
        answer = []
        for move in (
            client.restore_experiment, client.delete_experiment, client.delete_experiment,
        ):
            try:
                move(number)
            except mlflow.MlflowException as error:
                answer.append([error.error_code, error.get_http_status_code()])
        client.restore_experiment(number)
    """)
    assert answer == [["RESOURCE_DOES_NOT_EXIST", 404]] * 2


def test_experiments_live_through_the_client(script) -> None:
    answer = script("""
        number = client.create_experiment("life", tags={"a": "1"}, artifact_location="file:///tmp/x")
        client.set_experiment_tag(number, "b", "2")
        client.delete_experiment_tag(number, "a")
        client.rename_experiment(number, "life 2")
        found = client.get_experiment_by_name("life 2")
        client.delete_experiment(number)
        deleted = client.search_experiments(view_type=ViewType.DELETED_ONLY)
        client.restore_experiment(number)
        for i in range(3):
            client.create_experiment(f"page {i}")
        pages, token = [], None
        while True:
            page = client.search_experiments(
                filter_string="name LIKE 'page %'", order_by=["name"], max_results=2,
                page_token=token,
            )
            pages.append([each.name for each in page])
            token = page.token
            if not token:
                break
        answer = [
            found.tags, found.artifact_location, found.creation_time > 0,
            [each.name for each in deleted], client.get_experiment(number).lifecycle_stage,
            pages, client.get_experiment_by_name("none"),
        ]
    """)
    assert answer == [
        {"b": "2"},
        "file:///tmp/x",
        True,
        ["life 2"],
        "active",
        [["page 0", "page 1"], ["page 2"]],
        None,
    ]


def test_a_batch_with_odd_numbers_comes_back_as_it_was(script) -> None:
    answer = script("""
        run = client.create_run("0").info.run_id
        values = [1.5, math.nan, math.inf, -math.inf, 0.1 + 0.2]
        client.log_batch(
            run,
            metrics=[Metric("m", v, 1000 + i, i - 2) for i, v in enumerate(values)],
            params=[Param("p", "v" * 6000)],
            tags=[RunTag("t", "1"), RunTag("mlflow.runName", "named")],
        )
        client.log_batch(run, metrics=[Metric("n", float(i), i, i) for i in range(1000)])
        history = client.get_metric_history(run, "m")
        found = client.get_run(run)
        client.set_tag(run, "t", "2")
        client.delete_tag(run, "t")
        client.update_run(run, status="KILLED", name="renamed")
        later = client.get_run(run)
        answer = {
            "values": [str(point.value) for point in history],
            "steps": [point.step for point in history],
            "length": [len(found.data.params["p"]), len(client.get_metric_history(run, "n"))],
            "names": [found.info.run_name, later.info.run_name, later.info.status],
            "tags": ["t" in found.data.tags, "t" in later.data.tags],
            "latest": str(found.data.metrics["m"]),
        }
    """)
    assert answer == {
        "values": ["1.5", "nan", "inf", "-inf", "0.30000000000000004"],
        "steps": [-2, -1, 0, 1, 2],
        "length": [6000, 1000],
        "names": ["named", "renamed", "KILLED"],
        "tags": [True, False],
        "latest": "0.30000000000000004",
    }


def test_metrics_that_are_logged_without_waiting_arrive(script) -> None:
    answer = script("""
        mlflow.config.enable_async_logging()
        with mlflow.start_run() as run:
            for step in range(300):
                mlflow.log_metric("loss", float(step), step=step)
            mlflow.log_param("p", 1)
        mlflow.flush_async_logging()
        history = client.get_metric_history(run.info.run_id, "loss")
        answer = sorted(point.step for point in history) == list(range(300))
    """)
    assert answer is True


def test_inputs_are_recorded_and_found(script) -> None:
    answer = script("""
        import pandas as pd
        frame = pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})
        with mlflow.start_run() as run:
            mlflow.log_input(mlflow.data.from_pandas(frame, name="frame"), context="training")
        (use,) = client.get_run(run.info.run_id).inputs.dataset_inputs
        by_name = client.search_runs(["0"], filter_string="datasets.name = 'frame'")
        answer = [
            use.dataset.name, use.dataset.source_type, json.loads(use.dataset.profile),
            {tag.key: tag.value for tag in use.tags}, [r.info.run_id for r in by_name]
            == [run.info.run_id],
        ]
    """)
    assert answer == [
        "frame",
        "code",
        {"num_rows": 2, "num_elements": 4},
        {"mlflow.data.context": "training"},
        True,
    ]


def test_runs_are_deleted_and_restored_and_found_page_by_page(script) -> None:
    answer = script("""
        number = client.create_experiment("pages")
        runs = [client.create_run(number, start_time=1 + i).info.run_id for i in range(5)]
        first = client.search_runs([number], max_results=2, order_by=["start_time"])
        second = client.search_runs(
            [number], max_results=3, order_by=["start_time"], page_token=first.token
        )
        client.delete_run(runs[0])
        deleted = client.search_runs([number], run_view_type=ViewType.DELETED_ONLY)
        client.restore_run(runs[0])
        answer = [
            [run.info.run_id for run in [*first, *second]] == runs, second.token,
            [run.info.run_id for run in deleted] == runs[:1],
            client.get_run(runs[0]).info.lifecycle_stage,
        ]
    """)
    assert answer == [True, None, True, "active"]


def test_the_client_sees_the_errors_that_it_knows_at_once(script) -> None:
    answer = script("""
        client.create_experiment("taken")
        run = client.create_run("0").info.run_id
        client.log_param(run, "p", "1")
        gone = client.create_run("0").info.run_id
        client.delete_run(gone)
        answer = {
            "taken": refused(client.create_experiment, "taken"),
            "no run": refused(client.get_run, "0" * 32),
            "no experiment": refused(client.get_experiment, "987"),
            "param": refused(client.log_param, run, "p", "2"),
            "filter": refused(client.search_runs, ["0"], "metrics."),
            "no tag": refused(client.delete_tag, run, "none"),
            "deleted": refused(client.log_metric, gone, "a", 1.0),
            "no run to log to": refused(client.log_metric, "0" * 32, "a", 1.0),
            "page": refused(client.search_runs, ["0"], max_results=50_001),
            "token": refused(client.search_runs, ["0"], page_token="none"),
        }
    """)
    codes = {name: code for name, (_, code, _) in answer.items()}
    assert codes == {
        "taken": "RESOURCE_ALREADY_EXISTS",
        "no run": "RESOURCE_DOES_NOT_EXIST",
        "no experiment": "RESOURCE_DOES_NOT_EXIST",
        "param": "INVALID_PARAMETER_VALUE",
        "filter": "INVALID_PARAMETER_VALUE",
        "no tag": "RESOURCE_DOES_NOT_EXIST",
        "deleted": "INVALID_PARAMETER_VALUE",
        "no run to log to": "RESOURCE_DOES_NOT_EXIST",
        "page": "INVALID_PARAMETER_VALUE",
        "token": "INVALID_PARAMETER_VALUE",
    }
    assert all(at_once for _, _, at_once in answer.values())


def test_histories_of_many_runs_are_read_as_charts_read_them(script, url) -> None:
    answer = script(
        """
        import requests
        runs = [client.create_run("0").info.run_id for _ in range(2)]
        for run in runs:
            client.log_batch(run, metrics=[Metric("m", float(i), i, i) for i in range(1000)])
        base = sys.argv[1] + "/ajax-api/2.0/mlflow/"
        bulk = requests.get(
            base + "metrics/get-history-bulk", params={"run_id": runs, "metric_key": "m"}
        ).json()["metrics"]
        less = requests.get(
            base + "metrics/get-history-bulk-interval",
            params={"run_ids": runs, "metric_key": "m", "max_results": 20},
        ).json()["metrics"]
        found = requests.post(
            base + "experiments/search-datasets", json={"experiment_ids": ["0"]}
        ).status_code
        answer = [len(bulk), 4 <= len(less) <= 40, {p["run_id"] for p in less} == set(runs), found]
        """,
        url,
    )
    assert answer == [2000, True, True, 200]
