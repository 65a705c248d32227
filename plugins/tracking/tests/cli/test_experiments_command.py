from __future__ import annotations

from pegboard.entities import LifecycleStage

from .conftest import Shell


def test_an_experiment_is_created_and_listed(shell: Shell) -> None:
    made = shell.json("experiments", "create", "mine", "--tag", "team=red")
    assert made["name"] == "mine"
    assert made["tags"] == {"team": "red"}
    listed = shell("experiments", "list").stdout
    assert "mine" in listed
    assert "team=red" in listed


def test_a_name_that_is_taken_is_an_error(filled: Shell) -> None:
    result = filled("experiments", "create", "alpha")
    assert result.exit_code == 1
    assert "'alpha'" in result.stderr


def test_experiments_are_filtered_and_limited(filled: Shell) -> None:
    found = filled.json("experiments", "list", "--filter", "name LIKE 'alph%'")
    assert [experiment["name"] for experiment in found] == ["alpha"]
    limited = filled("experiments", "list", "--limit", "1")
    assert len(limited.stdout.splitlines()) == 2
    assert "--limit" in limited.stderr


def test_show_names_the_experiment_by_name_or_id(filled: Shell) -> None:
    by_name = filled.json("experiments", "show", "alpha")
    assert filled.json("experiments", "show", by_name["experiment_id"]) == by_name
    assert "team" in filled("experiments", "show", "alpha").stdout


def test_an_experiment_is_renamed(filled: Shell) -> None:
    assert filled("experiments", "rename", "alpha", "omega").exit_code == 0
    assert filled.json("experiments", "show", "omega")["name"] == "omega"
    assert filled("experiments", "show", "alpha").exit_code == 1


def test_a_deleted_experiment_comes_back_with_its_runs(filled: Shell) -> None:
    assert filled("experiments", "delete", "alpha").exit_code == 0
    assert {run["run_name"] for run in filled.json("runs", "list")} == {"b1"}
    deleted = filled.json("experiments", "list", "--view", "deleted")
    assert [experiment["name"] for experiment in deleted] == ["alpha"]
    restored = filled.json("experiments", "restore", "alpha")
    assert restored["lifecycle_stage"] == LifecycleStage.ACTIVE
    assert len(filled.json("runs", "list")) == 3


def test_tags_are_set_and_removed(filled: Shell) -> None:
    changed = filled.json("experiments", "tag", "alpha", "goal=speed", "--remove", "team")
    assert changed["tags"] == {"goal": "speed"}
    assert filled("experiments", "tag", "alpha").exit_code == 2
    assert filled("experiments", "tag", "alpha", "no-equals-sign").exit_code == 2
    assert filled("experiments", "tag", "alpha", "--remove", "team").exit_code == 1


def test_a_tag_that_no_experiment_has_is_named(filled: Shell) -> None:
    result = filled("experiments", "list", "--filter", "tags.teem = 'red'")
    assert result.stderr.splitlines()[1:] == ["No experiment has a tag 'teem'; there is 'team'."]


def test_deleting_the_default_experiment_says_what_follows(filled: Shell) -> None:
    deleted = filled("experiments", "delete", "Default")
    assert deleted.exit_code == 0
    assert deleted.stderr.startswith("warning: runs that name no experiment")
    assert "Undo: pegboard experiments restore 0" in deleted.stdout
    assert filled("experiments", "delete", "alpha").stderr == ""
