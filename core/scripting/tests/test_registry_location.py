"""Which model registry a process uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard import config, host
from pegboard.config import Config, PegboardConfig
from pegboard.host import Host
from pegboard_scripting.client import location


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in config.ENVIRONMENT:
        # Set first, so that what the test sets is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(location, "_uri", None)
    monkeypatch.setattr(location, "_registry_uri", None)
    monkeypatch.chdir(tmp_path)
    host.use(Host(Config(pegboard=PegboardConfig("memory:configured"))))
    yield
    host.use(None)


def test_models_are_registered_where_runs_go() -> None:
    assert location.get_registry_uri() == "memory:configured"
    location.set_tracking_uri("memory:runs")
    assert location.get_registry_uri() == "memory:runs"


def test_a_registry_that_is_set_goes_before_and_is_passed_on_to_children() -> None:
    location.set_tracking_uri("memory:runs")
    location.set_registry_uri("memory:models")
    assert location.get_registry_uri() == "memory:models"
    assert location.get_tracking_uri() == "memory:runs"
    assert os.environ["PEGBOARD_REGISTRY_URI"] == "memory:models"
    location.set_registry_uri(None)
    assert location.get_registry_uri() == "memory:runs"
    assert "PEGBOARD_REGISTRY_URI" not in os.environ


@pytest.mark.parametrize("variable", ["PEGBOARD_REGISTRY_URI", "MLFLOW_REGISTRY_URI"])
def test_the_environment_names_the_registry(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "memory:other")
    assert location.get_registry_uri() == "memory:other"
    location.set_registry_uri("memory:models")
    assert location.get_registry_uri() == "memory:models"


def test_a_path_is_taken_from_here(tmp_path: Path) -> None:
    location.set_registry_uri(Path("models.db"))
    assert location.get_registry_uri() == str(tmp_path / "models.db")


def test_a_configured_registry_goes_before_the_place_of_runs() -> None:
    host.use(Host(Config(pegboard=PegboardConfig("memory:runs", "memory:models"))))
    location.set_tracking_uri("memory:elsewhere")
    assert location.get_registry_uri() == "memory:models"
