"""Who waits for changes: one looks for all of them, and only while somebody listens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

from attrs import define, field, frozen
from pegboard.contracts.registry import ModelRegistry
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import PegboardError
from pegboard_stores.run_table import Changes

from pegboard_ui.data.registry_changes import RegistryChanges
from pegboard_ui.data.run_tables import of_store

LISTENERS = 200
"""How many may listen to one process of a server."""
TOLD = 200
"""More runs that changed are not told one by one."""
LOOK_SECONDS = 0.5
"""The time between two looks, and so the shortest between two messages."""
PING_SECONDS = 15.0


class Changing(Protocol):
    """What is looked at: a table of runs, or what stands for a registry."""

    def revision(self) -> int:
        """Return what differs after each change."""

    def changed_since(self, revision: int) -> Changes:
        """Return what has changed after a revision."""


class TooManyListeners(PegboardError):
    """So many listen to this process of a server that it takes no more."""

    error_code = "REQUEST_LIMIT_EXCEEDED"

    def __init__(self) -> None:
        super().__init__(
            f"{LISTENERS} pages listen to this server already.",
            hint="Ask for runs/table every few seconds instead, with its ETag.",
        )


@frozen
class Scope:
    """What a listener wants to hear of; all without experiments and runs."""

    experiments: frozenset[str] = frozenset()
    runs: frozenset[str] = frozenset()

    def of(self, changed: Mapping[str, str]) -> list[str]:
        """Return those of the changed runs, given with their experiments, that are in scope."""
        if self.experiments:
            return [run for run, place in changed.items() if place in self.experiments]
        return [run for run in changed if not self.runs or run in self.runs]


@define(eq=False)
class Listening:
    """One listener: what it has not been told yet."""

    scope: Scope
    close: Callable[[], None]
    """Ends it; to be called when no client takes messages any more."""
    event: str = "runs"
    revision: int = 0
    runs: list[str] | None = field(factory=list)
    """None: perhaps anything."""
    news: asyncio.Event = field(factory=asyncio.Event)

    def hear(self, changes: Changes) -> None:
        """Take in what has changed."""
        self.revision = changes.revision
        if changes.runs is None:
            self.runs = None
        else:
            found = self.scope.of(changes.runs)
            if not found:
                return
            if self.runs is not None:
                self.runs = list(dict.fromkeys([*self.runs, *found]))
                self.runs = None if len(self.runs) > TOLD else self.runs
        self.news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield messages; the first at once."""
        yield self._message()
        while True:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self.news.wait()
                yield self._message()
            except TimeoutError:
                yield b": \n\n"

    def _message(self) -> bytes:
        told = {"revision": self.revision, "runs": self.runs}
        self.runs = []
        self.news.clear()
        return f"event: {self.event}\ndata: {json.dumps(told)}\n\n".encode()


class Hub:
    """Tells all listeners of one store, or registry, in one event loop."""

    def __init__(
        self, table: Changing, look_seconds: float = LOOK_SECONDS, event: str = "runs"
    ) -> None:
        """``look_seconds`` is the time between two looks, ``event`` what messages are called."""
        self._table = table
        self._event = event
        self._seconds = look_seconds
        self._listeners: set[Listening] = set()
        self._revision = 0
        self.looking: asyncio.Task[None] | None = None
        """What looks for changes, while somebody listens."""

    async def listen(self, scope: Scope, since: int | None) -> Listening:
        """Return a listener, whose first message says what has changed since a revision.

        TooManyListeners.
        """
        if len(self._listeners) >= LISTENERS:
            raise TooManyListeners
        listener = Listening(scope, lambda: self._listeners.discard(listener), event=self._event)
        self._listeners.add(listener)
        try:
            changes = await asyncio.to_thread(self._begin, since)
        except BaseException:
            listener.close()
            raise
        listener.hear(changes)
        if self.looking is None or self.looking.done():
            self._revision = changes.revision
            self.looking = asyncio.create_task(self._look())
        return listener

    def _begin(self, since: int | None) -> Changes:
        if since is None:
            return Changes(self._table.revision(), {})
        return self._table.changed_since(since)

    async def _look(self) -> None:
        """Look for changes for as long as somebody listens."""
        while self._listeners:
            await asyncio.sleep(self._seconds)
            try:
                changes = await asyncio.to_thread(self._table.changed_since, self._revision)
            except PegboardError:
                # Those who ask for rows hear of it; the next look may do better.
                continue
            if changes.revision != self._revision:
                self._revision = changes.revision
                for listener in self._listeners:
                    listener.hear(changes)


_Hubs = WeakKeyDictionary[TrackingStore | ModelRegistry, Hub]
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Hubs] = WeakKeyDictionary()


def hub_of(store: TrackingStore) -> Hub:
    """Return what announces changes of a store in the running event loop."""
    return _hub(store, lambda: Hub(of_store(store)))


def hub_of_registry(registry: ModelRegistry) -> Hub:
    """Return what announces changes of a registry in the running event loop."""
    return _hub(registry, lambda: Hub(RegistryChanges(registry), event="models"))


def _hub(of: TrackingStore | ModelRegistry, make: Callable[[], Hub]) -> Hub:
    hubs = _hubs.setdefault(asyncio.get_running_loop(), WeakKeyDictionary())
    if of not in hubs:
        hubs[of] = make()
    return hubs[of]
