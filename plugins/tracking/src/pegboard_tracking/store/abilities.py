"""What the SQLite store can do beyond the contract: each ability is one object on its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from pegboard.entities import Metric, Param, RunInfo, RunTag
from pegboard_stores.abilities import Batch, Batches, Heartbeats, PackedPoints
from pegboard_stores.activity import ActiveExperiments, Activity, BestRun, Course, LiveRuns
from pegboard_stores.curves import Curve, Curves, CurveShape
from pegboard_stores.sqlite import Database

from pegboard_tracking.points import curves
from pegboard_tracking.search import activity
from pegboard_tracking.tables.liveness import CLIENT, Liveness

if TYPE_CHECKING:
    from pegboard_tracking.run_table.kept import Memory
    from pegboard_tracking.store.base import SqliteBase
    from pegboard_tracking.store.logging import SqliteLogging
    from pegboard_tracking.store.sqlite import SqliteStore

T = TypeVar("T")


def abilities(
    store: SqliteStore, database: Database, liveness: Liveness, heartbeat_seconds: float
) -> tuple[object, ...]:
    """Return all of them, for one store."""
    return (
        SqliteBatches(store),
        SqlitePackedPoints(store),
        SqliteHeartbeats(database, liveness, heartbeat_seconds),
        SqliteCurves(store),
        SqliteActivity(store),
    )


def reading_abilities(store: SqliteBase, memory: Memory, contract: type[T]) -> T | None:
    """Return what keeps a contract of reading; these are imported when they are asked for."""
    from pegboard_tracking.run_table.ability import SqliteRunTable

    table = SqliteRunTable(store.reading_all, memory)
    return table if isinstance(table, contract) else None


class SqliteBatches(Batches):
    """Takes batches once."""

    def __init__(self, store: SqliteLogging) -> None:
        self._store = store

    def log(
        self,
        batch: Batch,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Do what ``log_batch`` does, unless the batch was taken before."""
        self._store.log_batch_once(batch, run_id, metrics=metrics, params=params, tags=tags)


class SqlitePackedPoints(PackedPoints):
    """Takes points as journals and tables keep them."""

    def __init__(self, store: SqliteLogging) -> None:
        self._store = store

    def log(self, batch: Batch, run_id: str, series: Mapping[str, bytes]) -> None:
        """Add points to metrics of a run, by key, unless the batch was taken before."""
        self._store.log_packed_once(batch, run_id, series)


class SqliteHeartbeats(Heartbeats):
    """Hears clients of a server, which are writers like processes of this machine."""

    def __init__(self, database: Database, liveness: Liveness, seconds: float) -> None:
        self._database = database
        self._liveness = liveness
        self.seconds = seconds

    def hear(self, client: str, run_ids: Sequence[str], ended: Sequence[str] = ()) -> None:
        """Note that a client is alive."""
        writer = CLIENT + client
        with self._database.writing():
            self._liveness.beat(writer)
            for run_id in run_ids:
                self._liveness.attach(writer, run_id)
            for run_id in ended:
                self._liveness.detach(writer, run_id)

    def forget(self, client: str) -> None:
        """Note that a client has ended in order."""
        self._liveness.leave(CLIENT + client)


class SqliteCurves(Curves):
    """Reads the chunks that a chart shows."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def curve(self, run_id: str, key: str, shape: CurveShape) -> Curve:
        """Return the curve of a run's metric."""
        with self._store.reading_all() as connection:
            return curves.of(connection, run_id, key, shape)


class SqliteActivity(Activity):
    """Counts what happens."""

    def __init__(self, store: SqliteStore) -> None:
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
