"""The traces of the SQLite store."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pegboard import uris
from pegboard.contracts.traces import DEFAULT_PAGE, TraceStore
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page
from pegboard.entities.traces import TRACE_NAME, Assessment, Span, Trace, TraceInfo, TraceState
from pegboard_stores import filters, refusals, validation
from pegboard_stores.abilities import ManyAssessments
from pegboard_stores.clock import now_ms
from pegboard_stores.sqlite import Database
from pegboard_stores.trace_figures import (
    MetricDataPoint,
    TraceFigures,
    TraceFilterCorrelation,
    TraceMetricsQuery,
)
from pegboard_stores.traces import outline
from pegboard_stores.traces.checks import (
    check_deletion,
    check_links,
    check_span,
    checked_id,
    checked_prompt,
    checked_texts,
)
from pegboard_stores.traces.records import Note

from pegboard_tracking.tables import experiments
from pegboard_tracking.tables.rows import name_id
from pegboard_tracking.traces import assessments, content, index, load, usage
from pegboard_tracking.traces import correlation as traces_correlation
from pegboard_tracking.traces import metrics as traces_metrics
from pegboard_tracking.traces import search as search_traces
from pegboard_tracking.traces.rows import (
    insert,
    known_row,
    link_prompts,
    row_of,
    rows_of,
    set_tags,
    set_texts,
)


class Traces(TraceStore, TraceFigures, ManyAssessments):
    """Traces in the tables of a store's database."""

    def __init__(self, database: Database, catch_up: Callable[[], object] = int) -> None:
        """``catch_up`` brings in what journals hold of traces; it is called before reading."""
        self._database = database
        self._catch_up = catch_up

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._catch_up()
        with self._database.reading() as connection:
            yield connection

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        self._catch_up()
        with self._database.writing() as connection:
            yield connection

    # -- writing -------------------------------------------------------------------------------

    def start(self, info: TraceInfo) -> TraceInfo:
        """Record the outline of a trace, and return it as it is now."""
        trace_id = checked_id(info.trace_id)
        tags, metadata = (
            checked_texts(info.tags, "tag"),
            checked_texts(info.trace_metadata, "metadata"),
        )
        for what, time in (("time", info.request_time), ("duration", info.execution_duration or 0)):
            validation.integer(trace_id, time, what)
        with self._database.writing() as connection:
            home = experiments.get_active(connection, info.experiment_id)
            row = row_of(connection, trace_id)
            if row is None:
                row = insert(connection, trace_id, home.experiment_id, info.request_time)
                location = uris.join(home.artifact_location, "traces", trace_id, "artifacts")
                set_texts(connection, "tag", row, {outline.ARTIFACT_LOCATION: location})
            connection.execute(
                "UPDATE trace SET experiment = ?, request_time = ?, duration = ?, state = ?,"
                " client_request_id = ?, request_preview = coalesce(?, request_preview),"
                " response_preview = coalesce(?, response_preview), outlined = 1 WHERE id = ?",
                (
                    experiments.row_of(info.experiment_id),
                    info.request_time,
                    info.execution_duration,
                    str(TraceState(info.state)),
                    info.client_request_id,
                    info.request_preview,
                    info.response_preview,
                    row,
                ),
            )
            set_tags(connection, row, tags)
            set_texts(connection, "metadata", row, metadata)
            for item in info.assessments:
                assessments.insert(connection, row, item)
            return load.infos(connection, [row])[0]

    def note(self, experiment_id: str, trace_id: str, given: Note) -> None:
        """Add tags and metadata to a trace; one that is not known begins with them."""
        tags = checked_texts(given.tags, "tag")
        metadata = checked_texts(given.metadata, "metadata")
        with self._database.writing() as connection:
            row = row_of(connection, checked_id(trace_id))
            if row is None:
                self.start(TraceInfo(trace_id, experiment_id, now_ms(), TraceState.IN_PROGRESS))
                row = known_row(connection, trace_id)
            set_tags(connection, row, tags)
            set_texts(connection, "metadata", row, metadata)

    def log_spans(
        self,
        experiment_id: str,
        spans: Sequence[Span],
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Add spans of one or many traces, all or none."""
        if self.add_spans(experiment_id, spans, tags=tags):
            index.extend(self._database)

    def add_spans(
        self,
        experiment_id: str,
        spans: Sequence[Span],
        *,
        tags: Mapping[str, Mapping[str, str]] | None = None,
    ) -> bool:
        """Do so, but leave it to the caller to extend the index; return whether that is due."""
        by_trace: dict[str, list[Span]] = {}
        for span in spans:
            check_span(span)
            by_trace.setdefault(span.trace_id, []).append(span)
        packed = {id(span): content.pack(span) for span in spans}
        given = {trace_id: checked_texts(own, "tag") for trace_id, own in (tags or {}).items()}
        with self._database.writing() as connection:
            last = index.admit(connection)
            names = {name: name_id(connection, name) for name in {span.name for span in spans}}
            for trace_id, own in by_trace.items():
                row, outlined = self._trace_of_spans(connection, experiment_id, trace_id, own)
                set_tags(connection, row, {**given.get(trace_id, {}), **outline.IN_STORE})
                connection.executemany(
                    "INSERT INTO span (trace, span_id, parent_id, name, type, status, start_time,"
                    " end_time, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (trace, span_id) DO UPDATE SET"
                    " id = (SELECT max(id) + 1 FROM span), parent_id = excluded.parent_id,"
                    " name = excluded.name, type = excluded.type, status = excluded.status,"
                    " start_time = excluded.start_time, end_time = excluded.end_time,"
                    " content = excluded.content",
                    [
                        (
                            row,
                            span.span_id,
                            span.parent_id or None,
                            names[span.name],
                            span.span_type,
                            str(span.status),
                            span.start_time_ns,
                            span.end_time_ns,
                            packed[id(span)],
                        )
                        for span in own
                    ],
                )
                found = usage.keep(connection, row, own, fresh=outlined is None)
                if found:
                    # What the outline says takes precedence over its spans.
                    set_texts(connection, "metadata", row, found, replace=not outlined)
            return index.is_due(connection, last)

    @staticmethod
    def _trace_of_spans(
        connection: sqlite3.Connection, experiment_id: str, trace_id: str, spans: Sequence[Span]
    ) -> tuple[int, bool | None]:
        """Bring the outline of a trace up to what its new spans tell.

        Return its row, and whether its outline was sent; None if nothing of it was known.
        """
        begin = min(span.start_time_ns for span in spans) // 1_000_000
        end = max(span.end_time_ns or span.start_time_ns for span in spans) // 1_000_000
        row = row_of(connection, trace_id)
        is_new = row is None
        if row is None:
            home = experiments.get_active(connection, experiment_id)
            row = insert(connection, trace_id, experiment_id, begin)
            location = uris.join(home.artifact_location, "traces", trace_id, "artifacts")
            set_texts(connection, "tag", row, {outline.ARTIFACT_LOCATION: location})
        state, outlined = connection.execute(
            "SELECT state, outlined FROM trace WHERE id = ?", (row,)
        ).fetchone()
        if not outlined:
            connection.execute(
                "UPDATE trace SET request_time = min(request_time, ?), duration ="
                " max(request_time + coalesce(duration, 0), ?) - min(request_time, ?)"
                " WHERE id = ?",
                (begin, end, begin, row),
            )
        root = outline.root_of(spans)
        if root is not None:
            if state in outline.OPEN_STATES:
                new_state = str(outline.state_of(root))
                connection.execute("UPDATE trace SET state = ? WHERE id = ?", (new_state, row))
            connection.execute(
                "UPDATE trace SET request_preview = coalesce(request_preview, ?),"
                " response_preview = coalesce(response_preview, ?) WHERE id = ?",
                (*outline.previews(root), row),
            )
            set_tags(connection, row, checked_texts(outline.tags_of(root), "tag"))
        known = outline.metadata_of(spans)
        set_texts(connection, "metadata", row, checked_texts(known, "metadata"), replace=False)
        return row, None if is_new else bool(outlined)

    # -- reading -------------------------------------------------------------------------------

    def infos(self, trace_ids: Sequence[str]) -> list[TraceInfo]:
        """Return the outlines of traces, in order; unknown ones are left out."""
        with self._reading() as connection:
            return load.infos(connection, rows_of(connection, trace_ids))

    def traces(self, trace_ids: Sequence[str]) -> list[Trace]:
        """Return traces with their spans, in order; unknown ones are left out."""
        with self._reading() as connection:
            return load.traces(connection, rows_of(connection, trace_ids))

    def get(self, trace_id: str) -> Trace:
        """Return a trace with its spans."""
        with self._reading() as connection:
            return load.traces(connection, [known_row(connection, trace_id)])[0]

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
        expression = filters.parse_filter(filter, filters.TRACES)
        order = filters.parse_order_by(order_by, filters.TRACES)
        with self._reading() as connection:
            rows, token = search_traces.find(
                connection,
                _rows_of(experiment_ids),
                expression,
                order,
                max_results,
                page_token,
            )
            return Page(load.infos(connection, rows), token)

    def correlation(
        self, experiment_ids: Sequence[str], filter1: str, filter2: str, *, base_filter: str = ""
    ) -> TraceFilterCorrelation:
        """Return how many traces of these experiments fit two filters, alone and together."""
        base, one, other = (
            filters.parse_filter(text, filters.TRACES) for text in (base_filter, filter1, filter2)
        )
        with self._reading() as connection:
            return traces_correlation.count(connection, _rows_of(experiment_ids), base, one, other)

    def metrics(self, query: TraceMetricsQuery) -> list[MetricDataPoint]:
        """Return aggregated figures, ordered by time and dimensions."""
        found = traces_metrics.build(query)
        with self._reading() as connection:
            return found.run(connection, _rows_of(query.experiment_ids))

    # -- changing ------------------------------------------------------------------------------

    def set_tag(self, trace_id: str, key: str, value: str) -> None:
        """Set or change a tag."""
        checked = checked_texts({key: value}, "tag")
        with self._changing() as connection:
            set_tags(connection, known_row(connection, trace_id), checked)

    def delete_tag(self, trace_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        with self._changing() as connection:
            row = known_row(connection, trace_id)
            if key == TRACE_NAME:
                removing = "UPDATE trace SET name = NULL WHERE id = ? AND name IS NOT NULL"
                removed = connection.execute(removing, (row,))
            else:
                removed = connection.execute(
                    "DELETE FROM trace_tag WHERE trace = ?"
                    " AND name = (SELECT id FROM name WHERE text = ?)",
                    (row, key),
                )
            if not removed.rowcount:
                raise refusals.no_tag("trace", trace_id, key)

    def delete(
        self,
        experiment_id: str,
        *,
        trace_ids: Sequence[str] | None = None,
        max_timestamp: int | None = None,
        max_traces: int | None = None,
    ) -> int:
        """Remove traces of an experiment for good; return how many there were."""
        check_deletion(trace_ids, max_timestamp, max_traces)
        with self._changing() as connection:
            if trace_ids is not None:
                deleting = "SELECT id FROM trace WHERE experiment = ? AND trace_id IN"
                chosen = "(SELECT value FROM json_each(?))"
                found = (experiments.row_of(experiment_id), json.dumps(list(trace_ids)))
            else:
                deleting = "SELECT id FROM trace WHERE experiment = ? AND request_time <= ?"
                chosen = "ORDER BY request_time, trace_id LIMIT ?"
                limit = -1 if max_traces is None else max_traces
                found = (experiments.row_of(experiment_id), max_timestamp, limit)  # type: ignore[assignment]
            return index.remove(connection, f"{deleting} {chosen}", found)

    def link_to_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Make traces found as the run's; unknown ones are passed over."""
        check_links(trace_ids)
        with self._changing() as connection:
            run = connection.execute("SELECT id FROM run WHERE run_id = ?", (run_id,)).fetchone()
            if run is None:
                raise refusals.no_run(run_id)
            connection.executemany(
                "INSERT OR IGNORE INTO trace_of_run (run, trace) VALUES (?, ?)",
                [(run[0], row) for row in rows_of(connection, trace_ids)],
            )

    def link_prompts(self, trace_id: str, prompts: Sequence[tuple[str, str]]) -> None:
        """Link versions of prompts, each a name and a version, to a trace."""
        texts = [checked_prompt(name, version) for name, version in prompts]
        with self._changing() as connection:
            link_prompts(connection, known_row(connection, trace_id), texts)

    # -- assessments ---------------------------------------------------------------------------

    def create_assessment(self, assessment: Assessment) -> Assessment:
        """Add an assessment to a trace."""
        with self._changing() as connection:
            row = known_row(connection, assessment.trace_id)
            return assessments.insert(connection, row, assessment)

    def create_assessments(self, given: Sequence[Assessment]) -> list[str]:
        """Add assessments to traces; return their ids."""
        with self._changing() as connection:
            rows = {each: known_row(connection, each) for each in {a.trace_id for a in given}}
            return assessments.insert_all(connection, rows, given)

    def get_assessment(self, trace_id: str, assessment_id: str) -> Assessment:
        """Return an assessment."""
        with self._reading() as connection:
            return assessments.get(connection, known_row(connection, trace_id), assessment_id)

    def update_assessment(
        self, trace_id: str, assessment_id: str, changes: Mapping[str, Any]
    ) -> Assessment:
        """Change an assessment."""
        with self._changing() as connection:
            row = known_row(connection, trace_id)
            return assessments.update(connection, row, assessment_id, changes)

    def delete_assessment(self, trace_id: str, assessment_id: str) -> None:
        """Remove an assessment, if it is there; what it overrode is valid again."""
        with self._changing() as connection:
            assessments.delete(connection, known_row(connection, trace_id), assessment_id)


def _rows_of(experiment_ids: Sequence[str]) -> list[int]:
    """Return the rows of experiments, without those that cannot be there."""
    return [row for row in map(experiments.row_of, dict.fromkeys(experiment_ids)) if row >= 0]
