"""What the SQLite store can do beyond the contract: each ability is one object on its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from pegboard.entities import Metric, Param, RunTag
from pegboard.targets import resolve
from pegboard_stores.abilities import Batch, Batches, Heartbeats, PackedPoints
from pegboard_stores.sqlite import Database

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
    )


def rarer_abilities(
    store: SqliteBase, database: Database, memory: Memory, contract: type[T]
) -> T | None:
    """Return what keeps a contract of evaluation or of reading; no other one is imported."""
    target, needs = _RARER.get(contract.__name__, ("", ""))
    if not target:
        return None
    given = {"store": store, "reading": store.reading_all, "database": database, "memory": memory}
    made = resolve(f"pegboard_tracking.{target}")(*map(given.__getitem__, needs.split()))
    return made if isinstance(made, contract) else None


_RARER = {
    "ListTags": ("store.list_tags:opened", "store database"),
    "RunTable": ("run_table.ability:SqliteRunTable", "reading memory"),
    "Curves": ("store.looking:SqliteCurves", "store"),
    "Activity": ("store.looking:SqliteActivity", "store"),
    "DataSets": ("data_sets.store:SqliteDataSets", "database"),
    "Scorers": ("scorers.store:SqliteScorers", "reading database"),
    "ScoringTasks": ("scorers.tasks:SqliteScoringTasks", "reading database"),
    "LabelSchemas": ("reviews.schemas:SqliteLabelSchemas", "database"),
    "ReviewQueues": ("reviews.queues:SqliteReviewQueues", "reading database"),
}
"""By the name of a contract what keeps it, and what that is made of."""


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
