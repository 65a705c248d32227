"""The first page of a search, on a small and on a large store."""

from __future__ import annotations

import search
from processes import folder
from rows import Row

_SMALL, _LARGE = 1_000, 50_000
_FLOOR = 1.0
"""Growth is compared above this, in ms: below it, times are noise."""


def measure(quick: bool) -> list[Row]:
    """Take all queries of ``search.py``; show the slowest, and the one that grows most."""
    large = _LARGE // 10 if quick else _LARGE
    with folder() as place:
        stores = [search.build(place, size) for size in (_SMALL, large)]
        times = {
            (text, order): [search.measure(store, [1], text, order)[0] for store in stores]
            for text, order in search.QUERIES
        }
        for store in stores:
            store.close()
    slowest = max(times, key=lambda query: times[query][1])
    indexed = {query: ms for query, ms in times.items() if query[0] and not query[1]}
    growth = {query: ms[1] / max(ms[0], _FLOOR) for query, ms in indexed.items()}
    most = max(growth, key=lambda query: growth[query])
    within = sum(ms[1] <= 20 for ms in times.values())
    return [
        Row(
            f"search {large:,} runs, first page of 100: the slowest of {len(times)}", "ms",
            times[slowest][1], goal=20, better="less",
            note=f"{_text(*slowest)}; {within} of {len(times)} within 20 ms",
        ),
        Row(
            f"filters: growth from {_SMALL:,} to {large:,} runs, the most", "×", growth[most],
            goal=3, better="less", note=_text(*most),
        ),
    ]  # fmt: skip


def _text(text: str, order: tuple[str, ...]) -> str:
    return text + (f" order by {', '.join(order)}" if order else "")
