"""Activity in stores that have no ability for it: told from the latest runs of each experiment."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment, Metric, Run, RunInfo, RunStatus
from pegboard.errors import NotFound
from pegboard.literals import literal
from pegboard.tags import PARENT_RUN_ID
from pegboard_stores import cancellation
from pegboard_stores.activity import (
    DAY_MS,
    DAYS,
    SPARK,
    ActiveExperiments,
    Activity,
    BestRun,
    Course,
    ExperimentActivity,
    LiveRuns,
)

MOST_EXPERIMENTS = 1_000
MOST_RUNS = 1_000
"""How many of an experiment's runs are read, the last started ones."""
LATEST = 3
_MANY = 1_000
_LARGEST = 10**15


class PlainActivity(Activity):
    """Counts runs by reading them; one is made for each answer."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store
        self._runs_of: dict[str, Sequence[Run]] = {}

    def experiments(self, now: int, *, offset: int = 0, limit: int = 50) -> ActiveExperiments:
        """Return active experiments, those of the last activity first."""
        found = [self._activity(experiment, now) for experiment in self._experiments()]
        found.sort(key=lambda each: (each.last_activity is None, -(each.last_activity or 0)))
        return ActiveExperiments(len(found), found[offset : offset + limit])

    def live(self, *, limit: int = 50) -> LiveRuns:
        """Return the runs of active experiments that are RUNNING."""
        found = [run.info for run in self._all() if run.info.status is RunStatus.RUNNING]
        found.sort(key=lambda info: -info.start_time)
        return LiveRuns(len(found), found[:limit])

    def ended(self, since: int, *, limit: int = 50) -> Sequence[RunInfo]:
        """Return runs that ended at a time or later, the last first."""
        found = [run.info for run in self._all() if (run.info.end_time or -1) >= since]
        return sorted(found, key=lambda info: -(info.end_time or 0))[:limit]

    def metric_keys(self, experiment_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Return, by experiment, metrics of the latest runs, and how many of those have each."""
        return {each: self._keys(each) for each in experiment_ids}

    def _keys(self, experiment_id: str) -> Mapping[str, int]:
        logged = [run for run in self._runs(experiment_id) if run.data.latest][:LATEST]
        counts = Counter(key for run in logged for key in run.data.latest)
        most = max(counts.values(), default=0)
        return {key: count for key, count in counts.items() if count == most}

    def best(
        self, metrics: Mapping[str, tuple[str, bool]], *, before: RunInfo | None = None
    ) -> Mapping[str, BestRun]:
        """Return, by experiment, the run with the best finite last value of a metric."""
        found = {}
        for experiment, (key, rises) in metrics.items():
            values = [
                BestRun(run.info, run.data.metrics[key])
                for run in self._runs(experiment)
                if math.isfinite(run.data.metrics.get(key, math.nan))
                and (before is None or run.info.start_time < before.start_time)
            ]
            choose = max if rises else min
            if values:
                found[experiment] = choose(values, key=lambda each: each.value)
        return found

    def courses(self, wanted: Mapping[str, str]) -> Mapping[str, Course]:
        """Return how runs stand with a metric each, by run."""
        found = {}
        for run_id, key in wanted.items():
            cancellation.check()
            try:
                run = self._store.get_run(run_id)
            except NotFound:
                continue
            points = self._store.sampled_history(run_id, key, _MANY)
            counts = {
                name: int(value)
                for name, value in run.data.params.items()
                if value.isascii() and value.isdigit() and 1 <= int(value[:16]) < _LARGEST
            }
            found[run_id] = Course(run.data.latest.get(key), _spark(points), counts)
        return found

    def children(self, run_id: str) -> int:
        """Return how many active runs name a run as their parent; MOST_RUNS at the most."""
        where = f"tags.`{PARENT_RUN_ID}` = {literal(run_id)}"
        ids = [experiment.experiment_id for experiment in self._experiments()]
        return len(self._store.search_runs(ids, filter=where, max_results=MOST_RUNS))

    def _experiments(self) -> Iterator[Experiment]:
        yield from self._store.search_experiments(max_results=MOST_EXPERIMENTS)

    def _runs(self, experiment_id: str) -> Sequence[Run]:
        if experiment_id not in self._runs_of:
            cancellation.check()
            found = self._store.search_runs([experiment_id], max_results=MOST_RUNS)
            self._runs_of[experiment_id] = found
        return self._runs_of[experiment_id]

    def _all(self) -> Iterator[Run]:
        for experiment in self._experiments():
            yield from self._runs(experiment.experiment_id)

    def _activity(self, experiment: Experiment, now: int) -> ExperimentActivity:
        runs = self._runs(experiment.experiment_id)
        days = [0] * DAYS
        for run in runs:
            day = (now - run.info.start_time) // DAY_MS
            if 0 <= day < DAYS:
                days[DAYS - 1 - day] += 1
        status = Counter(run.info.status for run in runs)
        return ExperimentActivity(
            experiment_id=experiment.experiment_id,
            name=experiment.name,
            runs=len(runs),
            live=status[RunStatus.RUNNING],
            failed=status[RunStatus.FAILED],
            last_activity=max((time for run in runs for time in _times(run)), default=None),
            strip=days,
            tags=experiment.tags,
        )


def _times(run: Run) -> Iterator[int]:
    yield run.info.start_time
    if run.info.end_time is not None:
        yield run.info.end_time
    if run.info.status is RunStatus.RUNNING:
        yield from (point.timestamp for point in run.data.latest.values())


def _spark(points: Sequence[Metric]) -> list[float]:
    last = len(points) - 1
    places = {round(i * last / (SPARK - 1)) for i in range(SPARK)} if last >= 0 else ()
    values = (points[place].value for place in sorted(places))
    return [value for value in values if math.isfinite(value)]
