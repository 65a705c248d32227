"""The contract of tracking stores: where experiments, runs and their data are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from attrs import frozen

from pegboard import uris
from pegboard.contracts.ability import Able
from pegboard.entities import (
    DatasetInput,
    DatasetSummary,
    Experiment,
    Metric,
    Page,
    Param,
    Run,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.paths import safe_relative

if TYPE_CHECKING:
    from pegboard.contracts.logged_models import LoggedModelStore
    from pegboard.contracts.traces import TraceStore

T = TypeVar("T")

SEARCH_LIMIT = 50_000
"""The largest page a search may be asked for, in entities."""


@frozen
class MetricColumns:
    """Points of one metric: columns of equal length. ``token`` fetches the next ones."""

    steps: Sequence[int]
    timestamps: Sequence[int]
    values: Sequence[float]
    token: str | None = None


class MetricWriter(ABC):
    """The way metrics go from one process into a store.

    A call that has returned is durable against the death of the process (``kill -9``). Reads
    through any store object of the same URI, in any process, see it.

    A writer may be used from several threads. ``attach`` and ``detach`` tell it which runs this
    process keeps alive: an attached run that stops giving signs of life becomes LOST.
    """

    quick: bool = False
    """Whether logging never waits: no lock, no transaction, no network."""

    @abstractmethod
    def log(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> None:
        """Append one point. ``timestamp`` in ms; ``step`` any 64-bit integer.

        Raises InvalidValue for a bad key, value or step, NotFound for an unknown run and
        InvalidState for a deleted one (both known at the latest when the run was attached).
        """

    @abstractmethod
    def log_many(self, run_id: str, values: Mapping[str, float], timestamp: int, step: int) -> None:
        """Append one point per key, all of the same time and step; all or none is kept."""

    def verify(self, run_id: str) -> None:  # noqa: B027 (one that asks the store each time)
        """Notice if others deleted a run since it was last logged to: NotFound or InvalidState.

        For servers, whose clients change through one process what they log to through another.
        """

    def attach(self, run_id: str) -> None:  # noqa: B027 (a store without heartbeats needs none)
        """Keep this run alive until ``detach``."""

    def detach(self, run_id: str) -> None:  # noqa: B027
        """Stop keeping this run alive."""

    def flush(self) -> None:  # noqa: B027
        """Bring everything logged so far into the store proper: readers anywhere see it then."""

    def settle(self, run_id: str) -> None:  # noqa: ARG002 (a store at hand has it all)
        """Flush, and bring in what other processes here, such as forked ones, logged to a run.

        Called before a run ends, so that its end does not come before its last points.
        """
        self.flush()

    def close(self) -> None:
        """Flush and give up all resources; what later calls do is undefined."""
        self.flush()


class TrackingStore(Able, ABC):
    """Experiments, runs and their data.

    Ids are strings chosen by the store. Entities are values: changing what a store returned does
    not change the store. Every method may be called from any thread. Names, keys and values obey
    the limits in ``pegboard_stores.validation``; stores call it, callers need not.
    ``pegboard_stores.basic_store`` has some of the methods, written in terms of the others.

    Unknown ids raise NotFound; a change to a deleted run or experiment raises InvalidState.
    A new store holds one experiment, named ``Default``, with the id ``0``.
    """

    # -- experiments ---------------------------------------------------------------------------

    @abstractmethod
    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Create an experiment. AlreadyExists if an active or deleted one has that name.

        A relative artifact location is resolved now, against where this process runs.
        """

    @abstractmethod
    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted ones too."""

    @abstractmethod
    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted ones too; None if there is none."""

    @abstractmethod
    def search_experiments(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Return experiments that match; by default the last updated first."""

    @abstractmethod
    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name."""

    @abstractmethod
    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""

    @abstractmethod
    def restore_experiment(self, experiment_id: str) -> None:
        """Undo ``delete_experiment``; runs deleted with it come back too."""

    @abstractmethod
    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags of an active experiment."""

    @abstractmethod
    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""

    # -- runs ----------------------------------------------------------------------------------

    @abstractmethod
    def create_run(
        self,
        experiment_id: str,
        *,
        run_id: str | None = None,
        run_name: str | None = None,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Create a RUNNING run in an active experiment.

        ``run_id`` defaults to 32 random hex digits; AlreadyExists if it is taken. ``run_name``
        defaults to the tag ``mlflow.runName``, else to a random name; the tag is always set.
        """

    @abstractmethod
    def get_run(self, run_id: str) -> Run:
        """Return a run with its latest data, deleted ones too."""

    @abstractmethod
    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None. RUNNING clears ``end_time``, unless one is given."""

    @abstractmethod
    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""

    @abstractmethod
    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``."""

    @abstractmethod
    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Run]:
        """Return runs of these experiments that match; by default the last started first."""

    # -- a run's data --------------------------------------------------------------------------

    @abstractmethod
    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Add metrics and params, set tags: all of it or, on an error, nothing.

        A metric with a ``model_id`` is one of the logged model too, in stores that keep these; if
        the run has the very point already, it becomes the model's and is not added again. A param
        may be repeated with its value, but not changed (InvalidValue). The tag ``mlflow.runName``
        renames the run.
        """

    @abstractmethod
    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""

    @abstractmethod
    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record datasets used by the run; one that is known (name and digest) is recorded once."""

    @abstractmethod
    def search_datasets(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Return what datasets the runs of experiments used, each context once; 1000 at most."""

    @abstractmethod
    def metric_history(
        self,
        run_id: str,
        key: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[Metric]:
        """Return all points of a metric in the order they were logged; empty if there are none.

        Of several points with equal step, timestamp and value, only the first is kept; NaN equals
        NaN.
        """

    @abstractmethod
    def metric_columns(
        self,
        run_id: str,
        key: str,
        *,
        by_time: bool = False,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> MetricColumns:
        """Return the same as ``metric_history`` in columns, which is faster in some stores.

        With ``by_time`` they are in the order of time, those of one time in the order of steps, and
        those of one step in that of values, where NaN counts as 0.
        """

    @abstractmethod
    def sampled_history(
        self,
        run_id: str,
        key: str,
        points: int,
        *,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> list[Metric]:
        """Return at most ``points`` points, ordered by step, that draw the same curve.

        The least and the greatest value of each stretch are kept, so no spike is lost. Steps
        outside ``start_step`` to ``end_step`` (both included) are left out.
        """

    # -- further abilities ---------------------------------------------------------------------

    @abstractmethod
    def logged_models(self) -> LoggedModelStore:
        """Return the logged models kept here; NotSupported if this store keeps none."""

    @abstractmethod
    def traces(self) -> TraceStore:
        """Return the traces kept here; NotSupported if this store keeps none."""

    # -- writing and housekeeping --------------------------------------------------------------

    @abstractmethod
    def metric_writer(self) -> MetricWriter:
        """Return a writer for this process."""

    @abstractmethod
    async def soon(self, work: Callable[[], T]) -> T:
        """Do work that only creates or changes runs, params and tags, for an event loop.

        A store may do together what comes at the same time.
        """

    @abstractmethod
    def deleted_runs(self, *, deleted_before: int | None = None) -> Iterable[RunInfo]:
        """Return the runs marked as deleted, all or those marked before a time (ms)."""

    @abstractmethod
    def purge_run(self, run_id: str) -> None:
        """Remove a deleted run and all its data for good (its artifacts are the caller's)."""

    @abstractmethod
    def purge_experiment(self, experiment_id: str) -> None:
        """Remove a deleted experiment that has no runs left for good."""

    def artifact_destination(self) -> str | None:
        """Return the URI below which files are kept that clients send through a server.

        Locations of the scheme ``mlflow-artifacts`` are paths below it; None: there are none.
        """
        return None

    def located(self, artifact_uri: str) -> str:
        """Return the URI that opens what an artifact location of this store names."""
        destination = self.artifact_destination()
        if destination is None or not artifact_uri.startswith(f"{uris.PROXIED}:"):
            return artifact_uri
        path = safe_relative(uris.path_behind_host(uris.parse(artifact_uri)))
        return uris.join(destination, quote(path)) if path else destination

    def reclaim(self) -> int:
        """Give space of purged data back to the system; return the bytes freed."""
        return 0

    def faults(self) -> Iterable[tuple[str, str]]:
        """Return what is amiss although the store works: what it is, and what to do about it.

        ``pegboard doctor`` shows them.
        """
        return ()

    def close(self) -> None:
        """Give up all resources; what later calls do is undefined.

        Closing once more does no harm.
        """
