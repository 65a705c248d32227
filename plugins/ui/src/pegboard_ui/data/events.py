"""``events``: what has changed, told as it happens (Server-Sent Events)."""

from __future__ import annotations

from typing import Annotated

from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_wire.http import Answer, Call, Endpoint, Permission
from pegboard_wire.registries import open_registry
from pegboard_wire.requests import store_of
from pegboard_wire.typed import AtMost, reader, schema

from pegboard_ui.data.changes import Scope, hub_of, hub_of_registry

MODELS = "models"
"""The scope of registered models, their versions and aliases."""
_HEAD = {"cache-control": "no-store", "x-accel-buffering": "no"}


@frozen
class Wanted:
    """What ``events`` is asked for: of an experiment, of a run, of all runs, or of models."""

    scope: Annotated[str, AtMost(300)] = "all"
    since: int | None = None


_read = reader(Wanted, query=True)


async def events(call: Call) -> Answer:
    """Answer with messages until the client goes away: ``{"revision": n, "runs": [..] | null}``."""
    wanted = _read(call.parameters, "")
    if wanted.scope == MODELS:
        hub = hub_of_registry(open_registry(call.host, call.tracking_uri))
        listening = await hub.listen(Scope(), wanted.since)
    else:
        hub = hub_of(store_of(call))
        listening = await hub.listen(_scope(wanted.scope), wanted.since)
    return Answer(
        listening.messages(),
        headers=_HEAD,
        media_type="text/event-stream",
        close=listening.close,
        endless=True,
    )


def _scope(text: str) -> Scope:
    kind, _, name = text.partition(":")
    if text == "all":
        return Scope()
    if kind == "experiment" and name:
        return Scope(experiments=frozenset(name.split(",")))
    if kind == "run" and name:
        return Scope(runs=frozenset(name.split(",")))
    raise InvalidValue(
        f"{text[:60]!r} is not a scope.", hint="Scopes are experiment:ID, run:ID, all and models."
    )


ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/pegboard/1.0/events",
        events,
        Permission.READ,
        "Tell what changes, as it happens: Server-Sent Events named 'runs', or 'models'.",
        schema(Wanted),
        tags=("Pages",),
    )
]
