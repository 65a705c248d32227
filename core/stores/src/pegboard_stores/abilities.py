"""What a tracking store may be able to do beyond its contract: each ability is one object.

A store that has an ability returns it from ``TrackingStore.ability``, and passes the tests of it in
``pegboard_testing``; one without returns None, and does without.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from pegboard.entities import Metric, Param, RunTag

if TYPE_CHECKING:
    from pegboard.entities.traces import Assessment


@frozen
class Batch:
    """The name and the number of a batch; of each name, numbers rise.

    A client that lost the answer sends a batch again, and it is not to be taken twice: a batch
    whose number is not above the last one of its name was taken before.
    """

    name: str
    """Of 1 to 100 letters, digits, ``_`` and ``-``."""
    number: int
    """From 0 to 10**18 - 1."""


class Batches(ABC):
    """Takes batches once, however often they are sent.

    A batch of which anything is wrong counts as not sent: nothing of it is kept, and its number
    may come again.
    """

    @abstractmethod
    def log(
        self,
        batch: Batch,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Do what ``log_batch`` does, unless the batch was taken before."""


class PackedPoints(ABC):
    """Takes points as they are kept in journals: quicker, as none of them becomes an object."""

    @abstractmethod
    def log(self, batch: Batch, run_id: str, series: Mapping[str, bytes]) -> None:
        """Add points to metrics of a run, by key, unless the batch was taken before.

        A point has 24 bytes: int64 step, int64 timestamp in ms, float64 value (little-endian).
        All of it or, on an error, nothing. NotFound, InvalidState, InvalidValue for a bad key.
        """


class Heartbeats(ABC):
    """Hears clients of a server; runs whose client falls silent become LOST."""

    seconds: float
    """How often a client gives a sign of life."""

    @abstractmethod
    def hear(self, client: str, run_ids: Sequence[str], ended: Sequence[str] = ()) -> None:
        """Note that a client is alive; unknown runs are passed over.

        ``run_ids`` live and die with it from now on, and ``ended`` no longer.
        """

    @abstractmethod
    def forget(self, client: str) -> None:
        """Note that a client has ended in order; runs that it still keeps are lost in due time."""


class SpanJournal(ABC):
    """A writer of metrics that also takes spans: nothing is asked of the store, all is kept.

    Unlike the others this is an ability of what ``TrackingStore.metric_writer`` returns.
    """

    @abstractmethod
    def log_spans(self, content: bytes) -> None:
        """Keep lines of ``traces.records``; they are durable against the death of the process."""


class ManyAssessments(ABC):
    """Takes many assessments in the time of few. An ability of what ``traces`` returns."""

    @abstractmethod
    def create_assessments(self, given: Sequence[Assessment]) -> list[str]:
        """Add assessments, of any traces, all or none; return their ids, in order.

        NotFound, where a trace or what one overrides is not there.
        """


@frozen
class Waiting:
    """What was logged to a run and waits on this machine to be sent to the store."""

    points: int
    requests: int
    """How many other requests wait: params, tags or the end of the run."""
    place: str


class Outbox(ABC):
    """Keeps on this machine what was logged until the store, which is elsewhere, can take it."""

    @abstractmethod
    def waiting(self, run_id: str) -> Waiting | None:
        """Return what was logged to a run on this machine and is not in the store yet, if any."""
