"""The traces of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from pegboard.contracts.traces import CHANGEABLE, DEFAULT_PAGE, MAX_LINKS, TraceStore
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.entities.traces import Assessment, AssessmentKind, Span, Trace, TraceInfo
from pegboard.errors import InvalidValue
from pegboard_stores import filters, refusals, validation
from pegboard_stores.trace_figures import (
    MetricDataPoint,
    TraceFigures,
    TraceFilterCorrelation,
    TraceMetricsQuery,
)
from pegboard_wire import scalars
from pegboard_wire.client.api import Api, is_path_part, path_part

from pegboard_tracking.client import spans as spans_codec
from pegboard_tracking.wire import trace_codec, trace_metrics
from pegboard_tracking.wire.ingestion import EXPERIMENT

_AT_ONCE = 100
"""How many traces are asked for, or deleted by their ids, in one request."""

_OLD, _NEW = "traces", "/api/3.0/mlflow/traces"
_SPANS = "/v1/traces"


class RestTraces(TraceStore, TraceFigures):
    """Traces behind a server.

    Spans go there in OpenTelemetry's protocol, which knows only ids of 16 bytes: those of traces
    with spans are ``tr-`` and 32 hex digits.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    # -- writing -------------------------------------------------------------------------------

    def start(self, info: TraceInfo) -> TraceInfo:
        """Record the outline of a trace, and return it as it is now."""
        if not is_path_part(info.trace_id) or info.trace_id.startswith("."):
            raise InvalidValue(f"{info.trace_id[:60]!r} cannot be the id of a trace.")
        answer = self._api.post(_NEW, trace={"trace_info": trace_codec.info_json(info)})
        return self._info(answer)

    def log_spans(
        self,
        experiment_id: str,
        spans: Sequence[Span],
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Add spans of one or many traces, all or none; tags are set when they are there."""
        if spans:
            kind = {"Content-Type": "application/x-protobuf", EXPERIMENT: experiment_id}
            self._api.post_content(_SPANS, spans_codec.request(spans), kind)
        for trace_id in dict.fromkeys(span.trace_id for span in spans):
            for key, value in (tags or {}).get(trace_id, {}).items():
                self.set_tag(trace_id, key, value)

    # -- reading -------------------------------------------------------------------------------

    def infos(self, trace_ids: Sequence[str]) -> list[TraceInfo]:
        """Return the outlines of traces, in order; unknown ones are left out."""
        found: dict[str, TraceInfo] = {}
        wanted = _known_form(trace_ids)
        for asked in _portions(wanted):
            answer = self._api.post(f"{_NEW}/batchGetInfos", trace_ids=asked)
            for info in self._api.read_page(answer, "trace_infos", trace_codec.read_info):
                found[info.trace_id] = info
        return [found[trace_id] for trace_id in wanted if trace_id in found]

    def traces(self, trace_ids: Sequence[str]) -> list[Trace]:
        """Return traces with their spans, in order; unknown ones are left out."""
        found: dict[str, Trace] = {}
        wanted = _known_form(trace_ids)
        for asked in _portions(wanted):
            answer = self._api.get(f"{_NEW}/batchGet", trace_ids=asked)
            for trace in self._api.read_page(answer, "traces", spans_codec.read_trace):
                found[trace.info.trace_id] = trace
        return [found[trace_id] for trace_id in wanted if trace_id in found]

    def get(self, trace_id: str) -> Trace:
        """Return a trace with its spans."""
        _check(trace_id)
        answer = self._api.get(f"{_NEW}/get", trace_id=trace_id, allow_partial="true")
        return self._api.read(answer, lambda got: spans_codec.read_trace(got.get("trace")))

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
        filters.parse_filter(filter, filters.TRACES)
        filters.parse_order_by(order_by, filters.TRACES)
        wanted = list(dict.fromkeys(experiment_ids))
        if not wanted:
            return Page()
        answer = self._api.post(
            f"{_NEW}/search",
            query=filter or ", ".join(order_by),
            locations=[_location_json(each) for each in wanted],
            filter=filter or None,
            order_by=list(order_by),
            max_results=max_results,
            page_token=page_token,
        )
        return self._api.read_page(answer, "traces", trace_codec.read_info)

    def correlation(
        self, experiment_ids: Sequence[str], filter1: str, filter2: str, *, base_filter: str = ""
    ) -> TraceFilterCorrelation:
        """Return how many traces of these experiments fit two filters, alone and together."""
        for text in (filter1, filter2, base_filter):
            filters.parse_filter(text, filters.TRACES)
        wanted = list(dict.fromkeys(experiment_ids))
        if not wanted:
            return TraceFilterCorrelation(0, 0, 0, 0)
        answer = self._api.post(
            f"{_NEW}/calculate-filter-correlation",
            query=" AND ".join(filter(None, (base_filter, filter1, filter2))),
            experiment_ids=wanted,
            filter_string1=filter1,
            filter_string2=filter2,
            base_filter=base_filter or None,
        )
        return self._api.read(answer, trace_metrics.read_correlation)

    def metrics(self, query: TraceMetricsQuery) -> list[MetricDataPoint]:
        """Return aggregated figures, ordered by time and dimensions."""
        validation.page_size(query.max_results, SEARCH_LIMIT)
        if not query.experiment_ids:
            return []
        answer = self._api.post(f"{_NEW}/metrics", **trace_metrics.query_json(query))
        return list(self._api.read_page(answer, "data_points", trace_metrics.read_point))

    # -- changing ------------------------------------------------------------------------------

    def set_tag(self, trace_id: str, key: str, value: str) -> None:
        """Set or change a tag."""
        self._api.patch(f"{_path(_OLD, trace_id)}/tags", key=key, value=value)

    def delete_tag(self, trace_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        self._api.delete(f"{_path(_OLD, trace_id)}/tags", key=key)

    def delete(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] | None = None,
        max_timestamp: int | None = None,
        max_traces: int | None = None,
    ) -> int:
        """Remove traces of an experiment for good; return how many there were."""
        if (trace_ids is None) == (max_timestamp is None):
            raise InvalidValue("Traces are deleted by their ids or by a time; give one of them.")
        path = f"{_OLD}/delete-traces"
        if trace_ids is None:
            answer = self._api.post(
                path,
                experiment_id=experiment_id,
                max_timestamp_millis=max_timestamp,
                max_traces=max_traces,
            )
            return self._count(answer)
        if max_traces is not None:
            raise InvalidValue("Traces that are named by their ids cannot be limited in number.")
        return sum(
            self._count(self._api.post(path, experiment_id=experiment_id, request_ids=asked))
            for asked in _portions(_known_form(trace_ids))
        )

    def _count(self, answer: Mapping[str, Any]) -> int:
        return self._api.read(answer, _read_count)

    def link_to_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Make traces found as the run's; unknown ones are passed over."""
        if len(trace_ids) > MAX_LINKS:
            raise InvalidValue(
                f"{len(trace_ids)} traces were to be linked to a run at once; "
                f"{MAX_LINKS} are allowed."
            )
        self._api.post(f"{_OLD}/link-to-run", trace_ids=list(trace_ids), run_id=run_id)

    def link_prompts(self, trace_id: str, prompts: Sequence[tuple[str, str]]) -> None:
        """Link versions of prompts, each a name and a version, to a trace."""
        _check(trace_id)
        refs = [{"name": name, "version": version} for name, version in prompts]
        if refs:
            self._api.post(f"{_OLD}/link-prompts", trace_id=trace_id, prompt_versions=refs)

    # -- assessments ---------------------------------------------------------------------------

    def create_assessment(self, assessment: Assessment) -> Assessment:
        """Add an assessment to a trace; the server gives the id and the times."""
        path = f"{_path(_NEW, assessment.trace_id)}/assessments"
        answer = self._api.post(path, assessment=trace_codec.assessment_json(assessment))
        return self._assessment(answer, assessment.trace_id)

    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        """Return an assessment."""
        answer = self._api.get(_assessment_path(trace_id, assessment_id))
        return self._assessment(answer, trace_id)

    def update_assessment(
        self, trace_id: str, assessment_id: str, changes: Mapping[str, Any]
    ) -> Assessment:
        """Change an assessment."""
        known = self.get_assessment(trace_id, assessment_id)
        if unknown := set(changes) - CHANGEABLE:
            named = ", ".join(sorted(unknown))
            raise InvalidValue(f"These fields of an assessment cannot be changed: {named}.")
        if not changes:
            return known
        changed = trace_codec.assessment_json(attrs.evolve(known, **changes))
        answer = self._api.patch(
            _assessment_path(trace_id, assessment_id),
            assessment=changed,
            update_mask=_mask(changes, known.kind),
        )
        return self._assessment(answer, trace_id)

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """Remove an assessment, if it is there; what it overrode is valid again."""
        self._api.delete(_assessment_path(trace_id, assessment_id))

    # -- answers -------------------------------------------------------------------------------

    def _info(self, answer: Mapping[str, Any]) -> TraceInfo:
        def read(fields: Mapping[str, Any]) -> TraceInfo:
            return trace_codec.read_info((fields.get("trace") or {}).get("trace_info"))

        return self._api.read(answer, read)

    def _assessment(self, answer: Mapping[str, Any], trace_id: str) -> Assessment:
        def read(fields: Mapping[str, Any]) -> Assessment:
            return trace_codec.read_assessment(fields.get("assessment"), trace_id)

        return self._api.read(answer, read)


def _location_json(experiment_id: str) -> dict[str, Any]:
    return {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}


def _read_count(fields: Mapping[str, Any]) -> int:
    return scalars.integer(scalars.get(fields, "traces_deleted") or 0, "traces_deleted")


def _mask(changes: Mapping[str, Any], kind: AssessmentKind) -> str:
    """Return the fields to change, as the protocol names them in one text."""
    names = {"name": "assessmentName", "value": str(kind), "error": str(kind)}
    return ",".join(dict.fromkeys(names.get(name, name) for name in changes))


def _check(trace_id: str) -> None:
    if not is_path_part(trace_id):
        raise refusals.no_trace(trace_id)


def _path(base: str, trace_id: str) -> str:
    _check(trace_id)
    return f"{base}/{path_part(trace_id)}"


def _assessment_path(trace_id: str, assessment_id: str) -> str:
    path = _path(_NEW, trace_id)
    if not is_path_part(assessment_id):
        raise refusals.no_assessment(assessment_id, trace_id)
    return f"{path}/assessments/{path_part(assessment_id)}"


def _known_form(trace_ids: Sequence[str]) -> list[str]:
    """Return the ids that a trace may have, each once."""
    return [trace_id for trace_id in dict.fromkeys(trace_ids) if is_path_part(trace_id)]


def _portions(trace_ids: Sequence[str]) -> list[Sequence[str]]:
    return [trace_ids[start : start + _AT_ONCE] for start in range(0, len(trace_ids), _AT_ONCE)]
