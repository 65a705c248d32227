"""The contract of traces: what applications did, step by step, and how good that was."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.contracts.ability import Able
from pegboard.entities import Page
from pegboard.entities.traces import Assessment, Span, Trace, TraceInfo

DEFAULT_PAGE = 100
"""How many traces a search returns by default."""

MAX_LINKS = 100
"""How many traces can be linked to a run at once."""

CHANGEABLE = frozenset({"name", "value", "error", "rationale", "metadata", "valid"})
"""What of an assessment can be changed."""


class TraceStore(Able, ABC):
    """The traces of a tracking store, as ``TrackingStore.traces`` returns them.

    The outline of a trace and its spans arrive on different ways and in any order: whatever comes
    first creates the trace. Unknown ids raise NotFound. Every method may be called from any thread.
    """

    @abstractmethod
    def start(self, info: TraceInfo) -> TraceInfo:
        """Record the outline of a trace in an active experiment, and return it as it is now.

        If the trace is known, the new values replace the old; tags and metadata are added. The tag
        ``mlflow.artifactLocation`` says where files of the trace belong.
        """

    @abstractmethod
    def log_spans(
        self,
        experiment_id: str,
        spans: Sequence[Span],
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Add spans of one or many traces, all or none; a span that is known is replaced.

        A trace whose outline is not known gets one from its spans, in this experiment. ``tags``
        are set too, by the ids of these traces.
        """

    @abstractmethod
    def infos(self, trace_ids: Sequence[str]) -> list[TraceInfo]:
        """Return the outlines of traces, in order; unknown ones are left out."""

    @abstractmethod
    def traces(self, trace_ids: Sequence[str]) -> list[Trace]:
        """Return traces with their spans, in order; unknown ones are left out."""

    @abstractmethod
    def get(self, trace_id: str) -> Trace:
        """Return a trace with its spans."""

    @abstractmethod
    def search(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[TraceInfo]:
        """Return outlines of traces of these experiments that match; by default the last first.

        Conditions on ``span.…`` that are joined by AND are about one and the same span. A trace is
        of a run (``run_id``) if it was made by it or linked to it. ``prompt = 'NAME/VERSION'``
        holds of traces that the version of the prompt is linked to.
        """

    @abstractmethod
    def set_tag(self, trace_id: str, key: str, value: str) -> None:
        """Set or change a tag."""

    @abstractmethod
    def delete_tag(self, trace_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""

    @abstractmethod
    def delete(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] | None = None,
        max_timestamp: int | None = None,
        max_traces: int | None = None,
    ) -> int:
        """Remove traces of an experiment for good; return how many there were.

        Either those named, or the oldest ones up to a time (ms), at most ``max_traces``.
        """

    @abstractmethod
    def link_to_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Make traces, MAX_LINKS at most, found as the run's; unknown ones are passed over."""

    @abstractmethod
    def link_prompts(self, trace_id: str, prompts: Sequence[tuple[str, str]]) -> None:
        """Link versions of prompts, each a name and a version, to a trace."""

    @abstractmethod
    def create_assessment(self, assessment: Assessment) -> Assessment:
        """Add an assessment to a trace; the store gives the id and, if need be, the times."""

    @abstractmethod
    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        """Return an assessment."""

    @abstractmethod
    def update_assessment(
        self, trace_id: str, assessment_id: str, changes: Mapping[str, Any]
    ) -> Assessment:
        """Change some of ``name``, ``value``, ``error``, ``rationale``, ``metadata``, ``valid``.

        Metadata is added to what is there.
        """

    @abstractmethod
    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """Remove an assessment, if it is there; what it overrode is valid again."""
