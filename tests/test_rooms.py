"""What plugins say that they serve is what their modules serve: no more, no less, in that order."""

from __future__ import annotations

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_wire.rooms import Room, within

DECLARED = [
    (plugin.plugin_name, item)
    for plugin in Host(Config()).manager.hook.pegboard_endpoints.get_hookimpls()
    for item in plugin.function()
]


def test_first_party_plugins_import_nothing_that_nobody_asks_for() -> None:
    assert len(DECLARED) > 40
    assert [each for each in DECLARED if not isinstance(each[1], Room)] == []


@pytest.mark.parametrize("room", [pytest.param(room, id=room.target) for _, room in DECLARED])
def test_a_room_has_the_endpoints_that_are_declared(room: Room) -> None:
    served = [f"{method} {path}" for method, path in within(room)]
    assert "\n".join(room.places) == "\n".join(served), "the table of the plugin is not current"
