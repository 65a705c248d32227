"""The SQLite tracking store."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pegboard import uris
from pegboard.contracts.tracking import MetricWriter
from pegboard_stores.group_commit import GroupCommit
from pegboard_stores.location import locate
from pegboard_stores.sql.patterns import prepare
from pegboard_stores.sqlite import Database

from pegboard_tracking.points import journal
from pegboard_tracking.points.curves_known import KnownCurves
from pegboard_tracking.points.drain import Drain
from pegboard_tracking.points.journal_writer import JournalWriter
from pegboard_tracking.points.overlay import Overlay
from pegboard_tracking.points.series_order import TimeOrder
from pegboard_tracking.run_table.kept import Memory
from pegboard_tracking.store.experiments import SqliteExperiments
from pegboard_tracking.store.logging import SqliteLogging
from pegboard_tracking.store.reading import SqliteReading
from pegboard_tracking.store.runs import SqliteRuns
from pegboard_tracking.tables import experiments, runs, schema
from pegboard_tracking.tables.liveness import Liveness

if TYPE_CHECKING:
    from pegboard.contracts.logged_models import LoggedModelStore
    from pegboard.contracts.traces import TraceStore

    from pegboard_tracking.settings import Settings
    from pegboard_tracking.traces.journaled import JournaledTraces


T = TypeVar("T")


def open_store(uri: uris.Uri, settings: Settings) -> SqliteStore:
    """Open the store of a ``sqlite:`` or ``file:`` URI or a plain path; it is made if need be.

    ``pegboard_stores.location`` says which file that is. The query parameters ``artifacts`` and
    ``synchronous`` take precedence over the settings of the same name. ``destination`` is where
    files are kept that clients send through a server, by default where ``artifacts`` says; if it is
    empty, there are none. ``patience`` is how many seconds a write waits for other processes;
    without it writers wait in line.
    """
    place = locate(uri, synchronous=settings.synchronous)
    artifacts = uri.query.get("artifacts", settings.artifacts)
    kept = _unproxied(artifacts) or _unproxied(settings.artifacts)
    return SqliteStore(
        place.file,
        artifact_root=artifacts,
        destination=uri.query.get("destination", kept),
        synchronous=place.synchronous,
        heartbeat_seconds=settings.heartbeat_seconds,
        lost_after_seconds=settings.lost_after_seconds,
        patience=place.patience,
    )


def file_of(uri: uris.Uri, settings: Settings) -> Path:
    """Return the file of the store that a URI names."""
    return locate(uri, synchronous=settings.synchronous).file


class SqliteStore(SqliteExperiments, SqliteRuns, SqliteLogging, SqliteReading):
    """Experiments and runs in one SQLite file.

    Beside the file ``x.db`` lie ``x.db.journal/`` (what was logged and not moved into the tables
    yet), ``x.db.artifacts/`` (unless artifacts go elsewhere) and ``x.db.lock``.
    """

    def __init__(
        self,
        path: Path,
        *,
        artifact_root: str = "",
        destination: str | None = None,
        synchronous: str = "normal",
        heartbeat_seconds: float = 10.0,
        lost_after_seconds: float = 60.0,
        patience: float | None = None,
    ) -> None:
        """Open the file, bring its tables up to date and take in what dead processes left."""
        own = uris.from_path(_beside(path, ".artifacts"))
        self._artifact_root = artifact_root or own
        if destination is None:
            destination = _unproxied(artifact_root) or own
        self._destination = _absolute(destination) if destination else None
        self._database = Database(path, synchronous=synchronous, prepare=prepare, patience=patience)
        self._database.migrate(schema.NAME, schema.COUNT, schema.migrations)
        self._ensure_default_experiment()
        self._heartbeat_seconds = heartbeat_seconds
        self._liveness = Liveness(self._database, lost_after_seconds)
        self._drain = Drain(
            self._database, _beside(path, ".journal"), self._liveness, self._journaled_traces
        )
        self._overlay = Overlay(path, prepare, self._drain.lay, self._drain.directory)
        self._commit = GroupCommit(self._database)
        self._time_order = TimeOrder()
        self.known_curves = KnownCurves()
        self._memory = Memory()
        self._writer = JournalWriter(
            self._drain, self._liveness, heartbeat_seconds, self._check_run, self._database.version
        )
        # Only a transaction outlives a power cut, so batches of metrics take one then.
        self._writer.quick = synchronous != "full"
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _reset_in_child(me))
        journal.sweep(self._drain.directory)
        self._catch_up()

    def _ensure_default_experiment(self) -> None:
        known = "SELECT 1 FROM experiment LIMIT 1"
        with self._database.reading() as connection:
            if connection.execute(known).fetchone():
                return
        with self._database.writing() as connection:
            if not connection.execute(known).fetchone():
                experiments.create(connection, self._artifact_root, "Default", None, {})

    # -- further abilities ---------------------------------------------------------------------

    def logged_models(self) -> LoggedModelStore:
        """Return the logged models in the same file."""
        from pegboard_tracking.store.logged_models import LoggedModels

        return LoggedModels(self._database)

    def traces(self) -> TraceStore:
        """Return the traces in the same file."""
        from pegboard_tracking.traces.store import Traces

        return Traces(self._database, self._catch_up)

    def _journaled_traces(self) -> JournaledTraces:
        from pegboard_tracking.traces.journaled import JournaledTraces

        return JournaledTraces(self._database)

    def ability(self, contract: type[T]) -> T | None:
        """Return what takes batches once, hears of clients, shows tables or keeps data sets."""
        from pegboard_tracking.store.abilities import abilities, rarer_abilities

        made = abilities(self, self._database, self._liveness, self._heartbeat_seconds)
        able = next((able for able in made if isinstance(able, contract)), None)
        if able is not None:
            return able
        return rarer_abilities(self, self._database, self._memory, contract)

    # -- writing and housekeeping --------------------------------------------------------------

    def artifact_destination(self) -> str | None:
        """Return the URI below which files are kept that clients send through a server."""
        return self._destination

    def metric_writer(self) -> MetricWriter:
        """Return the writer of this process: one for all callers."""
        return self._writer

    def reclaim(self) -> int:
        """Give free pages back to the system; return the bytes by which the file shrank."""
        return self._database.reclaim()

    def faults(self) -> Iterable[tuple[str, str]]:
        """Yield the journals that were set aside because they are damaged."""
        for path in sorted(self._drain.directory.glob("*.damaged")):
            yield (
                f"{path} is a damaged journal; what came before the damage is in the store",
                "Keep it if the points after it are worth a rescue by hand, else delete it.",
            )

    def close(self) -> None:
        """Move on what was logged, and close the file."""
        self._writer.close()
        self._overlay.close()
        self._commit.close()
        self._database.close()

    def _check_run(self, run_id: str) -> None:
        with self._database.reading() as connection:
            runs.get_active(connection, run_id)

    def _reset(self) -> None:
        self.known_curves = KnownCurves()
        self._commit.reset()
        self._drain.reset()
        self._writer.start_in_child()


def _unproxied(root: str) -> str | None:
    return None if not root or uris.parse(root).scheme == uris.PROXIED else root


def _absolute(uri: str) -> str:
    parsed = uris.parse(uri)
    return uris.from_path(parsed.local_path()) if parsed.scheme == uris.PLAIN_PATH else uri


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _reset_in_child(store: weakref.ref[SqliteStore]) -> None:
    alive = store()
    if alive is not None:
        alive._reset()
