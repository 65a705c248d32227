"""What is told of the calls of hooks."""

from __future__ import annotations

import re

import pytest
from pegboard import plugin_calls
from pegboard.config import Config, PegboardConfig
from pegboard.entities import Run
from pegboard.hookspecs import hookimpl
from pegboard.host import Host


class Plugin:
    @hookimpl
    def pegboard_run_context(self) -> dict[str, str]:
        return {"a": "b"}

    @hookimpl
    def pegboard_run_started(self, run: Run) -> None:
        raise ZeroDivisionError

    @hookimpl
    def pegboard_model_registry_opened(self, registry: object) -> None:
        """Do nothing."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("PEGBOARD_TRACE_PLUGINS", "1")
    made = Host(Config(pegboard=PegboardConfig(plugins=[])))
    made.register(Plugin(), "mine")
    return made


def test_a_call_that_the_host_makes_names_hook_plugin_and_time(
    told: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    told.manager.hook.pegboard_model_registry_opened(registry=object(), host=told)
    said = capsys.readouterr().err
    assert re.fullmatch(r"pegboard_model_registry_opened: mine, \d+\.\d ms\n", said)


def test_a_call_of_one_plugin_is_told_also_if_it_fails(
    told: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    hook = told.manager.hook
    [context] = hook.pegboard_run_context.get_hookimpls()
    [started] = hook.pegboard_run_started.get_hookimpls()
    assert plugin_calls.asked(context, {}) == {"a": "b"}
    with pytest.raises(ZeroDivisionError):
        plugin_calls.asked(started, {"run": None})
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "pegboard_run_context: mine",
        "pegboard_run_started: mine (ZeroDivisionError)",
    ]
