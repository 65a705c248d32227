"""Importing what plugins add to the package."""

from __future__ import annotations

import importlib
import types
from collections.abc import Sequence

import pegboard
import pytest
from pegboard import config, host
from pegboard.hookspecs import ApiName, hookimpl


class Plugin:
    """Adds a module and a function."""

    @hookimpl
    def pegboard_api(self) -> Sequence[ApiName]:
        module = types.ModuleType("waves")
        module.height = 3  # type: ignore[attr-defined]
        return [
            ApiName("waves", lambda: module, "Waves"),
            ApiName("surf", lambda: lambda: "surfing", "Surfs"),
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
