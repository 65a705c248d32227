from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from pegboard.entities import LifecycleStage, Param

from .conftest import Shell

Names = Callable[[str], str]


def test_a_list_shows_the_metrics_and_the_params_that_differ(filled: Shell) -> None:
    result = filled("runs", "list", "--experiment", "alpha")
    assert result.exit_code == 0
    header, *rows = result.stdout.splitlines()
    assert "r2" in header
    assert "depth" in header
    assert "seed" not in header
    assert [row.split()[0] for row in rows] == ["a2", "a1"]


def test_values_that_are_not_finite_are_shown_as_such(filled: Shell) -> None:
    rows = filled("runs", "list").stdout
    assert "NaN" in rows
    assert "Infinity" in rows
    assert "-Infinity" in rows
    metrics = {run["run_name"]: run["metrics"] for run in filled.json("runs", "list")}
    assert metrics["a1"] == {"r2": 0.5, "loss": "NaN"}
    assert metrics["a2"] == {"r2": 0.3, "loss": "Infinity"}
    assert metrics["b1"] == {"r2": "-Infinity", "loss": 1.0}


def test_a_piped_list_has_whole_ids(filled: Shell, run_id: Names) -> None:
    assert run_id("a1") in filled("runs", "list").stdout


def test_a_list_is_filtered_and_ordered(filled: Shell) -> None:
    found = filled.json("runs", "list", "--filter", "metrics.r2 > 0.2", "--order-by", "metrics.r2")
    assert [run["run_name"] for run in found] == ["a2", "a1"]
    found = filled.json("runs", "list", "--order-by", "params.depth", "--order-by", "metrics.r2")
    assert [run["run_name"] for run in found] == ["b1", "a1", "a2"]


def test_experiments_are_named_by_name_or_id_and_may_be_several(filled: Shell) -> None:
    beta = filled.store.get_experiment_by_name("beta")
    assert beta is not None
    assert len(filled.json("runs", "list", "-x", beta.experiment_id)) == 1
    assert len(filled.json("runs", "list", "-x", "alpha", "-x", "beta")) == 3
    missing = filled("runs", "list", "-x", "gamma")
    assert missing.exit_code == 1
    assert "'gamma'" in missing.stderr


def test_the_limit_is_kept_and_says_that_there_is_more(filled: Shell) -> None:
    result = filled("runs", "list", "--limit", "2")
    assert len(result.stdout.splitlines()) == 3
    assert "--limit" in result.stderr
    assert len(filled.json("runs", "list", "--limit", "2")) == 2
    assert filled("runs", "list", "--limit", "3").stderr == ""


def test_columns_can_be_chosen(filled: Shell) -> None:
    result = filled("runs", "list", "--columns", "name,metrics.*,params.seed,tags.stage")
    header, first, *_ = result.stdout.splitlines()
    assert header.split() == ["Name", "loss", "r2", "seed", "stage"]
    assert first.split() == ["b1", "1", "-Infinity", "42", r"x\ny"]


@pytest.mark.parametrize("names", ["nonsense", "metric.r2", ","])
def test_an_unknown_column_is_bad_input(filled: Shell, names: str) -> None:
    assert filled("runs", "list", "--columns", names).exit_code == 2


def test_a_bad_filter_is_bad_input_and_the_message_points_at_the_column(filled: Shell) -> None:
    result = filled("runs", "list", "--filter", "metrics.r2 >")
    assert result.exit_code == 2
    assert "^" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_empty_result_is_no_error(shell: Shell) -> None:
    result = shell("runs", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert shell.json("runs", "list") == []


def test_deleted_runs_are_seen_on_demand(filled: Shell, run_id: Names) -> None:
    assert filled("runs", "delete", "a1", "b1").exit_code == 0
    names = {
        view: {run["run_name"] for run in filled.json("runs", "list", "--view", view)}
        for view in ("active", "deleted", "all")
    }
    assert names == {"active": {"a2"}, "deleted": {"a1", "b1"}, "all": {"a1", "a2", "b1"}}
    assert filled("runs", "restore", run_id("a1")).exit_code == 0
    assert filled.store.get_run(run_id("a1")).info.lifecycle_stage is LifecycleStage.ACTIVE


def test_nothing_is_deleted_when_one_of_the_runs_is_unknown(filled: Shell) -> None:
    result = filled("runs", "delete", "a1", "unknown")
    assert result.exit_code == 1
    assert len(filled.json("runs", "list")) == 3


# -- finding one run ---------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["a1", "a10", "a1" + "0" * 30])
def test_a_run_is_found_by_its_name_or_the_beginning_of_its_id(
    filled: Shell, run_id: Names, reference: str
) -> None:
    assert filled.json("runs", "show", reference)["run_id"] == run_id("a1")


def test_a_beginning_of_several_ids_is_refused_with_the_choice(
    filled: Shell, run_id: Names
) -> None:
    result = filled("runs", "show", "a")
    assert result.exit_code == 2
    assert run_id("a1") in result.stderr
    assert run_id("a2") in result.stderr


def test_an_underscore_in_the_beginning_of_an_id_stands_for_itself(filled: Shell) -> None:
    assert filled("runs", "show", "a_0").exit_code == 1


@pytest.mark.parametrize("name", ["it's", 'a "b"', "100%", "数据", "-x"])
def test_a_run_of_any_name_is_found(filled: Shell, name: str) -> None:
    filled.store.create_run("0", run_name=name)
    shown = filled("runs", "show", "--json", "--", name)
    assert json.loads(shown.stdout)["run_name"] == name


def test_an_unknown_run_is_an_error_with_a_hint(filled: Shell) -> None:
    result = filled("runs", "show", "nothing")
    assert result.exit_code == 1
    assert "hint: 'pegboard runs list" in result.stderr


# -- one run, and some side by side ------------------------------------------------------------


def test_show_prints_everything_about_a_run(filled: Shell, run_id: Names) -> None:
    filled.write(run_id("a1"), "plots/curve.png", b"x" * 2000)
    filled.write(run_id("a1"), "model.bin", b"x" * 2000)
    text = filled("runs", "show", "a1").stdout
    for expected in ("alpha", "FINISHED", "1.5 s", "NaN", "depth", "patients", "plots/", "2.0 kB"):
        assert expected in text
    assert r"x\ny" in text


def test_show_as_json_has_stable_keys(filled: Shell) -> None:
    shown = filled.json("runs", "show", "a1")
    assert set(shown) == {
        "artifact_uri",
        "datasets",
        "end_time",
        "experiment_id",
        "experiment_name",
        "lifecycle_stage",
        "metrics",
        "params",
        "run_id",
        "run_name",
        "start_time",
        "status",
        "tags",
        "user_id",
        "waiting",
    }
    assert shown["waiting"] is None
    assert shown["tags"]["stage"] == "x\ny"
    assert shown["datasets"][0]["tags"] == {"mlflow.data.context": "training"}


def test_compare_shows_what_differs_and_marks_the_best(filled: Shell, run_id: Names) -> None:
    lines = filled("runs", "compare", "a1", "a2").stdout.splitlines()
    cells = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert cells["params.depth"] == ["3", "5"]
    assert "params.seed" not in cells
    assert cells["metrics.r2"] == ["0.5", "*", "0.3"]
    compared = filled.json("runs", "compare", "a1", "a2")
    assert compared["best"] == {"loss": [], "r2": [run_id("a1")]}
    assert compared["metrics"]["loss"] == {run_id("a1"): "NaN", run_id("a2"): "Infinity"}


def test_what_is_best_can_be_said(filled: Shell, run_id: Names) -> None:
    compared = filled.json("runs", "compare", "a1", "a2", "b1", "--minimize", "r2")
    assert compared["best"]["r2"] == [run_id("b1")]
    assert compared["best"]["loss"] == [run_id("b1")]


def test_compare_shows_all_params_on_demand(filled: Shell) -> None:
    assert set(filled.json("runs", "compare", "a1", "a2", "--all")["params"]) == {"depth", "seed"}


def test_one_run_cannot_be_compared(filled: Shell) -> None:
    assert filled("runs", "compare", "a1").exit_code == 2


# -- export ------------------------------------------------------------------------------------


def test_a_csv_export_has_a_column_for_every_key(filled: Shell) -> None:
    result = filled("runs", "export", "--order-by", "start_time ASC")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["run_name"] for row in rows] == ["a1", "a2", "b1"]
    assert [row["metrics.loss"] for row in rows] == ["NaN", "Infinity", "1.0"]
    assert rows[0]["params.depth"] == "3"
    assert rows[0]["tags.stage"] == "x\ny"


def test_json_lines_hold_one_run_a_line(filled: Shell) -> None:
    result = filled("runs", "export", "--format", "jsonl", "--filter", "metrics.r2 > 0")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {row["run_name"] for row in rows} == {"a1", "a2"}


def test_an_export_of_histories_has_every_point(filled: Shell) -> None:
    result = filled("runs", "export", "--history", "-x", "alpha", "--order-by", "start_time ASC")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == 2 * 2 * 3
    found = [(row["run_name"], row["key"], row["step"], row["value"]) for row in rows[:3]]
    assert found == [
        ("a1", "loss", "0", "0.0"),
        ("a1", "loss", "1", "1.0"),
        ("a1", "loss", "2", "NaN"),
    ]


def test_the_format_follows_the_name_of_the_file(filled: Shell) -> None:
    target = filled.directory / "out.jsonl"
    result = filled("runs", "export", "--history", "-o", str(target))
    assert result.exit_code == 0
    assert "18 points" in result.stderr
    assert len([json.loads(line) for line in target.read_text().splitlines()]) == 18


def test_an_export_that_fails_leaves_the_old_file(filled: Shell) -> None:
    target = filled.directory / "out.csv"
    target.write_text("old")
    assert filled("runs", "export", "-o", str(target), "--filter", "metrics.r2 >").exit_code == 2
    assert filled("runs", "export", "-o", str(filled.directory / "no" / "x.csv")).exit_code == 1
    assert target.read_text() == "old"
    assert [path.name for path in filled.directory.glob(".out*")] == []


def test_an_export_reads_page_by_page(filled: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from pegboard_tracking.commands import common

    monkeypatch.setattr(common, "PAGE", 2)
    result = filled("runs", "export", "--format", "jsonl")
    assert len(result.stdout.splitlines()) == 3
    assert len(filled("runs", "export", "--limit", "1").stdout.splitlines()) >= 2


_UNKNOWN = {
    "metrics.lss < 1": ["No run has a metric 'lss'; there is 'loss'."],
    "metrics.LOSS < 1": ["No run has a metric 'LOSS'; there is 'loss'."],
    "params.dept = '3'": ["No run has a param 'dept'; there is 'depth'."],
    "tags.stages = 'x'": ["No run has a tag 'stages'; there is 'stage'."],
    "metrics.zzz > 1": ["No run has a metric 'zzz'; there are 'loss', 'r2'."],
    "metrics.lss < 1 AND params.dept = '3'": [
        "No run has a metric 'lss'; there is 'loss'.",
        "No run has a param 'dept'; there is 'depth'.",
    ],
    "NOT (metrics.lss < 1 OR metrics.r2 < 9)": ["No run has a metric 'lss'; there is 'loss'."],
    "metrics.r2 > 9": [],
    "metrics.lss IS NULL AND metrics.r2 > 9": [],
    "attributes.run_name = 'nobody'": [],
    "dataset.name = 'nothing'": [],
}


@pytest.mark.parametrize(("filter_text", "said"), _UNKNOWN.items(), ids=_UNKNOWN)
@pytest.mark.parametrize("command", ["list", "list --json", "export"])
def test_a_key_that_no_run_has_is_named_when_nothing_is_found(
    filled: Shell, command: str, filter_text: str, said: list[str]
) -> None:
    result = filled("runs", *command.split(), "--filter", filter_text)
    assert result.exit_code == 0
    found = [line for line in result.stderr.splitlines() if line != "No run matches."]
    assert found == said


def test_a_key_is_looked_for_where_the_search_was(filled: Shell) -> None:
    filled.store.log_batch("b1" + "0" * 30, params=[Param("width", "2")])
    there = filled("runs", "list", "--filter", "params.width = '1'")
    assert there.stderr == "No run matches.\n"
    elsewhere = filled("runs", "list", "-x", "alpha", "--filter", "params.width = '1'")
    assert "No run in 'alpha' has a param 'width'; there is 'depth'." in elsewhere.stderr


def test_a_key_that_some_have_is_no_reason_to_speak(filled: Shell) -> None:
    found = filled("runs", "list", "--filter", "metrics.lss < 1 OR metrics.r2 = 0.5")
    assert found.stderr == ""


def test_the_mark_of_the_best_is_explained_where_there_is_one(filled: Shell) -> None:
    assert "* is the best of these runs" in filled("runs", "compare", "a1", "a2").stderr
    same = filled("runs", "compare", "a1", "b1", "--minimize", "nothing")
    marked = "*" in same.stdout
    assert ("* is" in same.stderr) == marked
    as_json = filled("runs", "compare", "a1", "a2", "--json")
    assert "*" not in as_json.stderr
