"""Writing a new plugin: names, places and files."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from pegboard.errors import AlreadyExists, InvalidValue
from pegboard_testing.scaffold import KINDS, create, new, render


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_files_fit_together(kind: str) -> None:
    files = render("blue-moon", kind)
    project = tomllib.loads(files[Path("pyproject.toml")])
    assert project["project"]["name"] == "pegboard-blue-moon"
    entry_points = project["project"]["entry-points"]["pegboard"]
    assert entry_points == {"blue-moon": "pegboard_blue_moon.plugin"}
    assert Path("src/pegboard_blue_moon/plugin.py") in files
    assert Path("src/pegboard_blue_moon/py.typed") in files
    for path, text in files.items():
        assert "$" not in text, path
        if path.suffix == ".py":
            compile(text, str(path), "exec")


def test_a_name_may_come_with_the_prefix() -> None:
    assert render("pegboard-blue", "command") == render("blue", "command")


@pytest.mark.parametrize(
    "name",
    ["", "x", "Blue", "blue moon", "blue_moon", "-blue", "blue-", "../up", "a--b", "1st", "class"],
)
def test_a_bad_name_is_refused_and_nothing_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValue, match="name of a plugin"):
        create(name, "command")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(AlreadyExists, match="not empty"):
        create("blue", "command", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_the_command_says_what_it_wrote_and_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(new, ["blue"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "pegboard-blue" / "pyproject.toml").is_file()
    assert "wrote pegboard-blue/src/pegboard_blue/plugin.py" in result.output
    assert "pip install -e '.[test]'" in result.output
    elsewhere = CliRunner().invoke(new, ["blue", "--directory", str(tmp_path / "here")])
    assert elsewhere.exit_code == 0, elsewhere.output
    assert (tmp_path / "here" / "README.md").is_file()
