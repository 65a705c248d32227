"""A gateway behind a real server, in a thread of the tests' process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import anthropic
import openai
from attrs import define, field
from pegboard import config, host
from pegboard.contracts.llm import Json
from pegboard_gateway import service
from pegboard_gateway.catalog.contract import Catalog, FixedCatalog, GatewayEndpoint
from pegboard_gateway.control.contract import Gate, OpenGate, Permit
from pegboard_gateway.endpoints import ROOMS
from pegboard_gateway.entities import Asked, Estimate, Spent, UsageRecord
from pegboard_gateway.path import Calls
from pegboard_server import App, Settings, serving
from pegboard_server.metrics import Board
from pegboard_wire.rooms import places_of

SECONDS = 30.0


class Notes(Gate):
    """Lets everything through and keeps what it was told."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.records: list[UsageRecord] = []
        self.events: list[Any] = []
        self.estimates: list[Estimate] = []

    def admit(self, asked: Asked, estimate: Estimate) -> Permit:
        self.estimates.append(estimate)
        return _Noting(self)

    def note(self, record: UsageRecord) -> None:
        with self.changed:
            self.records.append(record)
            self.changed.notify_all()

    def wait(self, count: int = 1) -> list[UsageRecord]:
        """Return the records once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.records) >= count, SECONDS)
            return list(self.records)


class _Noting(Permit):
    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def reserve(self, target: str, cost: int | None, *, open_ended: bool = False) -> None:
        self._notes.events.append(("reserve", target, cost))

    def settle(self, spent: Spent) -> None:
        self._notes.events.append(("settle", spent))

    def close(self, record: UsageRecord) -> None:
        self._notes.note(record)


@define
class Running:
    """A gateway that serves."""

    url: str
    calls: Calls
    notes: Notes
    app: App
    loop: asyncio.AbstractEventLoop = field(repr=False)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def openai(self, prefix: str = "/v1", **more: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url + prefix, api_key="client", max_retries=0, **more)

    def anthropic(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(
            base_url=self.url + "/anthropic", api_key="client", max_retries=0
        )


@contextmanager
def running(
    place: Path, *endpoints: GatewayEndpoint, catalog: Catalog | None = None, **more: Any
) -> Iterator[Running]:
    """Serve endpoints."""
    ours = host.Host(config.Config())
    notes = Notes()
    gate = more.pop("gate", notes)
    catalog = catalog or FixedCatalog(*endpoints)
    calls = Calls(catalog, gate, random=Random(1), **more)
    service.use(ours, service.Gateway(catalog, calls))
    settings = Settings(tracking_uri=f"sqlite:{place}/s.db", access_log=False)
    app = App(ours, settings, Board(), places_of(ROOMS))
    listener = serving.listen("127.0.0.1", 0)
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def told() -> None:
        loops.append(asyncio.get_running_loop())
        ready.set()

    server = serving.Server(app, settings, told)
    thread = threading.Thread(target=server.run, args=([listener],), name="gateway", daemon=True)
    thread.start()
    assert ready.wait(SECONDS)
    try:
        yield Running(serving.address_of(listener, settings), calls, notes, app, loops[0])
    finally:
        # Not ``stop``: that ends the process, which is the tests', if it takes too long.
        server.should_exit = True
        thread.join(SECONDS)
        calls.close()
        service.use(ours, None)
        assert not thread.is_alive()


__all__ = ["Json", "Notes", "OpenGate", "Running", "running"]
