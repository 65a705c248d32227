"""Traces whose ids, as the contract's tests want them, are said in OpenTelemetry's protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from pegboard.contracts.traces import TraceStore
from pegboard.entities import Page
from pegboard.entities.traces import Assessment, Span, Trace, TraceInfo
from pegboard_stores.trace_figures import (
    MetricDataPoint,
    TraceFigures,
    TraceFilterCorrelation,
    TraceMetricsQuery,
)

_SAID = re.compile(r"[a-z0-9\-]{1,16}")


def said(trace_id: str) -> str:
    """Return an id of 16 bytes that stands for a short one, in the same order."""
    if not _SAID.fullmatch(trace_id):
        return trace_id
    return f"tr-{trace_id.encode().hex():0<32}"


def meant(trace_id: str) -> str:
    """Return the id that was given."""
    return bytes.fromhex(trace_id[3:]).rstrip(b"\0").decode()


class HexIds(TraceStore, TraceFigures):
    """Traces of a store under other ids."""

    def __init__(self, inner: TraceStore) -> None:
        self.inner = inner

    def start(self, info: TraceInfo) -> TraceInfo:
        judged = [self._in(item) for item in info.assessments]
        given = attrs.evolve(info, trace_id=said(info.trace_id), assessments=judged)
        return self._info(self.inner.start(given))

    def log_spans(
        self,
        experiment_id: str,
        spans: Sequence[Span],
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        given = [attrs.evolve(span, trace_id=said(span.trace_id)) for span in spans]
        named = {said(trace_id): own for trace_id, own in (tags or {}).items()}
        self.inner.log_spans(experiment_id, given, tags=named)

    def infos(self, trace_ids: Sequence[str]) -> list[TraceInfo]:
        return self._infos(self.inner.infos([said(each) for each in trace_ids]))

    def traces(self, trace_ids: Sequence[str]) -> list[Trace]:
        return [self._trace(each) for each in self.inner.traces([said(i) for i in trace_ids])]

    def get(self, trace_id: str) -> Trace:
        return self._trace(self.inner.get(said(trace_id)))

    def search(
        self, experiment_ids: Sequence[str], *, filter: str = "", **more: Any
    ) -> Page[TraceInfo]:
        asked = re.sub(r"(?<=\brequest_id = ')[^']*", lambda match: said(match[0]), filter)
        page = self.inner.search(experiment_ids, filter=asked, **more)
        return Page(self._infos(page), page.token)

    def set_tag(self, trace_id: str, key: str, value: str) -> None:
        self.inner.set_tag(said(trace_id), key, value)

    def delete_tag(self, trace_id: str, key: str) -> None:
        self.inner.delete_tag(said(trace_id), key)

    def delete(
        self, experiment_id: str, *, trace_ids: Sequence[str] | None = None, **more: Any
    ) -> int:
        given = None if trace_ids is None else [said(each) for each in trace_ids]
        return self.inner.delete(experiment_id, trace_ids=given, **more)

    def link_to_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        self.inner.link_to_run([said(each) for each in trace_ids], run_id)

    def link_prompts(self, trace_id: str, prompts: Sequence[tuple[str, str]]) -> None:
        self.inner.link_prompts(said(trace_id), prompts)

    def correlation(
        self, experiment_ids: Sequence[str], filter1: str, filter2: str, *, base_filter: str = ""
    ) -> TraceFilterCorrelation:
        return self.inner.correlation(experiment_ids, filter1, filter2, base_filter=base_filter)

    def metrics(self, query: TraceMetricsQuery) -> list[MetricDataPoint]:
        return self.inner.metrics(query)

    def create_assessment(self, assessment: Assessment) -> Assessment:
        return self._out(self.inner.create_assessment(self._in(assessment)))

    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        return self._out(self.inner.get_assessment(said(trace_id), assessment_id))

    def update_assessment(
        self, trace_id: str, assessment_id: str, changes: Mapping[str, Any]
    ) -> Assessment:
        return self._out(self.inner.update_assessment(said(trace_id), assessment_id, changes))

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        self.inner.delete_assessment(said(trace_id), assessment_id)

    # -- both ways -----------------------------------------------------------------------------

    @staticmethod
    def _in(item: Assessment) -> Assessment:
        return attrs.evolve(item, trace_id=said(item.trace_id))

    @staticmethod
    def _out(item: Assessment) -> Assessment:
        return attrs.evolve(item, trace_id=meant(item.trace_id))

    def _infos(self, infos: Iterable[TraceInfo]) -> list[TraceInfo]:
        return [self._info(info) for info in infos]

    def _info(self, info: TraceInfo) -> TraceInfo:
        own = meant(info.trace_id)
        tags = {key: value.replace(info.trace_id, own) for key, value in info.tags.items()}
        judged = [self._out(item) for item in info.assessments]
        return attrs.evolve(info, trace_id=own, tags=tags, assessments=judged)

    def _trace(self, trace: Trace) -> Trace:
        own = meant(trace.info.trace_id)
        spans = [attrs.evolve(span, trace_id=own) for span in trace.spans]
        return Trace(self._info(trace.info), spans)
