"""Workflows that run: what is taken from earlier runs, what is left to do, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pegboard
import pytest
from click.testing import CliRunner
from pegboard.cli.shell import cli
from pegboard.entities import Run
from pegboard_projects import rerunning
from pegboard_projects.errors import ExecutionException, ProjectError
from pegboard_projects.running import session
from pegboard_projects.scheduling import check_request
from pegboard_scripting.client import Client
from pegboard_workflows import carrying_out, names
from pegboard_workflows.api import WorkflowRun, plan, run
from pegboard_workflows.carrying_out import Hearing, resumed

from .conftest import write

PEGBOARD = Path(sys.executable).with_name("pegboard")
THREE = """
name: three
params: {rates: [a, b, c], size: 10}
steps:
  load:
    command: "seq {size} > $PEGBOARD_OUTPUTS/rows.txt"
    params: {size: "${params.size}"}
    outputs: [rows.txt]
  train:
    foreach: "${params.rates}"
    concurrency: 1
    command: "test $BROKEN != {rate} && cat {rows} > $PEGBOARD_OUTPUTS/model"
    params: {rate: "${item}"}
    inputs: {rows: load.rows.txt}
    outputs: {fitted: model}
  best:
    command: "wc -l {models} > $PEGBOARD_OUTPUTS/best.txt"
    inputs: {models: train.fitted}
    outputs: [best.txt]
"""


def states(done: WorkflowRun) -> dict[str, str]:
    """Return the state of each task, and of steps without any."""
    found = {}
    for step in done.steps:
        found |= {task.label: str(task.state) for task in step.tasks.values()}
        if not step.tasks:
            found[step.name] = str(step.state)
    return found


def runs() -> list[Run]:
    found = pegboard.search_runs(search_all_experiments=True, output_format="list")
    assert isinstance(found, list)
    return found


def task_of(done: WorkflowRun, label: str) -> str:
    """Return the run of a task."""
    run_id = next(s.tasks[label].run_id for s in done.steps if label in s.tasks)
    assert run_id is not None
    return run_id


def said(*words: str) -> str:
    """Return what a command about workflows says."""
    result = CliRunner().invoke(cli, ["workflows", *words], prog_name="pegboard")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_what_failed_is_done_again_and_nothing_else(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place / "p", THREE)
    monkeypatch.setenv("BROKEN", "b")
    with pytest.raises(ExecutionException, match=r"train\[b\] failed: Its exit code is 1") as error:
        run("p", storage_dir="shared")
    # What is given is kept there, what was made is not: it is in the store.
    assert [path.name for path in (place / "shared").glob("*/*")] == ["rows.txt"] * 3
    first = {run.info.run_id: run for run in runs()}
    outer = next(run for run in first.values() if names.KEY not in run.data.tags)
    assert outer.info.run_id in str(error.value)
    assert outer.info.status == "FAILED"
    assert outer.data.params == {"rates": '["a", "b", "c"]', "size": "10"}
    tried = {run.data.tags[names.TASK]: run for run in first.values() if run is not outer}
    assert {label: run.info.status for label, run in tried.items()} == {
        "load": "FINISHED",
        "train[a]": "FINISHED",
        "train[b]": "FAILED",
        "train[c]": "FINISHED",
    }
    for each in tried.values():
        assert each.data.tags["mlflow.parentRunId"] == outer.info.run_id
    trained = sorted(
        (run.info.start_time, run.info.end_time or 0)
        for label, run in tried.items()
        if label != "load"
    )
    assert all(ended <= began for (_, ended), (began, _) in pairwise(trained))

    monkeypatch.setenv("BROKEN", "none")
    done = carrying_out.run(resumed(outer.info.run_id), Hearing())
    assert done.run_id == outer.info.run_id
    assert states(done) == {
        "load": "unchanged",
        "train[a]": "unchanged",
        "train[b]": "finished",
        "train[c]": "unchanged",
        "best": "finished",
    }
    assert len(runs()) == len(first) + 2
    assert pegboard.get_run(done.run_id).info.status == "FINISHED"
    text = pegboard.artifacts.load_text(f"runs:/{task_of(done, 'best')}/best.txt")
    assert [line.split()[0] for line in text.splitlines()] == ["10", "10", "10", "30"]
    svg = pegboard.artifacts.load_text(f"runs:/{done.run_id}/{names.GRAPH}")
    assert "train: 1 finished, 2 unchanged" in svg
    with pytest.raises(pegboard.PegboardError, match="nothing left to do"):
        resumed(done.run_id)
    (row,) = json.loads(said("list", "--json"))
    assert (row["run_id"], row["workflow"], row["status"]) == (done.run_id, "three", "FINISHED")
    assert done.run_id in said("list")
    shown = json.loads(said("show", done.run_id[:12], "--json"))
    assert shown == [step.plain() for step in done.steps]
    assert "train[b]" in said("show", "three")
    drawn = said("graph", "--run", "three")
    assert drawn.splitlines()[1] == "✓ train  1 finished, 2 unchanged  ← load"
    said("graph", "--run", "three", "--format", "svg", "-o", "graph.svg")
    assert Path("graph.svg").read_text() == svg

    # What a step ran is run again by itself, with the files that it was given.
    request = rerunning.read(Client(), task_of(done, "train[b]")).request()
    with session() as within:
        again = check_request(within, request)
    load = task_of(done, "load")
    assert again.values == {"rate": "b", "rows": f"runs:/{load}/rows.txt"}
    assert again.command.startswith("test $BROKEN != b && cat /")


BEFORE = """
name: before
params: {rate: 0.1}
steps:
  load:
    run: load.sh
    code: [load.sh]
    params: {flag: true, word: "it's ${params.rate}$${x}"}
    outputs: [data]
  middle:
    run: take
    params: {rate: "${params.rate}", count: 3}
    inputs: {data: load.data, own: own.txt}
    outputs: [out]
    code: [take.sh]
  last:
    command: "cat {out}"
    inputs: {out: middle.out}
    code: [take.sh]
"""
MLPROJECT = """
entry_points:
  take:
    parameters: {data: path, rate: float, count: int}
    command: "bash take.sh {data} {rate} {count}"
"""
LOAD = "mkdir $PEGBOARD_OUTPUTS/data; echo rows > $PEGBOARD_OUTPUTS/data/rows\n"
TAKE = "cat $1/rows > $PEGBOARD_OUTPUTS/out\n"

CHANGED: dict[str, tuple[Mapping[str, str], Mapping[str, Any], list[str], str]] = {
    "nothing": ({}, {}, [], "no changes"),
    "the same number": ({"workflow.yaml": BEFORE.replace("rate: 0.1", "rate: 1.0e-1")}, {}, [], ""),
    "a text for a number": ({}, {"rate": "0.10"}, [], ""),
    "a text for a whole number": (
        {"workflow.yaml": BEFORE.replace("count: 3", 'count: "+03"')},
        {},
        [],
        "",
    ),
    "retries and time-outs": (
        {"workflow.yaml": BEFORE.replace("    run:", "    retries: 2\n    timeout: 5m\n    run:")},
        {},
        [],
        "",
    ),
    "a file of nobody's code": ({"other.sh": "x"}, {}, [], ""),
    "a parameter": (
        {},
        {"rate": 0.2},
        ["load", "middle"],
        "the parameter word is it's 0.2${x}, not it's 0.1${x}",
    ),
    "a number": (
        {"workflow.yaml": BEFORE.replace("count: 3", "count: 4")},
        {},
        ["middle"],
        "the parameter count is 4, not 3",
    ),
    "code with the same result": ({"load.sh": f"# new\n{LOAD}"}, {}, ["load"], "load.sh changed"),
    "code with another result": (
        {"load.sh": LOAD.replace("rows >", "more >")},
        {},
        ["load", "middle", "last"],
        "load.sh changed",
    ),
    "a file that is given": ({"own.txt": "2"}, {}, ["middle"], "the input own is another"),
    "a command": (
        {"workflow.yaml": BEFORE.replace("cat {out}", "tac {out}")},
        {},
        ["last"],
        "its command changed",
    ),
    "an entry point": (
        {"MLproject": MLPROJECT.replace("bash", "bash -e")},
        {},
        ["middle"],
        "its command changed",
    ),
    "force": ({}, {"force": True}, ["load", "middle", "last"], "it was asked for"),
}


def test_a_step_runs_again_if_and_only_if_what_it_is_made_of_changed(place: Path) -> None:
    files = {"load.sh": LOAD, "take.sh": TAKE, "own.txt": "1", "MLproject": MLPROJECT}
    folder = write(place / "p", BEFORE)
    for name, text in files.items():
        (folder / name).write_text(text)
    assert [each.reason for each in plan("p")] == ["it has not run yet"] * 3
    first = run("p")
    params = pegboard.get_run(task_of(first, "load")).data.params
    assert params == {"flag": "True", "word": "it's 0.1${x}"}
    given = pegboard.get_run(task_of(first, "middle")).data.params
    assert given["data"] == f"runs:/{task_of(first, 'load')}/data"
    files["workflow.yaml"] = BEFORE
    for what, (others, options, expected, reason) in CHANGED.items():
        for name, text in {**files, **others}.items():
            (folder / name).write_text(text)
        words = dict(options)
        force = words.pop("force", False)
        planned = {each.task.label: each for each in plan("p", words, force=force)}
        done = run("p", words, force=force)
        ran = [label for label, state in states(done).items() if state == "finished"]
        assert ran == expected, what
        first_ran = planned[expected[0] if expected else "last"]
        assert first_ran.runs == bool(expected), what
        assert reason in " ".join(each.reason for each in planned.values()), what
        # Back to how it was, which finished before: nothing runs.
    for name, text in files.items():
        (folder / name).write_text(text)
    assert not any(each.runs for each in plan("p"))
    latest = plan("p")[0].run
    assert latest is not None
    lost = Client().artifacts(latest.info.run_id).local_path("data")
    assert lost is not None
    (lost / "rows").unlink()
    lost.rmdir()
    decisions = plan("p")
    assert [each.reason for each in decisions][:2] == [
        "its output data is gone",
        "if load gives another result",
    ]


VALUES = """
name: values
steps:
  split:
    command: |
      python -c '
      import pegboard
      with pegboard.start_run(): pegboard.log_metric("rows", 12); pegboard.log_param("kind", "wide")
      '
      echo '[1, 2]' > $PEGBOARD_OUTPUTS/parts.json
    outputs: {parts: parts.json}
  part:
    foreach: {part: "${steps.split.outputs.parts}", colour: [red]}
    command: "echo"
    params: {part: "${item.part}", text: "${item.colour} of ${steps.split.metrics.rows}"}
    retries: 1
    needs: split
  after:
    command: "test {rows} = 12 -a {kind} = wide && sleep {seconds}"
    params: {rows: "${steps.split.metrics.rows}", kind: "${steps.split.params.kind}", seconds: 600}
    timeout: 0.2s
  wrong:
    run: said.sh
    outputs: [nothing.txt]
  second:
    command: "test -e {mark} || { touch {mark}; exit 4; }"
    params: {mark: "${params.mark}"}
    retries: 2
  late:
    command: "true"
    params: {x: "${steps.split.metrics.none}"}
params: {mark: null}
"""


def test_values_come_from_other_steps_and_ends_are_told(place: Path) -> None:
    text = VALUES.replace("|| { ", "|| {{ ").replace("; }", "; }}")
    write(place / "p", text, said_sh="echo said")
    planned = {each.task.label: each.reason for each in plan("p", {"mark": "m"})}
    assert planned["part[…]"] == "it has not run yet"
    with pytest.raises(ProjectError, match="no value is given for mark"):
        run("p")
    with pytest.raises(ExecutionException) as error:
        run("p", {"mark": str(place / "mark")})
    run_id = str(error.value).split()[3]
    steps = {step.name: step for step in carrying_out.states_of(Client(), run_id)}
    parts = list(steps["part"].tasks)
    assert parts == ["part[part=1,colour=red]", "part[part=2,colour=red]"]
    part = steps["part"].tasks[parts[1]].run_id
    assert pegboard.get_run(part).data.params == {"part": "2", "text": "red of 12"}
    assert steps["after"].tasks["after"].reason == "It ran for longer than 0.2 s, its limit."
    assert "It gave no 'nothing.txt'" in steps["wrong"].tasks["wrong"].reason
    wrong = pegboard.get_run(steps["wrong"].tasks["wrong"].run_id)
    assert wrong.info.status == "FAILED"
    assert steps["second"].state == "finished"
    assert steps["second"].tasks["second"].attempts == 2
    assert "has no metric 'none'" in steps["late"].reason
    assert steps["late"].state == "failed"


def test_a_workflow_comes_from_a_repository_at_a_version(place: Path) -> None:
    folder = write(place / "repository/deep", "steps: {say: {command: cat word.txt}}", word_txt="1")

    def git(*words: str) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        done = subprocess.run(
            ["git", *names, *words],
            cwd=folder,
            env=clean,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "-q", str(folder.parent))
    git("add", ".")
    git("commit", "-qm", "x")
    git("tag", "v1")
    (folder / "word.txt").write_text("2")
    git("commit", "-qam", "y")
    address = f"{folder.parent.as_uri()}#deep"
    texts = {}
    for version in ("v1", None, "v1"):
        done = run(address, version=version)
        found = pegboard.get_run(task_of(done, "say"))
        texts[found.data.tags["mlflow.source.git.commit"]] = pegboard.artifacts.load_text(
            f"runs:/{found.info.run_id}/project/log.txt"
        )
    assert texts == {git("rev-parse", "v1"): "1", git("rev-parse", "HEAD"): "2"}
    assert states(done) == {"say": "unchanged"}


def test_a_signal_ends_all_tasks_and_marks_their_runs(place: Path) -> None:
    endless = "trap '' TERM; setsid sleep 600 & echo $! > {file}; sleep 600"
    text = f"""
steps:
  a: {{command: "{endless}", params: {{file: {place}/a}}}}
  b: {{command: "{endless}", params: {{file: {place}/b}}}}
  c: {{command: "true", needs: [a, b]}}
"""
    write(place / "p", text)
    (place / "pegboard.toml").write_text("[plugins.projects]\ngrace_seconds = 0\n")
    uri = f"sqlite:{place}/runs.db"
    words = [str(PEGBOARD), "--tracking-uri", uri, "workflows", "run", "p", "--json"]
    process = subprocess.Popen(
        words, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pids = []
    for name in ("a", "b"):
        while not (place / name).exists() or not (place / name).read_text().strip():
            assert process.poll() is None
        pids.append((place / name).read_text().strip())
    process.send_signal(signal.SIGTERM)
    said, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, told
    assert "KILLED after" in told
    found = json.loads(said)
    assert [step["state"] for step in found["steps"]] == ["killed", "killed", "waiting"]
    assert [run.info.status for run in runs()] == ["KILLED"] * 3
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_a_killed_process_left_is_ended_before_its_run_goes_on(place: Path) -> None:
    text = f"""
steps:
  first: {{command: "true"}}
  long:
    command: "echo $$ >> {place}/pids; test -e {place}/quick || sleep 600"
    needs: [first]
"""
    write(place / "p", text)
    (place / "pegboard.toml").write_text("[plugins.projects]\ngrace_seconds = 0\n")
    program = [str(PEGBOARD), "--tracking-uri", f"sqlite:{place}/runs.db", "workflows"]
    with subprocess.Popen([*program, "run", "p"], cwd=place, stderr=subprocess.DEVNULL) as process:
        while not (place / "pids").exists() or not (place / "pids").read_text().strip():
            assert process.poll() is None
        [parent] = [run for run in runs() if "pegboard.workflow.step" not in run.data.tags]
        resume = [*program, "resume", parent.info.run_id]
        refused = subprocess.run(resume, cwd=place, capture_output=True, text=True, check=False)
        assert "This workflow is being carried out by another process." in refused.stderr
        process.kill()
    (place / "quick").touch()
    done = subprocess.run(resume, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    left, _ = (place / "pids").read_text().split()
    stat = Path(f"/proc/{left}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
    found = [(run.info.run_name, run.info.status) for run in runs()]
    assert sorted(found) == [
        ("first", "FINISHED"), ("long", "FINISHED"), ("long", "KILLED"), ("p", "FINISHED"),
    ]  # fmt: skip
