"""The plugin ``core``, and telling of calls of hooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Process


def test_the_commands_of_the_core_come_from_a_plugin(process: Process) -> None:
    [core] = [
        each for each in json.loads(process("plugins", "--json").stdout) if each["name"] == "core"
    ]
    assert core["state"] == "ok"
    assert core["distribution"] == "pegboard"
    offered = {(each["kind"], each["name"]) for each in core["provides"]}
    assert offered == {("command", name) for name in ("completion", "config", "doctor", "plugins")}


def test_the_core_is_there_in_a_stack_that_does_not_name_it(
    process: Process, tmp_path: Path
) -> None:
    (tmp_path / "pegboard.toml").write_text("[pegboard]\nplugins = []\n")
    described = json.loads(process("plugins", "--json").stdout)
    assert [each["name"] for each in described if each["state"] != "disabled"] == ["core"]
    assert process("config", "show").returncode == 0


def test_the_core_cannot_be_disabled(process: Process, tmp_path: Path) -> None:
    (tmp_path / "pegboard.toml").write_text("[pegboard]\ndisabled = ['core']\n")
    found = process("plugins")
    assert found.returncode == 2
    assert "'core', which is part of pegboard and cannot be left out" in found.stderr


def test_a_command_of_a_group_that_is_not_installed_comes_with_a_distribution(
    process: Process, tmp_path: Path
) -> None:
    (tmp_path / "pegboard.toml").write_text("[pegboard]\nplugins = []\n")
    found = process("plugins", "new", "my-store")
    assert found.returncode == 2
    assert "'pegboard plugins' has no command 'new'" in found.stderr
    assert "pip install pegboard-testing" in found.stderr


@pytest.mark.parametrize("value", ["1", "0"])
def test_calls_of_hooks_are_told_on_stderr_if_that_is_wanted(process: Process, value: str) -> None:
    found = process("plugins", PEGBOARD_TRACE_PLUGINS=value)
    told = [line.partition(",")[0] for line in found.stderr.splitlines()]
    wanted = {"import: core", "pegboard_commands: core"}
    assert wanted & set(told) == (wanted if value == "1" else set())
    assert found.returncode == 0
