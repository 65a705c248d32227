"""Removing for good what was deleted: files first, then their owner, then empty experiments.

Runs and logged models own files. In this order an interruption at any point leaves owners that are
still marked as deleted, so the same call again takes up the work. Files that are gone already do no
harm.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from itertools import islice

from attrs import evolve, frozen
from pegboard import paging, uris
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.registry import ModelRegistry
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment, LifecycleStage, LoggedModel, RunInfo, ViewType
from pegboard.entities.registry import ModelVersion
from pegboard.errors import (
    InvalidState,
    NotFound,
    NotSupported,
    PegboardError,
    UnknownScheme,
    command_line,
)
from pegboard_stores import needed_files
from pegboard_stores.needed_files import NEEDED_BY, FilesOwner

from pegboard_tracking.artifacts.content import scan

_PAGE = 1000

_ASKED_AT_ONCE = 100
"""For how many runs and models a registry is asked at once whether versions need their files."""


_OWN = re.compile(r"[0-9a-f]{32}|models")
"""Names of directories in an experiment's place that hold nothing but files of runs or models."""


class Kind(StrEnum):
    """What can own files."""

    RUN = "run"
    MODEL = "logged model"


@frozen
class Doomed:
    """A run or logged model to be removed; ``own`` is its directory in the experiment's place.

    ``needed_by`` are registered versions (``models:/NAME/3``) whose files are there, so it stays.
    """

    kind: Kind
    id: str
    name: str
    experiment_id: str
    artifact_uri: str
    own: str
    needed_by: tuple[str, ...] = ()

    @property
    def kept(self) -> Removed:
        """What becomes of it if versions need its files, with how to go on without them."""
        named = ", ".join(self.needed_by)
        more = " and more" if len(self.needed_by) == NEEDED_BY else ""
        first = self.needed_by[0].removeprefix("models:/")
        note = (
            f"registered versions have their files there: {named}{more}. To remove it, delete "
            f"them first: {command_line('pegboard', 'models', 'delete', first)}"
        )
        return Removed(self.kind, self.id, 0, purged=False, note=note)


@frozen
class Removed:
    """What became of one of them: the bytes of its files, and a note if something was left."""

    kind: Kind
    id: str
    bytes: int
    purged: bool = True
    note: str = ""


@frozen
class _Place:
    """Where files lie: a directory (path) of an artifact store (root)."""

    root: str
    path: str


class Collector:
    """Removes deleted runs, logged models and experiments of a store."""

    def __init__(
        self,
        store: TrackingStore,
        artifacts: Callable[[str], ArtifactStore],
        registry: ModelRegistry | None = None,
    ) -> None:
        """``artifacts`` opens the artifact store that is rooted at a URI.

        What the versions of ``registry`` need is kept.
        """
        self._store = store
        self._files_needed = None if registry is None else needed_files.of(registry)
        self._holding: set[str] = set()
        self._artifacts = artifacts
        self._locations: dict[str, str] = {}

    def runs(
        self,
        *,
        deleted_before: int | None = None,
        experiment_ids: Collection[str] = (),
        run_ids: Collection[str] = (),
    ) -> Iterator[Doomed]:
        """Yield the deleted runs: all, or those deleted before a time (ms), of these ids.

        InvalidState if one of ``run_ids`` is in use.
        """
        for run_id in run_ids:
            if self._store.get_run(run_id).info.lifecycle_stage is LifecycleStage.ACTIVE:
                raise InvalidState(
                    f"The run {run_id!r} is in use, so nothing was removed.",
                    hint=f"Delete it first: {command_line('pegboard', 'runs', 'delete', run_id)}",
                )
        for info in self._store.deleted_runs(deleted_before=deleted_before):
            in_experiment = not experiment_ids or info.experiment_id in experiment_ids
            if in_experiment and (not run_ids or info.run_id in run_ids):
                yield _run(info)

    def models(
        self,
        *,
        deleted_before: int | None = None,
        experiment_ids: Collection[str] = (),
        going: Collection[Experiment] = (),
    ) -> Iterator[Doomed]:
        """Yield the deleted logged models: all, or those deleted before a time (ms), of these ids.

        Those of experiments that are ``going`` go with them, deleted or not.
        """
        try:
            models = self._store.logged_models()
        except NotSupported:
            return
        going_ids = {experiment.experiment_id for experiment in going}
        for model in models.deleted(deleted_before=deleted_before):
            in_experiment = not experiment_ids or model.experiment_id in experiment_ids
            if in_experiment and model.experiment_id not in going_ids:
                yield _model(model)
        if not going_ids:
            return
        for model in models.deleted():
            if model.experiment_id in going_ids:
                yield _model(model)
        for experiment_id in sorted(going_ids):
            # Taken together before the first is removed: removing shifts later pages.
            found = list(paging.items(partial(models.search, [experiment_id], max_results=_PAGE)))
            yield from map(_model, found)

    def checked(self, doomed: Iterable[Doomed]) -> Iterator[Doomed]:
        """Yield them again, with the registered versions that need their files."""
        if self._files_needed is None:
            yield from doomed
            return
        waiting = iter(doomed)
        while some := list(islice(waiting, _ASKED_AT_ONCE)):
            found = self._files_needed.needing([self._owner(each) for each in some])
            yield from self._needed(some, found)

    def claimed(self, doomed: Iterable[Doomed]) -> Iterator[Doomed]:
        """Yield them again, as ``checked`` does; those that no version needs are to be removed.

        No version of their files can be registered until then: the registry refuses it from before
        one is yielded until others are asked for.
        """
        if self._files_needed is None:
            yield from doomed
            return
        waiting = iter(doomed)
        while some := list(islice(waiting, _ASKED_AT_ONCE)):
            owners = [self._owner(each) for each in some]
            found = self._files_needed.begin_removal(owners)
            try:
                yield from self._needed(some, found)
            finally:
                self._files_needed.end_removal([each for each in owners if each.id not in found])

    def _needed(
        self, doomed: Iterable[Doomed], found: Mapping[str, Sequence[ModelVersion]]
    ) -> Iterator[Doomed]:
        for each in doomed:
            versions = tuple(version.model_uri for version in found.get(each.id, ()))
            if versions:
                self._holding.add(each.experiment_id)
            yield evolve(each, needed_by=versions)

    def holds(self, experiment: Experiment) -> bool:
        """Whether something in an experiment was found to be needed, or could not be removed."""
        return experiment.experiment_id in self._holding

    def _owner(self, doomed: Doomed) -> FilesOwner:
        """Return the URIs under which a version may know the files that would go."""
        scheme = "runs" if doomed.kind is Kind.RUN else "models"
        located = self._store.located(doomed.artifact_uri)
        known = {f"{scheme}:/{doomed.id}", *map(_without_query, (doomed.artifact_uri, located))}
        place = self._place(doomed)
        if place is not None:
            known.add(_without_query(uris.join(place.root, place.path)))
        return FilesOwner(doomed.id, sorted(known))

    def size(self, doomed: Doomed) -> int:
        """Return the bytes of files that ``remove`` would delete."""
        place = self._place(doomed)
        if place is None:
            return 0
        return sum(file.file_size or 0 for file in self._artifacts(place.root).walk(place.path))

    def remove(self, doomed: Doomed) -> Removed:
        """Remove the files and then their owner, which stays if its files cannot be removed."""
        done = self._remove(doomed)
        if not done.purged:
            self._holding.add(doomed.experiment_id)
        return done

    def _remove(self, doomed: Doomed) -> Removed:
        kind, id_ = doomed.kind, doomed.id
        place = self._place(doomed)
        note = "" if place else f"files left in place, not only its own: {doomed.artifact_uri}"
        freed = 0
        try:
            if place is not None:
                freed = self._artifacts(place.root).delete(place.path)
        except PegboardError as error:
            return Removed(kind, id_, 0, purged=False, note=error.message)
        try:
            self._purge(doomed)
        except NotFound:
            # Another process was faster.
            note = "removed already"
        except InvalidState:
            return Removed(kind, id_, freed, purged=False, note="restored meanwhile")
        return Removed(kind, id_, freed, note=note)

    def _purge(self, doomed: Doomed) -> None:
        if doomed.kind is Kind.RUN:
            self._store.purge_run(doomed.id)
            return
        models = self._store.logged_models()
        # One that goes with its experiment may not be marked yet.
        with contextlib.suppress(NotFound):
            models.delete(doomed.id)
        models.purge(doomed.id)

    def reclaim(self) -> int:
        """Free what removed files, and writers that were killed, left; return the bytes.

        That is in the store's own place for files, and in the directories of runs and models where
        experiments have a place of this machine for themselves.
        """
        destination = _without_query(self._store.artifact_destination() or "")
        freed = self._reclaim(destination) if destination else 0
        search = partial(self._store.search_experiments, view=ViewType.ALL, max_results=_PAGE)
        for experiment in paging.items(search):
            place = _without_query(self._store.located(experiment.artifact_location))
            if destination and f"{place}/".startswith(f"{destination}/"):
                continue
            if uris.parse(place).scheme in ("file", uris.PLAIN_PATH):
                # Others may keep what they like beside these.
                own = filter(_OWN.fullmatch, (e.name for e in scan(uris.parse(place).local_path())))
                freed += sum(self._reclaim(uris.join(place, name)) for name in own)
        return freed

    def _reclaim(self, place: str) -> int:
        try:
            return self._artifacts(place).reclaim()
        except UnknownScheme:
            # Nothing here can open it, so nothing here was removed from it.
            return 0

    def experiments(
        self, *, deleted_before: int | None = None, experiment_ids: Collection[str] = ()
    ) -> Iterator[Experiment]:
        """Yield the deleted experiments: all, or those deleted before a time (ms), of these ids."""
        # Taken together before the first is removed: removing shifts later pages.
        search = partial(
            self._store.search_experiments, view=ViewType.DELETED_ONLY, max_results=_PAGE
        )
        for experiment in list(paging.items(search)):
            changed = experiment.last_update_time or 0
            if deleted_before is not None and changed >= deleted_before:
                continue
            if not experiment_ids or experiment.experiment_id in experiment_ids:
                yield experiment

    def is_empty(self, experiment: Experiment) -> bool:
        """Whether an experiment has no runs left, deleted ones included."""
        ids = [experiment.experiment_id]
        return not self._store.search_runs(ids, view=ViewType.ALL, max_results=1)

    def remove_experiment(self, experiment: Experiment) -> bool:
        """Remove a deleted experiment; False if it is in use again, or something in it is kept."""
        if self.holds(experiment) or not self.is_empty(experiment):
            return False
        try:
            self._store.purge_experiment(experiment.experiment_id)
        except NotFound:
            return True
        except InvalidState:
            return False
        return True

    def _place(self, doomed: Doomed) -> _Place | None:
        """Return the directory that holds these files and nothing else; None if unknown.

        A directory is taken for the owner's alone only if its id is part of the path: whatever
        else the store may say, the files of others stay.
        """
        location = self._location(doomed.experiment_id)
        base, _, query = location.partition("?")
        artifact_uri = self._store.located(doomed.artifact_uri)
        uri, _, own_query = artifact_uri.partition("?")
        inside = uri.removeprefix(base.rstrip("/") + "/")
        if inside != uri and query == own_query:
            is_own = f"{inside}/".startswith(f"{doomed.own}/")
            return _Place(location, doomed.own) if is_own else None
        last_parts = uris.parse(artifact_uri).path.rstrip("/").split("/")[-2:]
        return _Place(artifact_uri, "") if doomed.id in last_parts else None

    def _location(self, experiment_id: str) -> str:
        if experiment_id not in self._locations:
            experiment = self._store.get_experiment(experiment_id)
            location = self._store.located(experiment.artifact_location)
            self._locations[experiment_id] = location
        return self._locations[experiment_id]


def _without_query(uri: str) -> str:
    return uri.partition("?")[0].rstrip("/")


def _run(info: RunInfo) -> Doomed:
    place = (info.experiment_id, info.artifact_uri, info.run_id)
    return Doomed(Kind.RUN, info.run_id, info.run_name, *place)


def _model(model: LoggedModel) -> Doomed:
    place = (model.experiment_id, model.artifact_location, f"models/{model.model_id}")
    return Doomed(Kind.MODEL, model.model_id, model.name, *place)
