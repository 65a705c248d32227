"""The contract of activity: what happens in a store, counted without loading its runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from attrs import field, frozen
from pegboard.entities import Metric, RunInfo

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


@frozen
class Course:
    """How a run stands with a metric."""

    last: Metric | None = None
    spark: Sequence[float] = ()
    """Up to SPARK finite values by step, evenly taken from all points, the last one among them.
    Unlike a curve it may miss a spike, and takes no longer for a long history."""
    counts: Mapping[str, int] = field(factory=dict)
    """The params of the run that are whole numbers from 1 on."""


SPARK = 32


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
    def metric_keys(self, experiment_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, by experiment, metrics of the latest runs, and how many of those have each.

        Reads only some of the latest runs, and returns only the metrics that most of them have.
        """

    @abstractmethod
    def best(
        self, metrics: Mapping[str, tuple[str, bool]], *, before: RunInfo | None = None
    ) -> Mapping[str, BestRun]:
        """Return, by experiment, the run with the best finite last value of a metric.

        ``metrics`` names by experiment the metric, and whether greater is better. If several are
        equally good, any of them is returned; none if no run has the metric. With ``before``, only
        runs that began earlier than it count, and may be looked for only among the best 2,000.
        """

    @abstractmethod
    def courses(self, wanted: Mapping[str, str]) -> Mapping[str, Course]:
        """Return how runs stand with a metric each, by run; unknown runs are left out."""

    @abstractmethod
    def children(self, run_id: str) -> int:
        """Return how many active runs name a run as their parent."""
