"""Runs of projects: what is recorded, how they end, and what leaves no run behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard.entities import Run
from pegboard.errors import PegboardError
from pegboard_projects import api, running
from pegboard_projects.cancelling import by_signals
from pegboard_projects.planning import Request
from pegboard_projects.recording import Place

from .conftest import git, project

PEGBOARD = Path(sys.executable).with_name("pegboard")
MAIN = """
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
      text: {type: string, default: ""}
    command: "python train.py {alpha} {text}"
"""
ENDLESS = 'entry_points:\n  main: {command: "sleep 600"}\n'
TRAIN = """
import os, sys, pegboard
with pegboard.start_run() as run:
    pegboard.log_metric("alpha", float(sys.argv[1]))
print(run.info.run_id, sys.argv[1:], os.getcwd())
"""


def runs() -> list[Run]:
    found = pegboard.search_runs(search_all_experiments=True, output_format="list")
    assert isinstance(found, list)
    return sorted(found, key=lambda run: run.info.start_time)


def text(run_id: str, path: str) -> str:
    return pegboard.artifacts.load_text(f"runs:/{run_id}/project/{path}")


def test_a_run_holds_what_ran_and_what_it_said(place: Path) -> None:
    folder = project(place / "one", MLproject=MAIN, train_py=TRAIN)
    git(place, "init", "-q", "one")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x")
    (folder / "train.py").write_text(TRAIN + "# changed\n")
    done = pegboard.run(
        "one", parameters={"alpha": 0.25, "text": "it's", "seed": "a=b"}, experiment_name="tests"
    )
    assert done.get_status() == "FINISHED"
    (run,) = runs()
    assert run.info.run_id == done.run_id
    assert run.data.params == {"alpha": "0.25", "text": "it's", "seed": "a=b"}
    assert run.data.metrics == {"alpha": 0.25}
    tags = run.data.tags
    assert tags["mlflow.source.name"] == folder.as_uri()
    assert tags["mlflow.source.type"] == "PROJECT"
    assert tags["mlflow.project.entryPoint"] == "main"
    assert tags["mlflow.project.backend"] == "local"
    assert tags["mlflow.source.git.commit"] == git(folder, "rev-parse", "HEAD")
    assert tags["mlflow.source.git.dirty"] == "true"
    assert tags["pegboard.project.exit_code"] == "0"
    said = text(done.run_id, "log.txt")
    assert said == done.logs()
    assert said.split()[0] == done.run_id
    assert said.rstrip().endswith(str(folder))
    assert "+# changed" in text(done.run_id, "uncommitted.patch")
    record = json.loads(text(done.run_id, "project.json"))
    assert record["command"] == """python train.py 0.25 'it'"'"'s' --seed a=b"""
    assert record["ended"]["exit_code"] == 0
    assert record["ended"]["cpu_seconds"] > 0


def test_a_failure_is_told_and_recorded(place: Path) -> None:
    project(place / "p", MLproject="entry_points: {main: {command: echo so; exit 3}}")
    with pytest.raises(api.ExecutionException, match="exit code is 3") as caught:
        pegboard.run("p")
    assert caught.value.code == 3
    (run,) = runs()
    assert run.info.status == "FAILED"
    assert text(run.info.run_id, "log.txt") == "so\n"


WRONG: dict[str, dict[str, Any]] = {
    "no folder": {"uri": "nowhere"},
    "not an address": {"uri": "--upload-pack=touch x"},
    "a transport that runs programs": {"uri": "ext::sh -c touch% x"},
    "an unknown scheme": {"uri": "s3://bucket/project"},
    "a git repository that is not there": {"uri": "file:///nowhere/x.git"},
    "a page of GitHub": {"uri": "https://github.com/a/b/tree/main/c"},
    "an archive that is not there": {"uri": "nowhere.zip"},
    "a folder that is not there": {"uri": "p#sub"},
    "a folder above": {"uri": "p#../p"},
    "a version of a folder": {"version": "main"},
    "a version that is an option": {"version": "-x"},
    "an entry point that is not there": {"entry_point": "mian"},
    "a script above": {"entry_point": "../x.py"},
    "a script that is not there": {"entry_point": "x.py"},
    "no value": {"parameters": {}},
    "not a number": {"parameters": {"data": "p", "alpha": "abc"}},
    "a path that is not there": {"parameters": {"data": "nowhere"}},
    "a run that is not there": {"parameters": {"data": "runs:/" + "0" * 32 + "/x"}},
    "a key for the shell": {"parameters": {"data": "p", "x; touch y": "1"}},
    "an unknown runner": {"backend": "nowhere"},
    "an unknown key of the runner": {"backend_config": {"nothing": 1}},
    "a runner's limit below zero": {"backend_config": {"time_seconds": -1}},
    "a configuration that is not there": {"backend_config": "nowhere.json"},
    "an unknown environment manager": {"env_manager": "poetry"},
    "an experiment that is not there": {"experiment_id": "12345"},
    "two experiments": {"experiment_id": "0", "experiment_name": "x"},
    "a run to go on in that is not there": {"run_id": "0" * 32},
    "a command with a brace": {"entry_point": "brace"},
    "a command that uses what is not declared": {"entry_point": "undeclared"},
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_before_there_is_a_run(given: dict[str, Any], place: Path) -> None:
    project(
        place / "p",
        MLproject="entry_points:\n  main:\n    parameters: {data: path, alpha: "
        "{type: float, default: 1}}\n    command: touch ran\n"
        "  brace: {command: 'echo {'}\n  undeclared: {command: 'echo {x}'}\n",
    )
    arguments = {"uri": "p", "parameters": {"data": "p"}, **given}
    with pytest.raises(PegboardError) as caught:
        pegboard.run(**arguments)
    assert caught.value.message
    assert runs() == []
    left = {file.name for file in place.rglob("*") if "db" not in file.name}
    assert left == {"p", "MLproject"}


FAILING = {
    "a command that is not there": ("no-such-command", 127),
    "a syntax error": ("if", 2),
    "a signal of its own": ("kill -9 $$", 137),
    "a folder that goes away": ("rm -rf $PWD; exit 5", 5),
    "output that is not text": (r"printf '\xff\x00'; exit 1", 1),
}


@pytest.mark.parametrize(("command", "code"), FAILING.values(), ids=FAILING)
def test_what_fails_later_ends_its_run(command: str, code: int, place: Path) -> None:
    escaped = json.dumps(command)
    project(place / "p", MLproject=f"entry_points: {{main: {{command: {escaped}}}}}")
    with pytest.raises(api.ExecutionException):
        pegboard.run("p")
    (run,) = runs()
    assert run.info.status == "FAILED"
    assert run.info.end_time is not None
    assert run.data.tags["pegboard.project.exit_code"] == str(code)


def test_all_faults_are_told_together(place: Path) -> None:
    project(
        place / "p",
        MLproject="entry_points: {main: {parameters: {a: float, b: int, c: path}, command: x}}",
    )
    with pytest.raises(PegboardError) as caught:
        pegboard.run("p", parameters={"a": "x", "b": "1.5", "bad key": 1})
    for expected in ("no value is given for c", "a is 'x'", "b is '1.5'", "'bad key'"):
        assert expected in str(caught.value)


def test_without_waiting_a_handle_tells_and_cancels(place: Path) -> None:
    project(place / "p", MLproject="entry_points: {main: {command: 'echo on; sleep 600'}}")
    handle = pegboard.run("p", synchronous=False)
    assert handle.get_status() == "RUNNING"
    assert handle.wait(0) is False
    handle.cancel()
    assert handle.wait(60) is False
    assert handle.get_status() == "KILLED"
    assert [run.info.status for run in runs()] == ["KILLED"]


def test_a_project_in_an_active_run_is_nested_in_it(place: Path) -> None:
    project(place / "p", MLproject="entry_points: {main: {command: 'true'}}")
    with pegboard.start_run() as parent:
        child = pegboard.run("p", run_name="step")
    tags = pegboard.get_run(child.run_id).data.tags
    assert tags["mlflow.parentRunId"] == parent.info.run_id
    assert tags["mlflow.runName"] == "step"


def test_paths_are_absolute_and_those_of_runs_are_fetched(place: Path) -> None:
    with pegboard.start_run() as source:
        pegboard.log_text("from a run", "data/x.txt")
    (place / "here.txt").write_text("from here")
    parameters = "{a: path, b: path, c: {type: path, default: own.txt}}"
    folder = project(
        place / "p",
        MLproject=f"entry_points: {{main: {{parameters: {parameters}, command: "
        "'cat {a} {b} {c}'}}",
        own_txt="from the project",
    )
    given = {"a": f"runs:/{source.info.run_id}/data/x.txt", "b": "here.txt"}
    done = pegboard.run(str(folder), parameters=given)
    assert done.logs() == "from a runfrom herefrom the project"
    assert pegboard.get_run(done.run_id).data.params == {**given, "c": "own.txt"}


UNUSED = {
    "options of a container": {"docker_args": {"memory": "2g"}},
    "an image to build": {"build_image": True},
}


@pytest.mark.parametrize("given", UNUSED.values(), ids=UNUSED)
def test_what_would_have_no_effect_is_refused(place: Path, given: dict[str, Any]) -> None:
    project(place / "p", MLproject=MAIN, train_py=TRAIN)
    with pytest.raises(PegboardError, match="would have no effect: the run is in no container"):
        pegboard.run("p", **given)
    assert runs() == []


def test_a_run_that_goes_on_stays_in_its_experiment_and_takes_its_new_name(place: Path) -> None:
    project(place / "p", MLproject='entry_points:\n  main: {command: "true"}\n')
    with pegboard.start_run() as before:
        pass
    run_id = before.info.run_id
    with pytest.raises(PegboardError, match=f"The run '{run_id}' is of the experiment 0, not"):
        pegboard.run("p", run_id=run_id, experiment_name="another")
    pegboard.run("p", run_id=run_id, experiment_id="0", run_name="renamed")
    assert [run.info.run_name for run in runs()] == ["renamed"]


STEPS = """
import sys
import pegboard as mlflow

def step(entry_point, parameters, use_cache=True):
    for run in mlflow.MlflowClient().search_runs(["0"]):
        same = all(run.data.params.get(key) == value for key, value in parameters.items())
        named = run.data.tags.get("mlflow.project.entryPoint") == entry_point
        commit = run.data.tags.get("mlflow.source.git.commit")
        if use_cache and same and named and commit == here and run.info.status == "FINISHED":
            return run
    return mlflow.get_run(mlflow.run(".", entry_point, parameters=parameters).run_id)

with mlflow.start_run() as active:
    here = active.data.tags.get("mlflow.source.git.commit")
    loaded = step("load", {})
    # An int, as in the public one: it never equals the text that is stored.
    etl = step("etl", {"data": loaded.info.artifact_uri, "rows": int(sys.argv[1])})
    als = step("als", {"data": etl.info.artifact_uri, "iterations": "10"})
    step("last", {"data": als.info.artifact_uri}, use_cache=False)
"""
STEP = "python -c 'import pegboard; pegboard.start_run(); pegboard.log_text(str(1), str(2))'"
MULTISTEP = f"""
entry_points:
  main: {{parameters: {{rows: {{type: int, default: 100}}}}, command: "python main.py {{rows}}"}}
  load: {{command: "{STEP}"}}
  etl: {{parameters: {{data: path, rows: int}}, command: "{STEP}"}}
  als: {{parameters: {{data: path, iterations: int}}, command: "{STEP}"}}
  last: {{parameters: {{data: path}}, command: "{STEP}"}}
"""


def test_a_script_of_steps_makes_as_many_runs_as_with_mlflow(place: Path) -> None:
    project(place / "p", MLproject=MULTISTEP, main_py=STEPS)
    pegboard.run("p", env_manager="local")
    first = runs()
    assert len(first) == 5
    main = next(run for run in first if run.data.tags["mlflow.project.entryPoint"] == "main")
    parents = [run.data.tags.get("mlflow.parentRunId") for run in first if run is not main]
    assert parents == [main.info.run_id] * 4
    pegboard.run("p", env_manager="local")
    assert len(runs()) == 5 + 4
    assert {run.info.status for run in runs()} == {"FINISHED"}


def test_the_command_passes_on_the_code_and_ends_the_tree(place: Path) -> None:
    command = "trap 'exit 9' TERM; setsid sleep 600 & echo $! > pid; while :; do sleep 0.05; done"
    yaml = f'entry_points:\n  main: {{command: "{command}"}}\n  bad: {{command: exit 5}}\n'
    folder = project(place / "p", MLproject=yaml)
    words = [str(PEGBOARD), "--tracking-uri", f"sqlite:{place}/runs.db", "run", "p"]
    with subprocess.Popen([*words, "-e", "bad"], cwd=place) as failing:
        pass
    assert failing.returncode == 5
    process = subprocess.Popen(words, cwd=place, stderr=subprocess.PIPE, text=True)
    file = folder / "pid"
    while not (file.exists() and file.read_text().strip()):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "KILLED" in said
    stat = Path(f"/proc/{file.read_text().strip()}/stat")
    # Whoever it was left to may not have heard of its end yet.
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
    assert [run.info.status for run in runs()] == ["FAILED", "KILLED"]


def test_a_log_that_finds_no_room_is_told_and_ends_nothing(place: Path) -> None:
    yaml = "entry_points: {main: {command: 'head -c 3000000 /dev/zero'}}"
    project(place / "p", MLproject=yaml)
    words = [str(PEGBOARD), "--tracking-uri", f"sqlite:{place}/runs.db", "run", "p"]
    limited = ["bash", "-c", 'ulimit -f 1500; exec "$@"', "-", *words]
    done = subprocess.run(limited, cwd=place, capture_output=True)
    assert b"The log is not complete: File too large." in done.stderr
    assert (done.returncode, len(done.stdout)) == (0, 3_000_000)
    (run,) = runs()
    assert run.info.status == "FINISHED"
    record = pegboard.artifacts.load_text(f"runs:/{run.info.run_id}/project/project.json")
    assert "not complete" in json.loads(record)["ended"]["log"]


def test_a_signal_ends_what_has_begun_and_else_makes_no_run(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request(uri=str(project(place / "p", MLproject=ENDLESS)))

    def ask(*_: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    with by_signals() as cancelling:
        running.start(request, Place(), show=None, told=ask, cancelling=cancelling)
        assert cancelling.wait() == signal.SIGTERM
    assert [run.info.status for run in runs()] == ["KILLED"]
    monkeypatch.setattr(running, "code_of", ask)  # While it is looked at, and no run is there.
    with by_signals() as cancelling, pytest.raises(KeyboardInterrupt):
        running.start(request, Place(), show=None, cancelling=cancelling)
    assert len(runs()) == 1


def test_a_dry_run_tells_all_and_makes_nothing(place: Path) -> None:
    project(place / "p", MLproject=MAIN, train_py=TRAIN)
    uri = f"sqlite:{place}/other.db"
    words = [str(PEGBOARD), "--tracking-uri", uri, "run", "p", "-P", "alpha=1", "--dry-run"]
    done = subprocess.run([*words, "--json"], cwd=place, capture_output=True, text=True)
    found = json.loads(done.stdout)
    assert found["command"] == "python train.py 1 ''"
    assert (found["env_manager"], found["environment_is_there"]) == ("local", True)
    assert not (place / "other.db").exists()
