"""Removing for good what was deleted: files first, then the run, then empty experiments.

In this order an interruption at any point leaves runs that are still marked as deleted, so the
same call again takes up the work. Files that are gone already are no trouble.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from attrs import frozen
from pegboard import uris
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment, LifecycleStage, RunInfo, ViewType
from pegboard.errors import InvalidState, NotFound, PegboardError, UnknownScheme

_PAGE = 1000


@frozen
class Removed:
    """What became of one run: the bytes of its files, and a note if something was left."""

    run_id: str
    bytes: int
    purged: bool = True
    note: str = ""


@frozen
class _Place:
    """Where a run's files lie: a directory (path) of an artifact store (root)."""

    root: str
    path: str


class Collector:
    """Removes deleted runs and experiments of a store."""

    def __init__(self, store: TrackingStore, artifacts: Callable[[str], ArtifactStore]) -> None:
        """``artifacts`` opens the artifact store that is rooted at a URI."""
        self._store = store
        self._artifacts = artifacts
        self._locations: dict[str, str] = {}

    def runs(
        self,
        *,
        deleted_before: int | None = None,
        experiment_ids: Collection[str] = (),
        run_ids: Collection[str] = (),
    ) -> Iterator[RunInfo]:
        """Yield the deleted runs: all, or those deleted before a time (ms), of these ids.

        InvalidState if one of ``run_ids`` is in use.
        """
        for run_id in run_ids:
            if self._store.get_run(run_id).info.lifecycle_stage is LifecycleStage.ACTIVE:
                raise InvalidState(
                    f"The run {run_id!r} is in use, so nothing was removed.",
                    hint=f"Delete it first: pegboard runs delete {run_id}",
                )
        for info in self._store.deleted_runs(deleted_before=deleted_before):
            in_experiment = not experiment_ids or info.experiment_id in experiment_ids
            if in_experiment and (not run_ids or info.run_id in run_ids):
                yield info

    def size(self, info: RunInfo) -> int:
        """Return the bytes of a run's files that ``remove`` would delete."""
        place = self._place(info)
        if place is None:
            return 0
        return sum(file.file_size or 0 for file in self._artifacts(place.root).walk(place.path))

    def remove(self, info: RunInfo) -> Removed:
        """Remove a run's files and then the run; it stays if its files cannot be removed."""
        place = self._place(info)
        note = "" if place else f"files left in place, not only this run's: {info.artifact_uri}"
        freed = 0
        try:
            if place is not None:
                freed = self._artifacts(place.root).delete(place.path)
        except PegboardError as error:
            return Removed(info.run_id, 0, purged=False, note=error.message)
        try:
            self._store.purge_run(info.run_id)
        except NotFound:
            # Another process was faster.
            note = "removed already"
        except InvalidState:
            return Removed(info.run_id, freed, purged=False, note="restored meanwhile")
        return Removed(info.run_id, freed, note=note)

    def reclaim(self) -> int:
        """Free what removed files left in the store's own place for files; return the bytes."""
        destination = self._store.artifact_destination()
        if destination is None:
            return 0
        try:
            return self._artifacts(destination).reclaim()
        except UnknownScheme:
            # Nothing here can open it, so nothing here was removed from it.
            return 0

    def experiments(
        self, *, deleted_before: int | None = None, experiment_ids: Collection[str] = ()
    ) -> Iterator[Experiment]:
        """Yield the deleted experiments: all, or those deleted before a time (ms), of these ids."""
        # Taken together before the first is removed: removing shifts later pages.
        for experiment in list(self._deleted_experiments()):
            changed = experiment.last_update_time or 0
            if deleted_before is not None and changed >= deleted_before:
                continue
            if not experiment_ids or experiment.experiment_id in experiment_ids:
                yield experiment

    def _deleted_experiments(self) -> Iterator[Experiment]:
        token: str | None = None
        while True:
            page = self._store.search_experiments(
                view=ViewType.DELETED_ONLY, max_results=_PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def is_empty(self, experiment: Experiment) -> bool:
        """Whether an experiment has no runs left, deleted ones included."""
        ids = [experiment.experiment_id]
        return not self._store.search_runs(ids, view=ViewType.ALL, max_results=1)

    def remove_experiment(self, experiment: Experiment) -> bool:
        """Remove a deleted experiment; False if it has runs or is in use again."""
        if not self.is_empty(experiment):
            return False
        try:
            self._store.purge_experiment(experiment.experiment_id)
        except NotFound:
            return True
        except InvalidState:
            return False
        return True

    def _place(self, info: RunInfo) -> _Place | None:
        """Return the directory that holds this run's files and nothing else; None if unknown.

        A directory is taken for the run's own only if the run's id is part of its path: whatever
        else the store may say, the files of others stay.
        """
        location = self._location(info.experiment_id)
        base, _, query = location.partition("?")
        artifact_uri = self._store.located(info.artifact_uri)
        uri, _, own_query = artifact_uri.partition("?")
        inside = uri.removeprefix(base.rstrip("/") + "/")
        if inside != uri and query == own_query:
            first = inside.partition("/")[0]
            return _Place(location, first) if first == info.run_id else None
        last_parts = uris.parse(artifact_uri).path.rstrip("/").split("/")[-2:]
        return _Place(artifact_uri, "") if info.run_id in last_parts else None

    def _location(self, experiment_id: str) -> str:
        if experiment_id not in self._locations:
            experiment = self._store.get_experiment(experiment_id)
            location = self._store.located(experiment.artifact_location)
            self._locations[experiment_id] = location
        return self._locations[experiment_id]
