"""The first page of a search, on a small and on a large store."""

from __future__ import annotations

import re

import search
from processes import available, folder, run
from rows import Row

_SMALL, _LARGE = 1_000, 50_000
_PAGE = 100
_FLOOR = 1.0
"""Growth is compared above this, in ms: below it, times are noise."""
_BESIDE_MLFLOW = (
    ("metrics.m0 > 0.5", ()),
    ("params.p0 = 'vit'", ()),
    ("", ("metrics.m0 DESC",)),
)

_BEYOND = re.compile(r"=~|\bOR\b|NOT \(|params\.\w+ [<>]")
"""What MLflow's grammar does not have."""
_NO_INDEX = re.compile(r"ILIKE|LIKE '%")

Query = tuple[str, tuple[str, ...]]


def measure(quick: bool) -> list[Row]:
    """Take all queries of ``search.py``; show the slowest, and the one that grows most."""
    large = _LARGE // 10 if quick else _LARGE
    times = _times(large)
    common = {query: ms for query, ms in times.items() if not _BEYOND.search(query[0])}
    beyond = {query: ms for query, ms in times.items() if query not in common}
    indexed = {
        query: max(ms[1], _FLOOR) / max(ms[0], _FLOOR)
        for query, ms in common.items()
        if query[0] and not query[1] and not _NO_INDEX.search(query[0])
    }
    most = max(indexed, key=lambda query: indexed[query])
    growth = Row(
        f"filters with an index: most growth from {_SMALL:,} runs to {large:,}",
        "×",
        indexed[most],
        goal=3,
        better="less",
        note=_text(*most),
    )
    what = f"search {large:,} runs, first page: slowest of"
    return [
        _slowest(f"{what} {len(common)} in MLflow's grammar", common, goal=20),
        _slowest(f"{what} {len(beyond)} beyond it", beyond, goal=None),
        growth,
        *_beside_mlflow(times, large),
    ]


def _slowest(what: str, times: dict[Query, tuple[float, float]], goal: float | None) -> Row:
    query = max(times, key=lambda query: times[query][1])
    return Row(what, "ms", times[query][1], goal=goal, better="less", note=_text(*query))


def _times(large: int) -> dict[Query, tuple[float, float]]:
    """Return the ms of each query, on the small and on the large store."""
    with folder() as place:
        small_store, large_store = (search.build(place, size) for size in (_SMALL, large))
        times = {
            (text, tuple(order)): (
                search.measure(small_store, [1], text, order)[0],
                search.measure(large_store, [1], text, order)[0],
            )
            for text, order in search.QUERIES
        }
        small_store.close()
        large_store.close()
    return times


def _beside_mlflow(times: dict[Query, tuple[float, float]], large: int) -> list[Row]:
    if not available("mlflow"):
        return []
    with folder() as place:
        seconds = run(
            "search_mlflow", "mlflow", place, runs=large, page=_PAGE, queries=_BESIDE_MLFLOW
        )["seconds"]
    return [
        Row(
            f"search {large:,} runs: {_text(*query)}",
            "ms",
            times[query][1],
            goal=20,
            better="less",
            peer="mlflow",
            theirs=theirs * 1000,
        )
        for query, theirs in zip(_BESIDE_MLFLOW, seconds, strict=True)
    ]


def _text(text: str, order: tuple[str, ...]) -> str:
    return " ".join(filter(None, (text, f"order by {', '.join(order)}" if order else "")))
