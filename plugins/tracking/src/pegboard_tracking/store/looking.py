"""How the SQLite store tells what charts, the page of a run and the first page show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pegboard.entities import RunInfo
from pegboard_stores.activity import ActiveExperiments, Activity, BestRun, Course, LiveRuns
from pegboard_stores.curves import Curve, Curves, CurveShape

from pegboard_tracking.points import curves
from pegboard_tracking.search import activity

if TYPE_CHECKING:
    from pegboard_tracking.store.base import SqliteBase


class SqliteCurves(Curves):
    """Reads the chunks that a chart shows."""

    def __init__(self, store: SqliteBase) -> None:
        self._store = store

    def curve(self, run_id: str, key: str, shape: CurveShape) -> Curve:
        """Return the curve of a run's metric."""
        with self._store.reading_all() as connection:
            return curves.of(connection, run_id, key, shape, self._store.known_curves)


class SqliteActivity(Activity):
    """Counts what happens."""

    def __init__(self, store: SqliteBase) -> None:
        self._store = store

    def experiments(self, now: int, *, offset: int = 0, limit: int = 50) -> ActiveExperiments:
        """Return active experiments, those of the last activity first."""
        with self._store.reading_all() as connection:
            return activity.active_experiments(connection, now, offset, limit)

    def live(self, *, limit: int = 50) -> LiveRuns:
        """Return the runs of active experiments that are RUNNING."""
        with self._store.reading_all() as connection:
            return activity.live_runs(connection, limit)

    def ended(self, since: int, *, limit: int = 50) -> Sequence[RunInfo]:
        """Return runs that ended at a time or later, the last first."""
        with self._store.reading_all() as connection:
            return activity.ended_runs(connection, since, limit)

    def metric_keys(self, experiment_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, by experiment, metrics of the latest runs, and how many of those have each."""
        with self._store.reading_all() as connection:
            return {each: activity.metric_keys(connection, each) for each in experiment_ids}

    def best(
        self, metrics: Mapping[str, tuple[str, bool]], *, before: RunInfo | None = None
    ) -> Mapping[str, BestRun]:
        """Return, by experiment, the run with the best finite last value of a metric."""
        earlier = None if before is None else before.start_time
        with self._store.reading_all() as connection:
            return activity.best_runs(connection, metrics, earlier)

    def courses(self, wanted: Mapping[str, str]) -> Mapping[str, Course]:
        """Return how runs stand with a metric each, by run."""
        with self._store.reading_all() as connection:
            return activity.courses(connection, wanted)

    def children(self, run_id: str) -> int:
        """Return how many active runs name a run as their parent."""
        with self._store.reading_all() as connection:
            return activity.children(connection, run_id)
