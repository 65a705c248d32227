"""Registered scorers over a mapping: the meaning of their contract, in plain Python."""

from __future__ import annotations

import uuid
from collections.abc import MutableMapping, Sequence

from attrs import define
from pegboard.entities import LifecycleStage

from pegboard_stores.clock import now_ms
from pegboard_stores.mapping_records import Records
from pegboard_stores.scorers import Schedule, Scorers, ScorerVersion, content


@define
class ScorerState:
    """All that is kept of one scorer; the value type of the mapping of scorers, by id."""

    scorer_id: str
    experiment_id: str
    name: str
    last: int = 0
    versions: tuple[ScorerVersion, ...] = ()
    schedule: Schedule | None = None


class MappingScorers(Scorers):
    """Scorers, each a value in a mapping."""

    def __init__(self, records: Records, states: MutableMapping[str, ScorerState]) -> None:
        """``records`` are those of the store: its experiments, and the lock."""
        self._records = records
        self._states = states

    def _find(self, experiment_id: str, name: str) -> ScorerState | None:
        wanted = (self._records.active_experiment(experiment_id).experiment_id, name)
        every = self._states.values()
        return next((each for each in every if (each.experiment_id, each.name) == wanted), None)

    def _state(self, experiment_id: str, name: str) -> ScorerState:
        found = self._find(experiment_id, name)
        if found is None:
            raise content.no_scorer(experiment_id, name)
        return found

    def register(self, experiment_id: str, name: str, serialized: str) -> ScorerVersion:
        """Add a version of a scorer."""
        content.name(name)
        content.data(serialized)
        with self._records.lock:
            state = self._find(experiment_id, name)
            if state is None:
                state = ScorerState(str(uuid.uuid4()), experiment_id, name)
            state.last += 1
            made = ScorerVersion(
                scorer_id=state.scorer_id,
                experiment_id=state.experiment_id,
                name=name,
                version=state.last,
                serialized=serialized,
                created_time=now_ms(),
            )
            state.versions = (*state.versions, made)
            self._states[state.scorer_id] = state
            return made

    def _visible(self) -> list[ScorerState]:
        """Return the scorers of experiments that are there, in order."""
        known = self._records.experiments
        found = [
            state
            for state in self._states.values()
            if (home := known.get(state.experiment_id)) is not None
            and home.lifecycle_stage is LifecycleStage.ACTIVE
        ]
        return sorted(found, key=lambda it: (len(it.experiment_id), it.experiment_id, it.name))

    def latest(self, experiment_ids: Sequence[str] | None = None) -> Sequence[ScorerVersion]:
        """Return the latest version of each scorer, by experiment and name; None: of all."""
        with self._records.lock:
            return [
                state.versions[-1]
                for state in self._visible()
                if experiment_ids is None or state.experiment_id in experiment_ids
            ]

    def versions(self, experiment_id: str, name: str) -> Sequence[ScorerVersion]:
        """Return all versions of a scorer, the first first."""
        with self._records.lock:
            return self._state(experiment_id, name).versions

    def get(self, experiment_id: str, name: str, version: int | None = None) -> ScorerVersion:
        """Return a version of a scorer, by default the latest."""
        found = self.versions(experiment_id, name)
        if version is None:
            return found[-1]
        for each in found:
            if each.version == version:
                return each
        raise content.no_version(experiment_id, name, version)

    def by_id(self, scorer_id: str, version: int | None = None) -> ScorerVersion:
        """Return a version of the scorer of this id, by default the latest."""
        with self._records.lock:
            found = [each for each in self._visible() if each.scorer_id == scorer_id]
            for each in reversed(found[0].versions if found else ()):
                if version in (None, each.version):
                    return each
        raise content.no_id(scorer_id, version)

    def delete(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, or all."""
        with self._records.lock:
            state = self._state(experiment_id, name)
            if version is not None:
                self.get(experiment_id, name, version)
            left = tuple(each for each in state.versions if version not in (None, each.version))
            if not left:
                del self._states[state.scorer_id]
            else:
                state.versions = left
                self._states[state.scorer_id] = state

    def schedule(
        self, experiment_id: str, name: str, sample_rate: float, filter: str = ""
    ) -> Schedule:
        """Let a scorer judge a share of the traces to come."""
        with self._records.lock:
            state = self._state(experiment_id, name)
            rate = content.check_schedule(state.versions[-1], sample_rate, filter)
            state.schedule = Schedule(
                schedule_id=uuid.uuid4().hex,
                scorer_id=state.scorer_id,
                experiment_id=state.experiment_id,
                sample_rate=rate,
                filter=filter,
            )
            self._states[state.scorer_id] = state
            return state.schedule

    def schedules(self, scorer_ids: Sequence[str]) -> Sequence[Schedule]:
        """Return the schedules of those of the scorers that have one."""
        with self._records.lock:
            known = {each.scorer_id: each.schedule for each in self._visible()}
        found = (known.get(each) for each in dict.fromkeys(scorer_ids))
        return [each for each in found if each is not None]

    def scheduled(self) -> Sequence[tuple[ScorerVersion, Schedule]]:
        """Return the latest versions of all scorers that judge a share above 0."""
        with self._records.lock:
            return [
                (state.versions[-1], state.schedule)
                for state in self._visible()
                if state.schedule is not None and state.schedule.sample_rate > 0
            ]
