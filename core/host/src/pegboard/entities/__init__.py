"""What is tracked: experiments, runs and what belongs to them.

Plain values without behaviour. Field names are MLflow's, so that code written against its
entities reads ours. Times are milliseconds since the Unix epoch.

What a script that logs to a run does not need is imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum, StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import field, frozen

if TYPE_CHECKING:
    from pegboard.entities.logged_models import *  # noqa: F403
    from pegboard.entities.logged_models import LoggedModelInput, LoggedModelOutput
    from pegboard.entities.traces import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.logged_models"), name, None)
    if value is not None:
        globals()[name] = value
        return value
    # What scripts make and read of traces has more to it than what stores keep. It is not kept
    # here: another host may know other plugins.
    found = import_module("pegboard.host").current()
    try:
        return found.api_name(f"entities.{name}")
    except LookupError:
        value = getattr(import_module(f"{__name__}.traces"), name, None)
    if value is None:
        raise AttributeError(found.explain_missing(f"entities.{name}"))
    return value


T = TypeVar("T")


class RunStatus(StrEnum):
    """The states of a run."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    LOST = "LOST"
    """Its process stopped giving signs of life; data that arrives later re-opens the run."""

    @property
    def is_terminated(self) -> bool:
        """Whether the run has ended, in whichever way."""
        return self not in (RunStatus.RUNNING, RunStatus.SCHEDULED)

    @staticmethod
    def to_string(status: RunStatus) -> str:
        """Return the name of a status; for scripts written for MLflow, where it is a number."""
        return status.value

    @staticmethod
    def from_string(name: str) -> RunStatus:
        """Return the status of a name, the counterpart of ``to_string``."""
        return RunStatus(name)


class LifecycleStage(StrEnum):
    """Whether an entity is in use or awaits permanent deletion."""

    ACTIVE = "active"
    DELETED = "deleted"


class ViewType(IntEnum):
    """Which lifecycle stages a search looks at; the values are MLflow's."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    def shows(self, stage: LifecycleStage) -> bool:
        """Whether entities of this stage are part of the view."""
        return self is ViewType.ALL or self.name == f"{stage.name}_ONLY"


class Page(list[T], Generic[T]):
    """One page of a longer answer. ``token`` fetches the next page; None on the last one."""

    def __init__(self, items: Iterable[T] = (), token: str | None = None) -> None:
        super().__init__(items)
        self.token = token


@frozen
class Experiment:
    """A named group of runs."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: LifecycleStage = LifecycleStage.ACTIVE
    tags: Mapping[str, str] = field(factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None


@frozen
class Metric:
    """One point of a metric: a value at a step and a time. NaN and infinities are values.

    ``model_id`` says which logged model was measured, ``dataset_name`` and ``dataset_digest`` on
    what data. ``run_id`` is set only on the metrics of a logged model, which come from many runs.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


@frozen
class Pair:
    """A name and a text."""

    key: str
    value: str


class Param(Pair):
    """An input of a run, as text; set once."""

    __slots__ = ()


class RunTag(Pair):
    """A note on a run; may be changed at any time."""

    __slots__ = ()


@frozen
class Dataset:
    """A description of data that a run used. ``source``, ``schema``, ``profile`` are JSON text."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class InputTag(Pair):
    """A note on the use of a dataset by a run, such as its context: training or evaluation."""

    __slots__ = ()


@frozen
class DatasetInput:
    """The use of a dataset by a run."""

    dataset: Dataset
    tags: Sequence[InputTag] = ()


@frozen
class DatasetSummary:
    """A dataset that runs of an experiment used; ``context`` says for what, if they do."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


@frozen
class RunInputs:
    """What went into a run."""

    dataset_inputs: Sequence[DatasetInput] = ()
    model_inputs: Sequence[LoggedModelInput] = ()


@frozen
class RunOutputs:
    """What came out of a run."""

    model_outputs: Sequence[LoggedModelOutput] = ()


@frozen
class RunInfo:
    """The outline of a run."""

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    status: RunStatus
    start_time: int
    end_time: int | None
    lifecycle_stage: LifecycleStage
    artifact_uri: str

    @property
    def run_uuid(self) -> str:
        """The older name of ``run_id``."""
        return self.run_id


@frozen
class RunData:
    """What a run logged. ``latest`` holds the last point of each metric."""

    latest: Mapping[str, Metric] = field(factory=dict)
    params: Mapping[str, str] = field(factory=dict)
    tags: Mapping[str, str] = field(factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric, by key."""
        return {key: point.value for key, point in self.latest.items()}


@frozen
class Run:
    """A run with its latest data."""

    info: RunInfo
    data: RunData = field(factory=RunData)
    inputs: RunInputs = field(factory=RunInputs)
    outputs: RunOutputs = field(factory=RunOutputs)


@frozen
class FileInfo:
    """An artifact: its path below the store's root, and its size in bytes (None: a directory)."""

    path: str
    is_dir: bool
    file_size: int | None = None
