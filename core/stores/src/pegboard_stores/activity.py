"""The contract of activity: what happens in a store, counted without loading its runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from attrs import field, frozen
from pegboard.entities import RunInfo

DAYS = 30
DAY_MS = 86_400_000


@frozen(kw_only=True)
class ExperimentActivity:
    """What happened in an experiment. Only runs that are not deleted count."""

    experiment_id: str
    name: str
    runs: int
    live: int
    """How many are RUNNING."""
    failed: int
    last_activity: int | None
    """When a run last began, ended or, if it goes on, logged a metric (ms); None: never."""
    strip: Sequence[int]
    """How many runs began on each of the last DAYS days, each of 24 h, the last one ending now."""
    tags: Mapping[str, str] = field(factory=dict)


@frozen
class ActiveExperiments:
    """Active experiments, those of the last activity first, and how many there are."""

    total: int
    experiments: Sequence[ExperimentActivity]


@frozen
class LiveRuns:
    """Runs that are RUNNING, the last started first, and how many there are."""

    total: int
    runs: Sequence[RunInfo]


@frozen
class BestRun:
    """The run whose last value of a metric is best."""

    run: RunInfo
    value: float


class Activity(ABC):
    """Counts and finds what the first page shows."""

    @abstractmethod
    def experiments(self, now: int, *, offset: int = 0, limit: int = 50) -> ActiveExperiments:
        """Return active experiments; ``now`` in ms."""

    @abstractmethod
    def live(self, *, limit: int = 50) -> LiveRuns:
        """Return the runs of active experiments that are RUNNING."""

    @abstractmethod
    def ended(self, since: int, *, limit: int = 50) -> Sequence[RunInfo]:
        """Return runs that ended at a time (ms) or later, the last first."""

    @abstractmethod
    def metric_keys(self, experiment_id: str) -> Mapping[str, int]:
        """Return the metrics of some of the latest runs, and how many of those have each."""

    @abstractmethod
    def best(
        self, experiment_id: str, key: str, *, rises: bool, before: RunInfo | None = None
    ) -> BestRun | None:
        """Return the run with the best finite last value of a metric; of equals, any.

        With ``before``, only runs that began earlier than it, looked for among the best 2,000.
        """

    @abstractmethod
    def children(self, run_id: str) -> int:
        """Return how many active runs name a run as their parent."""
