"""What a traced function costs its caller, and what is left of its spans after kill -9."""

from __future__ import annotations

from processes import OURS, available, folder, run
from rows import Row

_CALLS = {OURS: 40_000, "mlflow": 2_000}
_KEPT = {OURS: 24_000, "mlflow": 1_200}
_NOBODY = "http://127.0.0.1:9"
"""Nobody listens at the port for discarding."""


def measure(quick: bool) -> list[Row]:
    """Trace calls in a process that then kills itself; count what another process finds."""
    cost: dict[str, float] = {}
    rate: dict[str, float] = {}
    kept = 0.0
    for system, calls in _CALLS.items():
        if not available(system):
            continue
        count = calls // 10 if quick else calls
        with folder() as place:
            answer = run("trace_calls", system, place, calls=count)
            if system == OURS:
                found = run("count_spans", system, place)["spans"]
                # One more was called before the others, to get going.
                kept = 100 * found / (answer["calls"] + 1)
        cost[system], rate[system] = answer["microseconds"], answer["calls"] / answer["seconds"]
    spent = Row("a span of a traced function", "µs", cost.pop(OURS), goal=15, better="less")
    spans = Row("spans", "spans/s", rate.pop(OURS), goal=20_000)
    safe = Row("spans found again after kill -9", "%", kept, goal=100)
    return [*spent.beside(cost), *spans.beside(rate), safe, *_down(quick), *_kept(quick)]


def _down(quick: bool) -> list[Row]:
    """Compare what a span costs its caller where the server is down with SQLite, side by side."""
    count = _CALLS[OURS] // 10 if quick else _CALLS[OURS]
    spent = []
    for given in ({}, {"store": _NOBODY}):
        with folder() as place:
            spent.append(run("trace_calls", OURS, place, calls=count, **given)["microseconds"])
    here, down = spent
    what = "a span where the server is down, of one in SQLite"
    return [Row(what, "times", down / here, goal=1.5, better="less")]


def _kept(quick: bool) -> list[Row]:
    """Count the processor's seconds from the calls until the spans are in the store."""
    seconds: dict[str, float] = {}
    for system, spans in _KEPT.items():
        if available(system):
            with folder() as place:
                count = spans // 10 if quick else spans
                answer = run("keep_spans", system, place, spans=count)
            seconds[system] = 10_000 * answer["seconds"] / answer["spans"]
    # At half a second each, one processor keeps 20,000 spans a second for as long as they come.
    spent = Row(
        "CPU to make and store 10,000 spans", "s", seconds.pop(OURS), goal=0.5, better="less"
    )
    return spent.beside(seconds)
