"""Who listens to changes of runs, and to how many."""

from __future__ import annotations

import asyncio
import json

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_stores.run_table import Changes
from pegboard_ui.data import changes
from pegboard_ui.data.changes import Hub, Listening, Scope, TooManyListeners, hub_of
from pegboard_ui.data.run_tables import of_store


def test_so_many_may_listen_and_no_more() -> None:
    async def listen() -> None:
        hub = Hub(of_store(Host(Config()).tracking_store("memory:")))
        listeners = [await hub.listen(Scope(), None) for _ in range(changes.LISTENERS)]
        with pytest.raises(TooManyListeners):
            await hub.listen(Scope(), None)
        listeners[7].close()
        assert await hub.listen(Scope(), None)

    asyncio.run(listen())


def test_nobody_looks_when_nobody_listens() -> None:
    async def listen() -> None:
        hub = Hub(of_store(Host(Config()).tracking_store("memory:")), look_seconds=0.001)
        assert hub.looking is None
        for _ in range(2):
            listener = await hub.listen(Scope(), None)
            looking = hub.looking
            assert looking is not None
            assert not looking.done()
            listener.close()
            await looking

    asyncio.run(listen())


def test_changes_are_joined_until_they_are_told() -> None:
    async def listen() -> None:
        listener = Listening(Scope(experiments=frozenset("7")), lambda: None)
        messages = listener.messages()
        assert _told(await anext(messages)) == {"revision": 0, "runs": []}
        for revision, changed in ((1, {"a": "7", "b": "8"}), (2, {"c": "7"}), (3, {"a": "7"})):
            listener.hear(Changes(revision, changed))
        assert _told(await anext(messages)) == {"revision": 3, "runs": ["a", "c"]}
        listener.hear(Changes(4, {"d": "7"}))
        listener.hear(Changes(5, {str(i): "7" for i in range(changes.TOLD)}))
        listener.hear(Changes(6, {"e": "7"}))
        assert _told(await anext(messages)) == {"revision": 6, "runs": None}
        listener.hear(Changes(7, {"other": "8"}))
        listener.hear(Changes(8, None))
        assert _told(await anext(messages)) == {"revision": 8, "runs": None}

    asyncio.run(listen())


def test_the_hub_of_a_store_is_shared_in_its_event_loop() -> None:
    store = Host(Config()).tracking_store("memory:")

    async def hub() -> Hub:
        assert hub_of(store) is hub_of(store)
        return hub_of(store)

    assert asyncio.run(hub()) is not asyncio.run(hub())


def _told(message: bytes) -> dict[str, object]:
    head, data = message.decode().split("\n")[:2]
    assert head == "event: runs"
    found: dict[str, object] = json.loads(data.removeprefix("data: "))
    return found
