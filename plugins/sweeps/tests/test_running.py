"""Sweeps are carried out, stop what is bad, and go on wherever they were broken off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pegboard
import pytest
from click.testing import CliRunner
from pegboard.cli.shell import cli
from pegboard.entities import Run
from pegboard.errors import InvalidState, PegboardError
from pegboard_sweeps import api

SECONDS = 60.0
PEGBOARD = Path(sys.executable).with_name("pegboard")


def write(place: Path, sweep: dict[str, Any], script: str = "") -> Path:
    """Write a sweep of a shell script, which gets its parameters as variables."""
    (place / "trial.sh").write_text(f'. "$(dirname "$0")/log.sh"\nexport "$@"\n{script}')
    command = ["bash", "${program}", "${args_no_hyphens}"]
    content = {"program": "trial.sh", "command": command, "metric": {"name": "loss"}, **sweep}
    file = place / "sweep.yaml"
    file.write_text(json.dumps(content))
    return file


def runs() -> list[Run]:
    found = pegboard.search_runs(search_all_experiments=True, output_format="list")
    assert isinstance(found, list)
    return found


def trials_of(run_id: str) -> dict[int, list[Run]]:
    """Return the runs of each trial."""
    found: dict[int, list[Run]] = {}
    for run in runs():
        if run.data.tags.get("mlflow.parentRunId") == run_id:
            found.setdefault(int(run.data.tags["pegboard.sweep.trial"]), []).append(run)
    return found


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


GRID = {
    "method": "grid",
    "name": "all of them",
    "description": "A note.",
    "project": "wines",
    "concurrency": 2,
    "parameters": {"x": {"values": [3, 1, 2, 0, 4]}, "word": {"value": "it's"}},
}
SOME = """
test "$word" = "it's" || exit 9
case $x in 0) echo so it is; exit 3;; 4) log 1 0 los; exit 0;; esac
log $x.5 0
"""


def test_a_grid_is_tried_and_the_best_is_told(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(place, GRID, SOME)
    done = api.run(file)
    assert (done.status, done.best and done.best.value) == ("FINISHED", 1.5)
    parent = pegboard.get_run(done.run_id)
    assert pegboard.get_experiment(parent.info.experiment_id).name == "wines"
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", "all of them")
    assert parent.data.params == {"sweep.x": "3, 1, 2, 0, 4", "sweep.word": "it's"}
    assert parent.data.metrics == {"best_loss": 1.5}
    assert parent.data.tags["mlflow.note.content"] == "A note."
    children = {number: found for number, (found,) in trials_of(done.run_id).items()}
    assert parent.data.tags["pegboard.sweep.best_run"] == children[2].info.run_id
    assert pegboard.artifacts.load_text(f"runs:/{done.run_id}/sweep/sweep.yaml") == file.read_text()
    assert {
        number: (run.data.params["x"], run.data.params["word"], run.info.status)
        for number, run in children.items()
    } == {
        1: ("3", "it's", "FINISHED"),
        2: ("1", "it's", "FINISHED"),
        3: ("2", "it's", "FINISHED"),
        4: ("0", "it's", "FAILED"),
        5: ("4", "it's", "FINISHED"),
    }
    said = capsys.readouterr().err
    lines = {line.lstrip(" *")[0]: line for line in said.splitlines()[1:]}
    assert "x=0  Its exit code is 3. so it is" in lines["4"]
    assert "It logged no metric 'loss', but 'los'." in lines["5"]
    assert lines["2"].startswith("* 2  loss 1.5")
    assert "x=1" in lines["2"]
    # A call more has nothing to do; and the best is run again by its own record.
    assert api.run(file).run_id == done.run_id
    assert len(runs()) == 6
    monkeypatch.setenv("PEGBOARD_TRACKING_URI", pegboard.get_tracking_uri())
    assert CliRunner().invoke(cli, ["rerun", children[2].info.run_id]).exit_code == 0
    assert max(runs(), key=lambda run: run.info.start_time).data.metrics == {"loss": 1.5}


FIFTY: dict[str, Any] = {
    "method": "random",
    "run_cap": 50,
    "concurrency": 2,
    "seed": 4,
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}
# Trials that come when a file is there say so, and wait for what never comes.
HANGING = """
echo $x >> tried
if test -e hang; then echo $$ > new.$$; mv new.$$ hanging.$$; sleep 600; fi
test $(wc -l < tried) -ge $(cat most) && touch hang
log $x 0
"""


def test_a_sweep_goes_on_where_it_was_killed_and_where_it_was_ended(place: Path) -> None:
    file = write(place, FIFTY, HANGING)
    words = [str(PEGBOARD), "sweep", file.name]
    environment = {**os.environ, "PEGBOARD_TRACKING_URI": f"sqlite:{place / 'runs.db'}"}
    for number, most in ((signal.SIGKILL, 12), (signal.SIGTERM, 30)):
        (place / "most").write_text(str(most))
        (place / "hang").unlink(missing_ok=True)
        before = set(place.glob("hanging.*"))
        process = subprocess.Popen(
            words, cwd=place, env=environment, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + SECONDS
        # All that run, so that none is late and taken for one of the next process.
        while len(hanging := set(place.glob("hanging.*")) - before) < FIFTY["concurrency"]:
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        with pytest.raises(InvalidState, match="by another process"):
            api.run(file)
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
        assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
        if number == signal.SIGTERM:
            assert "Go on where it stopped: pegboard sweep sweep.yaml" in said
            assert not any(is_alive(int(each.read_text())) for each in hanging)
            assert {run.info.status for run in runs()} == {"FINISHED", "KILLED"}
    (place / "most").write_text("1000")
    (place / "hang").unlink()
    done = api.run(file)
    assert not any(is_alive(int(each.read_text())) for each in place.glob("hanging.*"))
    found = trials_of(done.run_id)
    assert sorted(found) == list(range(1, 51))
    finished = [[run for run in each if run.info.status == "FINISHED"] for each in found.values()]
    assert all(len(each) == 1 for each in finished)
    broken = [each for each in found.values() if len(each) > 1]
    assert {run.info.status for each in broken for run in each} == {"FINISHED", "KILLED"}
    assert all(len({run.data.params["x"] for run in each}) == 1 for each in broken)
    assert 2 <= sum(map(len, broken)) - len(broken) <= 4
    # As if it had never been broken off.
    assert done.best is not None
    assert done.best.value == min(float(each[0].data.params["x"]) for each in finished)
    assert len({run.info.run_id for run in runs() if "pegboard.sweep.digest" in run.data.tags}) == 1


def test_bad_trials_are_stopped_early(place: Path) -> None:
    bad = "echo $$ > bad; log $x 0; log $x 1; sleep 600"
    sweep = {
        "method": "grid",
        "parameters": {"x": {"values": [1, 2, 0]}},
        "early_terminate": {"type": "hyperband", "min_iter": 2},
    }
    good = "log 8 0; log $x 1; log 9 2; log $x 3"
    file = write(place, sweep, f"if test $x = 2; then {bad}; else {good}; fi")
    done = api.run(file)
    assert [str(trial.state) for trial in done.trials] == ["finished", "stopped", "finished"]
    assert (done.status, done.best and done.best.number) == ("FINISHED", 3)
    (run,) = trials_of(done.run_id)[2]
    assert run.info.status == "KILLED"
    assert run.data.tags["pegboard.sweep.stopped"] == (
        "At iteration 2 its best loss was 2: 1 of 2 trials were better."
    )
    assert not is_alive(int((place / "bad").read_text()))


def test_failures_in_a_row_end_a_sweep_and_are_tried_again(place: Path) -> None:
    sweep = {"method": "grid", "max_failures": 2, "parameters": {"x": {"min": 1, "max": 4}}}
    file = write(place, sweep, "test -e mended -o $x = 2 || exit 3; log $x 0")
    with pytest.raises(api.SweepFailed, match="4 trials: 1 finished, 3 failed") as caught:
        api.run(file)
    assert pegboard.get_run(caught.value.run_id).info.status == "FAILED"
    (place / "mended").touch()
    done = api.run(file, retry_failed=True)
    assert done.run_id == caught.value.run_id
    assert (done.status, done.best and done.best.number) == ("FINISHED", 1)
    assert [len(found) for _, found in sorted(trials_of(done.run_id).items())] == [2, 1, 2, 2]
    # A target that is reached ends one; more trials go on with one that is done.
    metric = {"name": "loss", "target": 2}
    more = {**sweep, "method": "random", "metric": None, "run_cap": 1}
    assert len(api.run(write(place, more)).trials) == 1
    assert len(api.run(write(place, {**more, "run_cap": 3})).trials) == 3
    ended = api.run(write(place, {**sweep, "metric": metric}, "log $x 0"), new=True)
    assert len(ended.trials) == 1
    assert len(runs()) == 8 + 1 + 3 + 2


def test_another_machine_is_left_alone(place: Path) -> None:
    space = {"x": {"min": 0.0, "max": 1.0}, "kind": {"values": ["a", "b"]}}
    bayes = {"method": "bayes", "run_cap": 2, "parameters": space}
    file = write(place, bayes, "log $x 0")
    done = api.run(file)
    assert [0 <= (trial.value or -1) <= 1 for trial in done.trials] == [True, True]
    client = pegboard.Client()
    client.set_tag(done.run_id, "pegboard.project.host", "elsewhere")
    client.update_run(done.run_id, "RUNNING")
    with pytest.raises(InvalidState, match="carried out on elsewhere"):
        api.run(file)
    # Of the trials that there are, Optuna proposes one more.
    again = api.run(file, take_over=True, run_cap=3)
    assert (again.run_id, len(again.trials)) == (done.run_id, 3)
    assert again.trials[:2] == done.trials
    assert pegboard.get_run(done.run_id).info.status == "FINISHED"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a program that is not there": ({"program": "trian.py"}, "trian.py"),
    "an entry point that is not there": ({"entry_point": "mian"}, "Did you mean 'main'"),
    "a value that is none": ({"entry_point": "main"}, "x is 'many', which is not a whole number"),
    "a runner that is not there": ({"entry_point": "main", "backend": "moon"}, "'moon'"),
    "a missing parameter": ({"entry_point": "second"}, "no value is given for y"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_run_is_told_before_there_is_a_run(place: Path, name: str) -> None:
    given, expected = WRONG[name]
    (place / "MLproject").write_text(
        'entry_points:\n  main: {parameters: {x: int}, command: "true {x}"}\n'
        '  second: {parameters: {y: int}, command: "true {y}"}\n'
    )
    with pytest.raises(PegboardError) as caught:
        api.run({"method": "grid", "parameters": {"x": {"values": [1, "many"]}}, **given})
    assert expected in str(caught.value)
    assert runs() == []


def test_a_dry_run_says_what_would_be_tried(place: Path) -> None:
    words = ["sweep", str(write(place, GRID, SOME)), "--dry-run", "--run-cap", "2"]
    said = CliRunner().invoke(cli, words)
    assert said.stdout == "1  x=3  word=it's\n2  x=1  word=it's\n"
    assert "grid, 2 trials, 2 at a time, to minimize loss" in said.stderr
    assert json.loads(CliRunner().invoke(cli, [*words, "--json"]).stdout) == {
        "count": 2,
        "known": 0,
        "trials": [
            {"trial": 1, "parameters": {"x": 3, "word": "it's"}},
            {"trial": 2, "parameters": {"x": 1, "word": "it's"}},
        ],
    }
    assert runs() == []
