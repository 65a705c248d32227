"""The scripting API beside the real MLflow: the same signatures, the same outcome of a script."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard_scripting.names import TARGETS

ARTIFACTS = ["download_artifacts", "list_artifacts", "load_dict", "load_image", "load_text"]
DATA = ["from_huggingface", "from_numpy", "from_pandas"]

LEFT_OUT = {
    "set_experiment": ["trace_location"],
    "create_experiment": ["trace_location"],
    "artifacts.download_artifacts": ["registry_uri"],
    "MlflowClient.create_registered_model": ["deployment_job_id"],
    "MlflowClient.update_registered_model": ["deployment_job_id"],
    "register_model": ["env_pack"],
}
"""Arguments of MLflow that have no meaning here: places of traces, and Databricks' own."""

ADDED = (["reason", "KEYWORD_ONLY", ""], ["user", "KEYWORD_ONLY", "None"])
"""Arguments of ours, of methods whose changes are recorded in the registry's history."""

OURS_ONLY = {
    "Client",
    "PegboardError",
    "MlflowClient.artifacts",
    "MlflowClient.get_artifact_uri",
    "MlflowClient.metric_history",
    "MlflowClient.store",
    "MlflowClient.writer",
    "MlflowClient.host",
    "MlflowClient.approve_model_version",
    "MlflowClient.model_artifacts",
    "MlflowClient.named_files",
    "MlflowClient.open_files",
    "MlflowClient.registry",
    "MlflowClient.registry_history",
    "MlflowClient.registry_uri",
    "MlflowClient.rollback_registered_model_alias",
}

SIGNATURES = """
import importlib, inspect, json, sys

def described(function):
    found = []
    for p in inspect.signature(function).parameters.values():
        default = None if p.default is p.empty else str(p.default)
        found.append([p.name, p.kind.name, default])
    return found

def collect(package, names):
    root = importlib.import_module(package)
    for module in ("artifacts", "data"):
        importlib.import_module(package + "." + module)
    found = {}
    for name in names:
        value = root
        for part in name.split("."):
            value = getattr(value, part, None)
        if callable(value) and not inspect.isclass(value):
            found[name] = described(value)
    return found

if __name__ == "__main__":
    print(json.dumps(collect(sys.argv[1], sys.argv[2:])))
"""


def names() -> list[str]:
    """Return the dotted names of all public functions and methods that MLflow may have too."""
    functions = [n for n in TARGETS if inspect.isfunction(getattr(pegboard, n))]
    methods = [n for n, _ in inspect.getmembers(pegboard.Client) if not n.startswith("_")]
    return [
        *functions,
        *(f"MlflowClient.{name}" for name in methods),
        *(f"artifacts.{name}" for name in ARTIFACTS),
        *(f"data.{name}" for name in DATA),
    ]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mlflow")
    (place / "signatures.py").write_text(SIGNATURES)
    (place / "script.py").write_text(SCRIPT)
    return place


def run(python: Path | str, workshop: Path, *arguments: str, cwd: Path | None = None) -> Any:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "PEGBOARD"))}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    done = subprocess.run(
        [str(python), *arguments],
        cwd=cwd or workshop,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def theirs(mlflow_python: Path, workshop: Path) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = run(
        mlflow_python, workshop, "signatures.py", "mlflow", *names()
    )
    return found


@pytest.fixture(scope="module")
def ours(workshop: Path) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = run(
        sys.executable, workshop, "signatures.py", "pegboard", *names()
    )
    return found


def test_functions_have_mlflows_arguments_in_the_same_order_with_the_same_defaults(
    ours: dict[str, list[list[str]]], theirs: dict[str, list[list[str]]]
) -> None:
    assert len(theirs) > 90
    different = {}
    for name, expected in theirs.items():
        left_out = LEFT_OUT.get(name, [])
        wanted = [argument for argument in expected if argument[0] not in left_out]
        assert len(wanted) == len(expected) - len(left_out), f"{name}: {left_out} is outdated"
        given = [argument for argument in ours[name] if argument not in ADDED]
        if given != wanted:
            different[name] = (given, wanted)
    assert different == {}


def test_names_that_mlflow_has_not_are_known(theirs: dict[str, list[list[str]]]) -> None:
    extra = {name for name in names() if name not in theirs}
    assert extra <= OURS_ONLY


SCRIPT = '''
"""Uses the whole tracking API the way scripts do, and prints what is found afterwards."""

import importlib, io, json, os, re, sys

mlflow = importlib.import_module(sys.argv[1])
import numpy as np
import pandas as pd
from PIL import Image

mlflow.set_tracking_uri("sqlite:///" + os.path.abspath("runs.db"))
found = {"uri set": mlflow.is_tracking_uri_set()}


def code_of(call):
    try:
        call()
    except mlflow.exceptions.MlflowException as error:
        return error.error_code
    except Exception as error:
        return "Exception"
    return None


def outline(run):
    own = ("mlflow.", "pegboard.")
    tags = {k: v for k, v in run.data.tags.items() if not k.startswith(own)}
    return {
        "name": run.info.run_name,
        "status": str(run.info.status),
        "stage": str(run.info.lifecycle_stage),
        "ended": run.info.end_time is not None,
        "params": dict(run.data.params),
        "metrics": {k: repr(v) for k, v in run.data.metrics.items()},
        "tags": tags,
        "note": run.data.tags.get("mlflow.note.content"),
        "name tag": run.data.tags.get("mlflow.runName"),
        "has parent": "mlflow.parentRunId" in run.data.tags,
        "has user": "mlflow.user" in run.data.tags,
        "source type": run.data.tags.get("mlflow.source.type"),
    }


# Experiments.
experiment = mlflow.set_experiment("first")
found["experiment"] = [experiment.experiment_id, experiment.name, str(experiment.lifecycle_stage)]
mlflow.set_experiment_tag("team", 7)
second_id = mlflow.create_experiment("second", tags={"a": "b"})
found["experiment tags"] = [
    dict(mlflow.get_experiment(experiment.experiment_id).tags),
    dict(mlflow.get_experiment_by_name("second").tags),
]
found["no experiment"] = mlflow.get_experiment_by_name("nothing")
mlflow.delete_experiment(second_id)
found["deleted experiments"] = [
    e.name for e in mlflow.search_experiments(view_type=mlflow.entities.ViewType.DELETED_ONLY)
]
found["active experiments"] = sorted(e.name for e in mlflow.search_experiments())

# A run with everything.
with mlflow.start_run(run_name="everything", tags={"t": 1}, description="note") as run:
    found["log_param"] = mlflow.log_param("lr", 0.1)
    mlflow.log_params({"depth": 3, "none": None, "list": [1, "x"]})
    found["log_metric"] = mlflow.log_metric("loss", 1.0)
    for step in range(1, 5):
        mlflow.log_metric("loss", 1.0 / step, step=step, timestamp=1000 * step)
    mlflow.log_metric("loss", 9.0, step=2)
    mlflow.log_metrics({"acc": np.float32(0.5), "whole": 3, "nan": float("nan")}, step=3)
    mlflow.set_tag("kind", "test")
    mlflow.set_tags({"a": 1, "gone": 2})
    mlflow.delete_tag("gone")
    mlflow.log_text("hello", "texts/a.txt")
    mlflow.log_dict({"b": [1, None], "a": {"x": 1.5}}, "a.json")
    mlflow.log_stream(io.BytesIO(b"bytes"), "raw.bin")
    os.makedirs("local/deep", exist_ok=True)
    for name in ("local/x.txt", "local/deep/y.txt"):
        with open(name, "w") as file:
            file.write(name)
    mlflow.log_artifact("local/x.txt", "single")
    mlflow.log_artifact("local")
    mlflow.log_artifacts("local", "content")
    mlflow.log_image(np.full((4, 6, 3), 9, dtype=np.uint8), "image.png")
    mlflow.log_image(Image.new("L", (300, 10)), key="k/v", step=2, timestamp=5, synchronous=True)
    mlflow.log_table({"q": ["a", "b"], "n": [1, 2]}, "table.json")
    mlflow.log_table(pd.DataFrame({"q": ["c"], "n": [3]}), "table.json")
    dataset = mlflow.data.from_pandas(
        pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5]}), name="frame", targets="y"
    )
    mlflow.log_input(dataset, context="training", tags={"part": "one"})
    with mlflow.start_run(nested=True, run_name="child") as child:
        mlflow.log_metric("loss", 5)
        with mlflow.start_run(nested=True, run_name="grandchild") as grandchild:
            mlflow.log_param("deep", True)
    found["parents"] = [
        mlflow.get_parent_run(grandchild.info.run_id).info.run_name,
        mlflow.get_parent_run(child.info.run_id).info.run_name,
        mlflow.get_parent_run(run.info.run_id),
    ]
    found["active"] = mlflow.active_run().info.run_id == run.info.run_id
    found["second run"] = code_of(mlflow.start_run) is not None
    found["changed param"] = code_of(lambda: mlflow.log_param("lr", 0.2))
    found["bad metric"] = code_of(lambda: mlflow.log_metric("a?", 1))
    found["bad value"] = code_of(lambda: mlflow.log_metric("a", "x"))
    found["operation"] = [
        hasattr(operation, "wait") and operation.wait()
        for operation in (
            mlflow.log_metric("later", 1, synchronous=False),
            mlflow.log_params({"later": 1}, synchronous=False),
            mlflow.set_tag("later", 1, synchronous=False),
        )
    ]
found["active after"] = mlflow.active_run()
found["last"] = mlflow.last_active_run().info.run_id == run.info.run_id

# Runs that end otherwise, go on, are deleted.
try:
    with mlflow.start_run(run_name="failed"):
        raise ValueError
except ValueError:
    pass
mlflow.start_run(run_name="killed")
mlflow.end_run("KILLED")
with mlflow.start_run(run_id=child.info.run_id) as resumed:
    found["resumed"] = str(resumed.info.status)
    mlflow.log_metric("again", 1)
mlflow.log_metric("automatic", 1)
mlflow.end_run()
mlflow.delete_run(grandchild.info.run_id)
found["resume deleted"] = code_of(lambda: mlflow.start_run(grandchild.info.run_id)) is not None

# The client.
client = mlflow.MlflowClient()
made = client.create_run(experiment.experiment_id, run_name="made", tags={"by": "client"})
client.log_metric(made.info.run_id, "m", 2.5, timestamp=77, step=4)
client.log_batch(
    made.info.run_id,
    metrics=[mlflow.entities.Metric("batch", n, n, n) for n in (1, 2)],
    params=[mlflow.entities.Param("p", "v")],
    tags=[mlflow.entities.RunTag("t", "u")],
)
client.update_run(made.info.run_id, name="renamed")
client.set_terminated(made.info.run_id, "FAILED", end_time=99)
found["end time"] = client.get_run(made.info.run_id).info.end_time
found["codes"] = [
    code_of(lambda: client.get_run("0" * 32)),
    code_of(lambda: client.get_experiment("4040")),
    code_of(lambda: client.create_experiment("first")),
    code_of(lambda: client.delete_tag(made.info.run_id, "nothing")),
    code_of(lambda: client.search_runs([experiment.experiment_id], "metrics.a >")),
    code_of(lambda: mlflow.log_param("", 1)),
]
mlflow.end_run()

# What is there now.
runs = mlflow.search_runs(
    run_view_type=mlflow.entities.ViewType.ALL,
    order_by=["attributes.run_name ASC"],
    output_format="list",
)
found["runs"] = [outline(r) for r in runs if r.info.run_name in sys.argv[2:]]
found["number"] = len(runs)
# MLflow orders points by time, pegboard as they were logged.
history = sorted(client.get_metric_history(run.info.run_id, "loss"), key=lambda m: m.timestamp)
found["history"] = [[m.value, m.step] for m in history]
found["times"] = [m.timestamp for m in history][:4]
everything = client.get_run(run.info.run_id)
(used,) = everything.inputs.dataset_inputs
found["input"] = [used.dataset.name, sorted((tag.key, tag.value) for tag in used.tags)]
found["logged"] = [
    json.loads(everything.data.tags["mlflow.loggedArtifacts"]),
    everything.data.tags["mlflow.loggedImages"],
]


def walk(path=None):
    for entry in client.list_artifacts(run.info.run_id, path):
        if entry.is_dir:
            yield from walk(entry.path)
        else:
            yield entry


found["files"] = sorted(
    re.sub("[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", entry.path)
    for entry in walk()
    if not entry.path.startswith("environment/")
)
found["sizes"] = {e.path: e.file_size for e in walk() if e.path.endswith((".txt", ".json", ".bin"))
                  and not e.path.startswith("environment/")}
uri = "runs:/" + run.info.run_id
found["content"] = [
    mlflow.artifacts.load_text(uri + "/texts/a.txt"),
    mlflow.artifacts.load_dict(uri + "/a.json"),
    list(mlflow.artifacts.load_image(uri + "/image.png").size),
    open(client.download_artifacts(run.info.run_id, "content/deep/y.txt")).read(),
]
os.makedirs("target", exist_ok=True)
got = client.download_artifacts(run.info.run_id, "content", "target")
found["download"] = [os.path.relpath(got), sorted(os.listdir(got))]
found["table"] = mlflow.load_table("table.json", extra_columns=["params.lr"]).to_dict("list")
frame = mlflow.search_runs(filter_string="params.depth = '3'")
own = ("tags.mlflow.", "tags.pegboard.")
found["columns"] = sorted(c for c in frame.columns if not c.startswith(own))
found["cells"] = [
    len(frame),
    frame["status"][0],
    frame["metrics.loss"][0],
    frame["params.lr"][0],
    str(frame["start_time"].dt.tz),
]
found["by name"] = len(mlflow.search_runs(experiment_names=["first"]))
found["everywhere"] = len(mlflow.search_runs(search_all_experiments=True))
print(json.dumps(found, default=str))
'''

RUNS = ["everything", "child", "grandchild", "failed", "killed", "renamed"]


def test_one_script_leaves_the_same_in_both(
    mlflow_python: Path, workshop: Path, tmp_path: Path
) -> None:
    results = {}
    for package, python in (("mlflow", mlflow_python), ("pegboard", Path(sys.executable))):
        place = tmp_path / package
        place.mkdir()
        script = str(workshop / "script.py")
        results[package] = run(python, workshop, script, package, *RUNS, cwd=place)
    different = {
        name: (results["pegboard"].get(name), value)
        for name, value in results["mlflow"].items()
        if results["pegboard"].get(name) != value
    }
    assert different == {}


def test_names_used_by_the_comparison_exist() -> None:
    for name in DATA:
        assert hasattr(importlib.import_module("pegboard.data"), name)
