"""The revision of a registry differs after each change, however the registry keeps its models."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pegboard.config import Config
from pegboard.contracts.registry import ModelRegistry
from pegboard.host import Host
from pegboard_stores.registry_changes import RegistryRevision
from pegboard_ui.data.changes import Scope, hub_of_registry
from pegboard_ui.data.registry_changes import RegistryChanges


@pytest.fixture(params=["sqlite", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> ModelRegistry:
    uri = f"sqlite:{tmp_path}/s.db" if request.param == "sqlite" else "memory:"
    found = Host(Config()).model_registry(uri)
    assert (found.ability(RegistryRevision) is not None) is (request.param == "sqlite")
    return found


def test_each_change_is_seen_once(registry: ModelRegistry) -> None:
    looked = RegistryChanges(registry)
    registry.create_model("m")
    registry.create_version("m", "runs:/1/model")
    seen = [looked.revision()]
    assert looked.changed_since(seen[0]).runs == {}
    for number, change in enumerate(
        (
            lambda: registry.create_version("m", "runs:/2/model"),
            lambda: registry.set_alias("m", "champion", "1"),
            lambda: registry.set_alias("m", "champion", "2"),
            lambda: registry.set_model_tag("m", "team", "audio"),
            lambda: registry.set_model_tag("m", "team", "video"),
            lambda: registry.delete_model_tag("m", "team"),
            lambda: registry.set_version_tag("m", "2", "size", "small"),
            lambda: registry.delete_version_tag("m", "2", "size"),
            lambda: registry.update_model("m", "about it"),
            lambda: registry.update_version("m", "2", "about that"),
            lambda: registry.delete_alias("m", "champion"),
            lambda: registry.rename_model("m", "n"),
            lambda: registry.delete_version("n", "2"),
            lambda: registry.delete_model("n"),
        )
    ):
        change()
        told = looked.changed_since(seen[-1])
        assert told.runs is None, number
        assert told.revision != seen[-1], number
        assert looked.changed_since(told.revision).runs == {}, number
        seen.append(told.revision)


def test_who_listens_is_told_of_a_model(registry: ModelRegistry) -> None:
    async def listen() -> None:
        listening = await hub_of_registry(registry).listen(Scope(), None)
        messages = listening.messages()
        first = await anext(messages)
        registry.create_model("m")
        second = await anext(messages)
        for message, runs in ((first, []), (second, None)):
            head, data = message.decode().split("\n")[:2]
            assert head == "event: models"
            assert json.loads(data.removeprefix("data: "))["runs"] == runs
        listening.close()

    asyncio.run(listen())
