"""Importing what plugins add to the package."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Sequence

import pegboard
import pytest
from pegboard import config, distributions, host
from pegboard.hookspecs import ApiName, hookimpl
from pegboard_testing.targets import target_of


class Plugin:
    """Adds a module and a function."""

    @hookimpl
    def pegboard_api(self) -> Sequence[ApiName]:
        module = types.ModuleType("waves")
        module.height = 3  # type: ignore[attr-defined]
        return [
            ApiName("waves", target_of(module), "Waves"),
            ApiName("surf", target_of(lambda: "surfing"), "Surfs"),
        ]


@pytest.fixture(autouse=True)
def added():
    made = host.Host(config.Config())
    made.register(Plugin(), "sea")
    host.use(made)
    yield
    host.use(None)


def test_a_module_that_a_plugin_adds_can_be_imported() -> None:
    assert importlib.import_module("pegboard.waves").height == 3
    assert pegboard.waves.height == 3


def test_a_function_that_a_plugin_adds_is_no_module_and_stays_a_function() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("pegboard.surf")
    assert pegboard.surf() == "surfing"


@pytest.mark.parametrize("name", [n for n in distributions.offering("API name") if "." not in n])
@pytest.mark.parametrize(
    "statement", ["pegboard.{0}", "import pegboard.{0}", "from pegboard import {0}"]
)
def test_a_name_of_a_distribution_that_is_missing_comes_with_it(
    monkeypatch: pytest.MonkeyPatch, name: str, statement: str
) -> None:
    monkeypatch.setattr(host.Host, "_discover", lambda self: None)
    monkeypatch.delitem(sys.modules, f"pegboard.{name}", raising=False)
    monkeypatch.delitem(vars(pegboard), name, raising=False)
    host.use(host.Host(config.Config()))
    with pytest.raises((AttributeError, ImportError)) as caught:
        exec(statement.format(name), {"pegboard": pegboard})
    wanted = distributions.offering("API name")[name]
    assert f"It comes with {wanted}: pip install {wanted}" in str(caught.value)


@pytest.mark.parametrize("name", ["Feedback", "SpanType"])
def test_a_missing_name_of_the_entities_comes_with_its_distribution(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(host.Host, "_discover", lambda self: None)
    host.use(host.Host(config.Config()))
    with pytest.raises(AttributeError, match="pip install pegboard-tracing"):
        getattr(pegboard.entities, name)
    assert pegboard.entities.TraceState.OK == "OK"


def test_a_name_that_nobody_knows_leaves_the_full_stop_to_python() -> None:
    with pytest.raises(AttributeError, match=r"'log_metrc', .* plugin adds it$"):
        pegboard.log_metrc  # noqa: B018


def test_a_distribution_that_is_broken_or_disabled_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host.Host, "_discover", lambda self: None)
    made = host.Host(config.Config())
    made.plugins["models"] = host.Plugin("models", "models.x", disabled=True)
    made.plugins["torn"] = host.Plugin("torn", "torn.x", error="ImportError: x")
    host.use(made)
    monkeypatch.delitem(vars(pegboard), "autolog", raising=False)
    with pytest.raises(AttributeError) as caught:
        pegboard.autolog()
    assert "Failed to load: torn" in str(caught.value)
    assert "Disabled in the configuration: models." in str(caught.value)
