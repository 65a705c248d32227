"""``pegboard models`` and ``pegboard registry``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pegboard import host

Shell = Any


@pytest.fixture
def filled(shell: Shell, trained: Any) -> Shell:
    """Return the command line on a registry with iris/1, iris/2 (champion) and prod/1."""
    shell.ok("models", "register", trained.model.model_uri, "iris", "--tag", "team=blue")
    shell.ok("models", "register", trained.model.model_uri, "iris", "-m", "better")
    shell.ok("models", "alias", "iris/1", "champion")
    shell.ok("models", "alias", "iris/2", "champion", "-m", "better")
    shell.ok("models", "copy", "iris@champion", "prod")
    return shell


def test_models_are_listed(filled: Shell) -> None:
    lines = filled.ok("models", "list").splitlines()
    assert lines[0].split()[:3] == ["Name", "Latest", "Aliases"]
    assert [line.split()[0] for line in lines[1:]] == ["iris", "prod"]
    assert "champion=2" in lines[1]
    found = filled.json("models", "list", "--filter", "name LIKE 'i%'")
    assert [each["name"] for each in found] == ["iris"]
    assert found[0]["aliases"] == {"champion": "2"}
    result = filled("models", "list", "--order-by", "name DESC", "--limit", "1")
    assert "prod" in result.stdout
    assert "more than these 1" in result.stderr
    assert "No registered model" in filled("models", "list", "--filter", "name = 'x'").stderr


def test_versions_are_listed(filled: Shell) -> None:
    assert [each["version"] for each in filled.json("models", "versions", "iris")] == ["2", "1"]
    assert len(filled.json("models", "versions")) == 3
    found = filled.json(
        "models", "versions", "iris", "--filter", "tags.team = 'blue' OR name = 'x'"
    )
    assert [each["version"] for each in found] == ["1"]
    assert "iris/2" in filled.ok("models", "versions", "iris")
    assert filled("models", "versions", "nope").exit_code == 1


@pytest.mark.parametrize(
    "reference",
    ["iris/2", "iris@champion", "iris/latest", "models:/iris/2", "models:/iris/Staging"],
)
def test_a_version_has_many_names(filled: Shell, reference: str) -> None:
    filled.ok("models", "stage", "iris/2", "staging")
    assert filled.json("models", "show", reference)["version"] == "2"


def test_a_model_and_a_version_are_shown(filled: Shell, trained: Any) -> None:
    text = filled.ok("models", "show", "iris")
    assert "champion=2" in text
    assert "iris/1" in text
    assert filled.json("models", "show", "iris")["latest_versions"][0]["version"] == "2"
    text = filled.ok("models", "show", "iris@champion")
    assert trained.model.model_id in text
    assert trained.run_id in text
    found = filled.json("models", "show", "iris/1")
    assert (found["tags"], found["user_id"]) == ({"team": "blue"}, "ann")
    assert found["download_uri"] == trained.model.artifact_location


def test_a_model_is_made_and_changed(shell: Shell) -> None:
    assert "'a'" in shell.ok("models", "create", "a", "--description", "x", "--tag", "k=v=w")
    assert shell.json("models", "show", "a")["tags"] == {"k": "v=w"}
    shell.ok("models", "update", "a", "--description", "new")
    changed = shell.json("models", "tag", "a", "n=1", "--remove", "k")
    assert (changed["description"], changed["tags"]) == ("new", {"n": "1"})
    assert shell.json("models", "rename", "a", "b")["name"] == "b"
    assert shell("models", "tag", "b").exit_code == 2
    assert shell("models", "tag", "b", "novalue").exit_code == 2
    assert shell("models", "create", "b").exit_code == 1


def test_a_version_is_changed(filled: Shell) -> None:
    filled.ok("models", "update", "iris/1", "--description", "old one")
    changed = filled.json("models", "tag", "iris/1", "n=1", "--remove", "team")
    assert (changed["description"], changed["tags"]) == ("old one", {"n": "1"})
    assert filled.json("models", "show", "iris")["tags"] == {}


def test_a_model_is_registered_with_aliases(shell: Shell, trained: Any) -> None:
    made = shell.json(
        "models", "register", f"runs:/{trained.run_id}/net", "iris",
        "--alias", "a", "--alias", "b", "--description", "text",
    )  # fmt: skip
    assert (made["aliases"], made["description"]) == (["a", "b"], "text")
    assert "@a" in shell.ok("models", "register", "models:/iris/1", "copy", "--alias", "a")
    result = shell("models", "register", "models:/iris/9", "new")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert shell("models", "show", "new").exit_code == 1


def test_an_alias_is_removed_and_brought_back(filled: Shell) -> None:
    assert "version 2" in filled.ok("models", "unalias", "iris@champion")
    assert filled("models", "unalias", "iris@champion").exit_code == 1
    assert "version 2 again" in filled.ok("registry", "rollback", "iris@champion")
    for reference in ("iris", "iris/1", "iris/latest"):
        assert filled("models", "unalias", reference).exit_code == 2


def test_a_stage_is_changed(filled: Shell) -> None:
    filled.ok("models", "stage", "iris/1", "production")
    text = filled.ok("models", "stage", "iris/2", "Production", "--archive-existing")
    assert "stage Production" in text
    assert filled.json("models", "show", "iris/1")["current_stage"] == "Archived"
    result = filled("models", "stage", "iris/1", "live")
    assert result.exit_code == 2
    assert "Staging" in result.stderr


def test_a_version_is_downloaded(filled: Shell, tmp_path: Path) -> None:
    found = filled.json("models", "download", "iris/1", "--to", "out")
    assert (Path(found["path"]) / "requirements.txt").read_text() == "numpy==2\n"
    assert Path(found["path"]).is_relative_to("out")


def test_deleting_asks_first(filled: Shell) -> None:
    result = filled("models", "delete", "iris/2")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    gone = filled.json("models", "delete", "iris/2", "--yes", "-m", "broken")
    assert gone["version"] == "2"
    assert filled.json("models", "show", "iris")["aliases"] == {}
    assert "Deleted" in filled.ok("models", "delete", "prod", "-y")
    assert filled("models", "show", "prod").exit_code == 1
    assert "broken" in filled.ok("registry", "history", "iris")


def test_the_history_says_who_when_and_why(filled: Shell) -> None:
    filled.ok("models", "stage", "iris/1", "Staging", "-m", "try it")
    filled.ok("registry", "approve", "iris/1", "champion", "-m", "fine")
    filled.ok("registry", "rollback", "iris@champion", "-m", "worse")
    text = filled.ok("registry", "history", "iris")
    for part in (
        "@champion: 2 → 1 (rolled back)",
        "takes back no.",
        "version 1 approved for champion",
        "version 1: None → Staging",
        "@champion: 1 → 2",
        "version 2 created",
        "source: models:/m-",
        "ann",
        "try it",
        "worse",
    ):
        assert part in text
    found = filled.json("registry", "history", "iris@champion", "--kind", "alias")
    assert [(each["before"], each["after"]) for each in found] == [
        ("2", "1"),
        ("1", "2"),
        (None, "1"),
    ]
    assert {each["version"] for each in filled.json("registry", "history", "iris/1")} == {"1"}
    result = filled("registry", "history", "iris", "--limit", "2")
    assert "more than these 2" in result.stderr
    assert filled("registry", "history", "nope").exit_code == 1


def test_the_history_of_what_is_gone_is_shown(filled: Shell) -> None:
    filled.ok("models", "delete", "iris/2", "-y")
    assert "version 2 deleted" in filled.ok("registry", "history", "iris/2")
    filled.ok("models", "rename", "iris", "flowers")
    filled.ok("models", "delete", "flowers", "-y")
    text = filled.ok("registry", "history", "flowers")
    assert "renamed from iris to flowers" in text
    assert "deleted" in text.splitlines()[1]


def test_rolling_back_further_than_there_is_says_so(filled: Shell) -> None:
    assert "version 1 again (before: 2)" in filled.ok("registry", "rollback", "iris@champion")
    result = filled("registry", "rollback", "iris@champion")
    assert result.exit_code == 1
    assert "no earlier version" in result.stderr


def test_gates_are_listed_and_named_when_they_refuse(
    filled: Shell, configure: Callable[[str], None]
) -> None:
    assert "Nothing requires a gate" in filled("registry", "gates").stderr
    configure('[registry.gates]\nlive = ["approval"]\n')
    gates = {each["name"]: each["required_for"] for each in filled.json("registry", "gates")}
    # Other distributions bring more.
    assert gates.items() >= {"approval": ["live"], "evaluation": []}.items()
    result = filled("models", "alias", "iris/1", "live")
    assert result.exit_code == 1
    assert "pegboard registry approve iris/1 live" in result.stderr
    filled.ok("registry", "approve", "iris/1", "live", env={"MLFLOW_TRACKING_USERNAME": "bob"})
    filled.ok("models", "alias", "iris/1", "live")
    filled.ok("registry", "approve", "iris/1", "live", "--withdraw")
    found = filled.json("registry", "approve", "iris/1", "live", "--withdraw")
    assert [each["user"] for each in found["approvals"]] == ["bob"]


def test_the_store_of_the_options_is_used(shell: Shell, alone: Path) -> None:
    shell.ok("--tracking-uri", f"sqlite:{alone}/other.db", "models", "create", "there")
    assert "there" in shell.ok("--tracking-uri", f"sqlite:{alone}/other.db", "models", "list")
    host.use(None)
    assert "There is no store" in shell("models", "list").stderr


@pytest.mark.parametrize(
    "args",
    [
        ("models", "show", ""),
        ("models", "show", "a/b/c/d"),
        ("models", "alias", "iris", "x"),
        ("models", "alias", "iris/1", "v3"),
        ("models", "create", "a/b"),
        ("models", "list", "--filter", "nope ="),
        ("registry", "rollback", "iris"),
        ("registry", "approve", "iris/1", "not an alias"),
    ],
)
def test_mistakes_are_explained(filled: Shell, args: tuple[str, ...]) -> None:
    result = filled(*args)
    assert result.exit_code == 2
    assert "error:" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("list", "No registered model has a tag 'teem'; there is 'team'."),
        ("versions", "No version has a tag 'teem'; there is 'team'."),
    ],
)
def test_a_tag_that_nothing_has_is_named(filled: Shell, command: str, said: str) -> None:
    filled("models", "tag", "iris", "team=blue")
    filled("models", "tag", "iris/1", "team=blue")
    result = filled("models", command, "--filter", "tags.teem = 'blue'")
    assert result.stderr.splitlines()[1:] == [said]
