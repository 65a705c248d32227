"""The traces of a mapping store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve
from pegboard import uris
from pegboard.contracts.traces import DEFAULT_PAGE, TraceStore
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.entities.traces import Assessment, Span, Trace, TraceInfo, TraceState

from pegboard_stores import cancellation, filters, refusals, validation
from pegboard_stores.mapping_pages import page
from pegboard_stores.mapping_records import Records, TraceRecord
from pegboard_stores.mapping_traces import assessments, figures, search
from pegboard_stores.mapping_traces.outlines import add_spans
from pegboard_stores.trace_figures import (
    MetricDataPoint,
    TraceFigures,
    TraceFilterCorrelation,
    TraceMetricsQuery,
)
from pegboard_stores.traces import checks, outline


class MappingTraces(TraceStore, TraceFigures):
    """Traces, each a record in the mapping of a store."""

    def __init__(self, records: Records) -> None:
        self._records = records

    # -- writing -------------------------------------------------------------------------------

    def start(self, info: TraceInfo) -> TraceInfo:
        """Record the outline of a trace, and return it as it is now."""
        trace_id = checks.checked_id(info.trace_id)
        tags = checks.checked_texts(info.tags, "tag")
        metadata = checks.checked_texts(info.trace_metadata, "metadata")
        for what, time in (("time", info.request_time), ("duration", info.execution_duration or 0)):
            validation.integer(trace_id, time, what)
        with self._records.lock:
            self._records.active_experiment(info.experiment_id)
            record = self._begun(trace_id, info.experiment_id)
            old = record.info
            record.info = evolve(
                info,
                state=TraceState(info.state),
                request_preview=_either(info.request_preview, old.request_preview),
                response_preview=_either(info.response_preview, old.response_preview),
                tags={**old.tags, **tags},
                trace_metadata={**old.trace_metadata, **metadata},
                assessments=(),
            )
            record.outlined = True
            for item in info.assessments:
                assessments.add(self._records, record, item)
            self._put(record)
            return record.to_info()

    def _begun(self, trace_id: str, experiment_id: str) -> TraceRecord:
        """Return a copy of a trace's record; a new one needs an active experiment."""
        known = self._records.traces.get(trace_id)
        if known is not None:
            return known.copied()
        home = self._records.active_experiment(experiment_id)
        location = uris.join(home.artifact_location, "traces", trace_id, "artifacts")
        tags = {outline.ARTIFACT_LOCATION: location}
        return TraceRecord(TraceInfo(trace_id, experiment_id, 0, TraceState.IN_PROGRESS, tags=tags))

    def _put(self, record: TraceRecord) -> None:
        self._records.traces[record.info.trace_id] = record

    def log_spans(
        self,
        experiment_id: str,
        spans: Sequence[Span],
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Add spans of one or many traces, all or none."""
        by_trace: dict[str, list[Span]] = {}
        for span in spans:
            checks.check_span(span)
            by_trace.setdefault(span.trace_id, []).append(span)
        given = {
            trace_id: checks.checked_texts(own, "tag") for trace_id, own in (tags or {}).items()
        }
        with self._records.lock:
            changed = []
            for trace_id, own in by_trace.items():
                record = self._begun(trace_id, experiment_id)
                add_spans(record, own, given.get(trace_id, {}))
                changed.append(record)
            for record in changed:
                self._put(record)

    # -- reading -------------------------------------------------------------------------------

    def infos(self, trace_ids: Sequence[str]) -> list[TraceInfo]:
        """Return the outlines of traces, in order; unknown ones are left out."""
        with self._records.lock:
            return [record.to_info() for record in self._known(trace_ids)]

    def traces(self, trace_ids: Sequence[str]) -> list[Trace]:
        """Return traces with their spans, in order; unknown ones are left out."""
        with self._records.lock:
            return [record.to_trace() for record in self._known(trace_ids)]

    def _known(self, trace_ids: Sequence[str]) -> list[TraceRecord]:
        found = map(self._records.traces.get, dict.fromkeys(trace_ids))
        return [record for record in found if record is not None]

    def get(self, trace_id: str) -> Trace:
        """Return a trace with its spans."""
        with self._records.lock:
            return self._records.trace(trace_id).to_trace()

    def _within(self, experiment_ids: Sequence[str]) -> list[TraceRecord]:
        """Return the traces of experiments, which nothing changes any more."""
        wanted = frozenset(experiment_ids)
        with self._records.lock:
            return [
                record.copied()
                for record in cancellation.checked(self._records.traces.values())
                if record.info.experiment_id in wanted
            ]

    def search(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        max_results: int = DEFAULT_PAGE,
        page_token: str | None = None,
    ) -> Page[TraceInfo]:
        """Return outlines of traces that match; by default the last first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        wanted = search.Search.of(filter)
        order = search.complete(filters.parse_order_by(order_by, filters.TRACES))
        found = search.ordered(wanted.found(self._within(experiment_ids)), order)
        query = (sorted(set(experiment_ids)), wanted, order)
        shown = page(found, query, max_results, page_token)
        return Page([record.to_info() for record in shown], shown.token)

    def correlation(
        self, experiment_ids: Sequence[str], filter1: str, filter2: str, *, base_filter: str = ""
    ) -> TraceFilterCorrelation:
        """Return how many traces of these experiments fit two filters, alone and together."""
        base, one, other = map(search.Search.of, (base_filter, filter1, filter2))
        every = base.found(self._within(experiment_ids))
        first = {record.info.trace_id for record in one.found(every)}
        second = {record.info.trace_id for record in other.found(every)}
        return TraceFilterCorrelation(len(first), len(second), len(first & second), len(every))

    def metrics(self, query: TraceMetricsQuery) -> list[MetricDataPoint]:
        """Return aggregated figures, ordered by time and dimensions."""
        wanted = figures.Figures.of(query)
        return wanted.found(self._within(query.experiment_ids))

    # -- changing ------------------------------------------------------------------------------

    def set_tag(self, trace_id: str, key: str, value: str) -> None:
        """Set or change a tag."""
        checked = checks.checked_texts({key: value}, "tag")
        with self._records.lock:
            record = self._records.trace(trace_id)
            record.info = evolve(record.info, tags={**record.info.tags, **checked})
            self._put(record)

    def delete_tag(self, trace_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._records.lock:
            record = self._records.trace(trace_id)
            if key not in record.info.tags:
                raise refusals.no_tag("trace", trace_id, key)
            rest = {name: value for name, value in record.info.tags.items() if name != key}
            record.info = evolve(record.info, tags=rest)
            self._put(record)

    def delete(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] | None = None,
        max_timestamp: int | None = None,
        max_traces: int | None = None,
    ) -> int:
        """Remove traces of an experiment for good; return how many there were."""
        checks.check_deletion(trace_ids, max_timestamp, max_traces)
        with self._records.lock:
            infos = [record.info for record in self._within([experiment_id])]
            if max_timestamp is None:
                named = frozenset(trace_ids or ())
                chosen = [info.trace_id for info in infos if info.trace_id in named]
            else:
                old = (info for info in infos if info.request_time <= max_timestamp)
                ordered = sorted(old, key=lambda info: (info.request_time, info.trace_id))
                chosen = [info.trace_id for info in ordered[:max_traces]]
            for trace_id in chosen:
                del self._records.traces[trace_id]
            return len(chosen)

    def link_to_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Make traces found as the run's; unknown ones are passed over."""
        checks.check_links(trace_ids)
        with self._records.lock:
            self._records.run(run_id)
            for record in self._known(trace_ids):
                record.runs = [*dict.fromkeys([*record.runs, run_id])]
                self._put(record)

    def link_prompts(self, trace_id: str, prompts: Sequence[tuple[str, str]]) -> None:
        """Link versions of prompts, each a name and a version, to a trace."""
        texts = [checks.checked_prompt(name, version) for name, version in prompts]
        with self._records.lock:
            record = self._records.trace(trace_id)
            record.prompts = [*dict.fromkeys([*record.prompts, *texts])]
            self._put(record)

    # -- assessments ---------------------------------------------------------------------------

    def create_assessment(self, assessment: Assessment) -> Assessment:
        """Add an assessment to a trace."""
        with self._records.lock:
            record = self._records.trace(assessment.trace_id).copied()
            made = assessments.add(self._records, record, assessment)
            self._put(record)
            return made

    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        """Return an assessment."""
        with self._records.lock:
            return assessments.get(self._records.trace(trace_id), assessment_id)

    def update_assessment(
        self, trace_id: str, assessment_id: str, changes: Mapping[str, Any]
    ) -> Assessment:
        """Change an assessment."""
        with self._records.lock:
            record = self._records.trace(trace_id)
            new = assessments.update(record, assessment_id, changes)
            self._put(record)
            return new

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """Remove an assessment, if it is there; what it overrode is valid again."""
        with self._records.lock:
            record = self._records.trace(trace_id)
            assessments.delete(record, assessment_id)
            self._put(record)


def _either(new: str | None, old: str | None) -> str | None:
    return old if new is None else new
