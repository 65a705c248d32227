"""A project that uses the real MLflow runs as ``mlflow run`` runs it, and is recorded as there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pegboard
from peers import interpreter
from pegboard_testing.isolation import separate_tracking

PROJECT = """
name: odd
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
      data: {type: path, default: deep}
      text: string
    command: "python train.py {alpha} {text}"
"""
TRAIN = """
import sys, mlflow
with mlflow.start_run() as run:
    mlflow.log_metric("alpha", float(sys.argv[1]))
    mlflow.log_text(sys.argv[2], "said.txt")
    assert mlflow.MlflowClient().get_run(run.info.run_id).info.status == "RUNNING"
print("ran", sys.argv[1:])
"""
OWN = {"mlflow.runName", "mlflow.source.git.dirty", "mlflow.source.git.branch"}
OWN |= {"mlflow.gitBranchName"}


def repository(place: Path, **texts: str) -> None:
    (place / "work/deep").mkdir(parents=True)
    for name, text in texts.items():
        (place / "work/deep" / name.replace("_", ".")).write_text(text)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (
        ["init", "-q"],
        ["add", "."],
        [*identity, "commit", "-qm", "x"],
        ["remote", "add", "origin", "https://example.org/x.git"],
    ):
        subprocess.run(["git", *words], cwd=place / "work", env=clean, check=True)


def files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_a_run_is_recorded_as_mlflow_records_it(tmp_path: Path) -> None:
    repository(tmp_path, MLproject=PROJECT, train_py=TRAIN)
    peer = interpreter("mlflow-2").parent
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))}
    environment = {**kept, "PATH": f"{peer}{os.pathsep}{os.environ['PATH']}"}
    words = ["run", "deep", "-P", "text=it's", "-P", "seed=1", "--env-manager", "local"]

    def run(program: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(program), *words],
            cwd=tmp_path / "work",
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=600,
        )

    theirs = run(peer / "mlflow", MLFLOW_TRACKING_URI=(tmp_path / "mlruns").as_uri())
    assert theirs.returncode == 0, theirs.stderr
    uri = f"sqlite:{tmp_path}/runs.db"
    ours = run(Path(sys.executable).with_name("pegboard"), PEGBOARD_TRACKING_URI=uri)
    assert ours.returncode == 0, ours.stderr
    assert "ran ['0.5', \"it's\", '--seed', '1']" in ours.stdout
    (place,) = (entry.parent for entry in (tmp_path / "mlruns").glob("0/*/meta.yaml"))
    with separate_tracking(tmp_path):
        (found,) = pegboard.search_runs(output_format="list")
        names = {file.path for file in pegboard.artifacts.list_artifacts(run_id=found.info.run_id)}
    tags, expected = dict(found.data.tags), files(place / "tags")
    assert found.info.status == "FINISHED"
    assert set(expected) - set(tags) == set()
    assert {key: tags[key] for key in expected.keys() - OWN} == {
        key: expected[key] for key in expected.keys() - OWN
    }
    assert {key for key in tags if key.startswith("mlflow.")} - set(expected) <= OWN
    # MLflow logs what the shell gets; we what was given.
    assert files(place / "params") == {**found.data.params, "text": "'it'\"'\"'s'"}
    assert found.data.params["text"] == "it's"
    assert found.data.metrics == {"alpha": 0.5}
    assert names == {"said.txt", "project"}


STEPS = """
import sys
import mlflow
from mlflow.entities import RunStatus
from mlflow.tracking.fluent import _get_experiment_id
from mlflow.utils import mlflow_tags

def already_ran(entry_point, parameters, commit):
    client = mlflow.MlflowClient()
    for run in reversed(client.search_runs([_get_experiment_id()])):
        tags = run.data.tags
        if tags.get(mlflow_tags.MLFLOW_PROJECT_ENTRY_POINT) != entry_point:
            continue
        if any(run.data.params.get(key) != value for key, value in parameters.items()):
            continue
        if run.info.to_proto().status != RunStatus.FINISHED:
            continue
        if tags.get(mlflow_tags.MLFLOW_GIT_COMMIT) == commit:
            return client.get_run(run.info.run_id)

def get_or_run(entry_point, parameters, commit, use_cache=True):
    found = already_ran(entry_point, parameters, commit)
    if use_cache and found:
        return found
    submitted = mlflow.run(".", entry_point, parameters=parameters, env_manager="local")
    return mlflow.MlflowClient().get_run(submitted.run_id)

with mlflow.start_run() as active:
    commit = active.data.tags.get(mlflow_tags.MLFLOW_GIT_COMMIT)
    load = get_or_run("load", {}, commit)
    # An int, as in the public one: it never equals the text that is stored.
    etl = get_or_run("etl", {"data": load.info.run_id, "rows": int(sys.argv[1])}, commit)
    als = get_or_run("als", {"data": etl.info.run_id, "iterations": "10"}, commit)
    get_or_run("last", {"data": als.info.run_id}, commit, use_cache=False)
"""
MULTISTEP = """
name: multistep
entry_points:
  load: {command: "true"}
  etl: {parameters: {data: string, rows: {type: int, default: 100}}, command: "true"}
  als: {parameters: {data: string, iterations: {type: int, default: 10}}, command: "true"}
  last: {parameters: {data: string}, command: "true"}
  main: {parameters: {rows: {type: int, default: 100}}, command: "python main.py {rows}"}
"""


def test_a_script_that_drives_steps_with_mlflow_finds_those_that_ran(tmp_path: Path) -> None:
    repository(tmp_path, MLproject=MULTISTEP, main_py=STEPS)
    peer = interpreter("mlflow-2").parent
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PEGBOARD_"))}
    variables = {**kept, "PATH": f"{peer}{os.pathsep}{os.environ['PATH']}"}
    uri = f"sqlite:{tmp_path}/runs.db"
    program = str(Path(sys.executable).with_name("pegboard"))
    words = [program, "--tracking-uri", uri, "run", "work/deep", "--env-manager", "local"]
    counts = []
    for _ in range(2):
        subprocess.run(words, cwd=tmp_path, env=variables, check=True, timeout=600)
        with separate_tracking(tmp_path):
            pegboard.set_tracking_uri(uri)
            found = pegboard.search_runs(output_format="list")
        counts.append(len(found))
    assert counts == [5, 9]
    assert {run.info.status for run in found} == {"FINISHED"}
    main = {r.info.run_id for r in found if r.data.tags["mlflow.project.entryPoint"] == "main"}
    assert {run.data.tags.get("mlflow.parentRunId") for run in found} == {None, *main}
