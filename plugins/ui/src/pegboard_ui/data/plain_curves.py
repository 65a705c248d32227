"""Curves of stores that have no ability for them: the history is read and reduced here."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from attrs import evolve
from pegboard.contracts.tracking import MetricColumns, TrackingStore
from pegboard.errors import InvalidValue
from pegboard_stores import cancellation, curve_reduction
from pegboard_stores.curve_reduction import Part, Points
from pegboard_stores.curves import RELATIVE, STEP, Curve, Curves, CurveShape

PAGE = 25_000
"""How many points are asked for at once."""
MOST_POINTS = 2_000_000
"""How many points of a metric are read at the most; they are all held."""


class PlainCurves(Curves):
    """Reads whole histories through the contract of tracking stores."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store

    def curve(self, run_id: str, key: str, shape: CurveShape) -> Curve:
        """Return the curve of a run's metric."""
        run = self._store.get_run(run_id)
        last = run.data.latest.get(key)
        if last is None:
            return Curve()
        pages = self._pages(run_id, key)
        total = sum(len(page.steps) for page in pages)
        if shape.metric is not None:
            return evolve(self._over(run_id, pages, shape), total=total, last=last)
        x = [page.steps if shape.x == STEP else page.timestamps for page in pages]
        parts = [Part(min(each), max(each), number) for number, each in enumerate(x) if each]
        origin = 0
        if shape.x == RELATIVE:
            origin = min([run.info.start_time, *(min(each) for each in x if each)])

        def load(number: int) -> Points:
            return curve_reduction.in_order(x[number], list(pages[number].values))

        curve = curve_reduction.reduce(parts, load, shape, origin=origin)
        return evolve(curve, total=total, last=last)

    def _pages(self, run_id: str, key: str) -> list[MetricColumns]:
        pages: list[MetricColumns] = []
        token: str | None = None
        while not pages or token:
            cancellation.check()
            page = self._store.metric_columns(run_id, key, max_results=PAGE, page_token=token)
            pages.append(page)
            token = page.token
            if len(pages) * PAGE > MOST_POINTS:
                raise InvalidValue(
                    f"The metric {key!r} has more than {MOST_POINTS} points, which this store "
                    "cannot reduce.",
                    hint="Keep such runs in a store that can, as sqlite: stores do.",
                )
        return pages

    def _over(self, run_id: str, pages: Sequence[MetricColumns], shape: CurveShape) -> Curve:
        assert shape.metric is not None
        over = self._pages(run_id, shape.metric)
        counts = (sum(len(page.steps) for page in each) for each in (pages, over))
        curve_reduction.check_joinable(*counts)
        shown_steps, shown = _by_step(pages)
        over_steps, x = _by_step(over)
        parts, load = curve_reduction.over_metric(shown_steps, shown, over_steps, x)
        return curve_reduction.reduce(parts, load, shape)


def _by_step(pages: Sequence[MetricColumns]) -> tuple[array[int], array[float]]:
    rows = [
        (step, time, value)
        for page in pages
        for step, time, value in zip(page.steps, page.timestamps, page.values, strict=True)
    ]
    rows.sort(key=lambda row: row[:2])
    return array("q", [step for step, _, _ in rows]), array("d", [value for *_, value in rows])
