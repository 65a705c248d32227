"""The contract of registered scorers, and the values that it speaks of.

Times are ms since 1970.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from attrs import frozen


@frozen(kw_only=True)
class ScorerVersion:
    """One version of a scorer, which is never changed."""

    scorer_id: str
    """The same for all versions."""
    experiment_id: str
    name: str
    version: int
    """From 1; a number that was deleted does not come again, as far as the store can see to it."""
    serialized: str
    """JSON, as MLflow serializes scorers (``content``). It may hold code: a store never runs it."""
    created_time: int


@frozen(kw_only=True)
class Schedule:
    """How many of the new traces of its experiment a scorer judges, and which."""

    schedule_id: str
    scorer_id: str
    experiment_id: str
    sample_rate: float
    """The share of traces, from 0 (none) to 1."""
    filter: str = ""
    """Traces that match (``filters.TRACES``); empty: all."""


class Scorers(ABC):
    """Keeps scorers, by experiment and name.

    An unknown experiment, scorer or version is NotFound, and a deleted experiment Deleted, unless
    a method says otherwise.
    """

    @abstractmethod
    def register(self, experiment_id: str, name: str, serialized: str) -> ScorerVersion:
        """Add a version of a scorer; InvalidValue for what is none."""

    @abstractmethod
    def latest(self, experiment_ids: Sequence[str] | None = None) -> Sequence[ScorerVersion]:
        """Return the latest version of each scorer, by experiment and name; None: of all.

        Experiments that are unknown or deleted are passed over.
        """

    @abstractmethod
    def versions(self, experiment_id: str, name: str) -> Sequence[ScorerVersion]:
        """Return all versions of a scorer, the first first."""

    @abstractmethod
    def get(self, experiment_id: str, name: str, version: int | None = None) -> ScorerVersion:
        """Return a version of a scorer, by default the latest."""

    @abstractmethod
    def by_id(self, scorer_id: str, version: int | None = None) -> ScorerVersion:
        """Return a version of the scorer of this id, by default the latest."""

    @abstractmethod
    def delete(self, experiment_id: str, name: str, version: int | None = None) -> None:
        """Delete a version of a scorer, or all; with the last one its schedule goes, too."""

    @abstractmethod
    def schedule(
        self, experiment_id: str, name: str, sample_rate: float, filter: str = ""
    ) -> Schedule:
        """Let a scorer judge a share of the traces to come, in place of its schedule until now.

        InvalidValue for a rate outside of 0 to 1, and, if it is above 0, for a scorer that cannot
        judge traces by itself (``content.check_schedulable``). FilterError.
        """

    @abstractmethod
    def schedules(self, scorer_ids: Sequence[str]) -> Sequence[Schedule]:
        """Return the schedules of those of the scorers that have one, in the order of the ids."""

    @abstractmethod
    def scheduled(self) -> Sequence[tuple[ScorerVersion, Schedule]]:
        """Return the latest versions of all scorers that judge a share above 0, by experiment."""


@frozen(kw_only=True)
class ScoringTask:
    """A trace that a scheduled scorer is to judge."""

    task_id: int
    scorer: ScorerVersion
    """The latest version."""
    schedule: Schedule
    trace_id: str
    tries: int
    """How often it was claimed, this time included."""


class ScoringTasks(ABC):
    """What schedules have to do, durable, for several processes at once.

    A trace becomes a task when it arrives after its schedule began, if it is sampled
    (``content.is_sampled``). A task that is claimed is nobody else's for a while; it goes when it
    is finished, with its trace or scorer, and when the schedule stops. An ability of its own:
    a store that keeps scorers need not have it.
    """

    @abstractmethod
    def fill(self, limit: int = 1000) -> int:
        """Look at up to ``limit`` new traces for each schedule; return at how many it was.

        Where a schedule has come to is durable: each trace is looked at once.
        """

    @abstractmethod
    def claim(self, limit: int, seconds: float) -> Sequence[ScoringTask]:
        """Return tasks, the longest free first, that others get only after ``seconds``."""

    @abstractmethod
    def postpone(self, task: ScoringTask, seconds: float) -> None:
        """Let a task be free only after some time."""

    @abstractmethod
    def finish(self, task: ScoringTask) -> None:
        """Note that nothing is left to be done."""
