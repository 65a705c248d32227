"""A plugin with endpoints: the best runs of an experiment, and a page that shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from attrs import frozen
from pegboard.hookspecs import hookimpl
from pegboard_wire.http import Call, Endpoint, Permission, Result, mount
from pegboard_wire.static import static
from pegboard_wire.typed import AtMost, Between, typed

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


@frozen
class Best:
    """Of which experiment, by which metric, how many."""

    experiment_id: str
    metric: Annotated[str, AtMost(250)]
    count: Annotated[int, Between(1, 100)] = 10


def best(call: Call, wanted: Best) -> Result:
    """Answer with the runs whose metric is greatest."""
    store = call.host.tracking_store(call.tracking_uri)
    order = [f"metrics.`{wanted.metric}` DESC"]
    runs = store.search_runs([wanted.experiment_id], order_by=order, max_results=wanted.count)
    return {"best": [[run.info.run_name, run.data.metrics.get(wanted.metric)] for run in runs]}


async def whoami(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Be a foreign ASGI application: answer every request with the caller's name."""
    name = scope["pegboard.user"] or "nobody"
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": name.encode()})


@hookimpl
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Declare an endpoint, the files of a page, and an application."""
    path, page = "/api/leaderboard/{experiment_id}/{metric}", Path(__file__).with_name("page")
    return [
        typed("GET", path, best, Permission.READ, "The best runs of an experiment.", Best),
        static("/leaderboard", page, Permission.READ, "The page of the leaderboard."),
        mount("/leaderboard/whoami", whoami, Permission.READ, "Who asks."),
    ]
