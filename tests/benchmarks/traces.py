"""Traces: how fast spans are stored, and how fast traces are found among a million spans.

Run it with ``.venv/bin/python tests/benchmarks/traces.py [spans]``; it prints each search.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path

from attrs import define
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import Assessment, AssessmentKind, Span, TraceInfo, TraceState
from pegboard_tracking.store.sqlite import SqliteStore
from processes import OURS, folder
from rows import Row
from server_systems import serving
from traces_made import ABSENT, COMMON, EXPERIMENTS, LIKELY, RARE, SCARCE, START, Traces, otlp

SPANS = 1_000_000
PAGE = 100
DEEP = 20
"""How many pages are turned to come to a deep one."""

GOAL = 100
_BATCH = 512
_OUTLINED = 20
"""One of so many traces has an outline of its own, with assessments."""

_REPEATS = 3
_OTLP_SPANS = 50_000
_MIDDLE = START + 50_000_000

Query = tuple[str, tuple[str, ...]]

TEXTS: dict[str, str] = {
    "a common word": f"trace.text LIKE '%{COMMON}%'",
    "a word of 1 % of the traces": f"trace.text LIKE '%{SCARCE}%'",
    "a rare word": f"trace.text LIKE '%{RARE}%'",
    "an absent word": f"trace.text LIKE '%{ABSENT}%'",
    "an absent word of common parts": f"trace.text LIKE '%{LIKELY}%'",
}
QUERIES: tuple[Query, ...] = (
    ("", ()),
    *((text, ()) for text in TEXTS.values()),
    (f"trace.text ILIKE '%{ABSENT.upper()}%'", ()),
    (f"trace.text ILIKE '%{COMMON.upper()}%'", ()),
    ("trace.text LIKE '%qz%'", ()),
    ("trace.text LIKE '%~%'", ()),
    (f"span.content LIKE '%about the {RARE}%'", ()),
    (f"trace.text LIKE '%{COMMON}%'", ("execution_time DESC",)),
    ("span.attributes.llm.model = 'gpt-4o-mini'", ()),
    ("span.attributes.llm.model = 'gpt-5'", ()),
    ("span.attributes.user.id = 'user-77'", ()),
    (f"span.attributes.mlflow.spanInputs ILIKE '%{SCARCE}%'", ()),
    ("span.attributes.nothing != 'a'", ()),
    ("span.name = 'create_ticket'", ()),
    ("span.name LIKE '%nothing%'", ()),
    ("span.type = 'TOOL'", ()),
    ("span.type IN ('ABSENT', 'MISSING')", ()),
    ("span.status = 'ERROR' AND span.name = 'agent'", ()),
    ("span.status = 'UNSET'", ()),
    (f"span.type = 'AGENT' AND span.content LIKE '%{SCARCE}%'", ()),
    ("trace.status = 'ERROR'", ()),
    ("trace.status != 'OK'", ("timestamp ASC",)),
    ("trace.name = 'nightly'", ()),
    ("trace.name ILIKE '%NOTHING%'", ()),
    ("trace.name IN ('search', 'nightly')", ("name",)),
    ("tag.environment = 'dev'", ("execution_time",)),
    ("tag.environment != 'production'", ()),
    ("tag.request LIKE '%abcde%'", ()),
    ("tag.request IS NULL", ()),
    ("metadata.`mlflow.trace.user` = 'user-77'", ()),
    ("metadata.`mlflow.trace.session` LIKE '%abcde%'", ()),
    (f"timestamp > {_MIDDLE} AND timestamp < {_MIDDLE + 60_000}", ()),
    ("execution_time > 2000", ()),
    (f"end_time < {START}", ()),
    ("client_request_id = 'request-5000'", ()),
    ("run_id = 'none'", ()),
    ("feedback.helpful = 'no'", ()),
    ("feedback.relevance < 0.01", ()),
    ("expectation.answer LIKE '%nothing%'", ()),
    ("", ("execution_time DESC",)),
    ("", ("end_time DESC",)),
    ("", ("status", "name")),
    (f"tag.environment = 'staging' AND trace.name = 'search' AND trace.text LIKE '%{SCARCE}%'", ()),
)


@define
class Store:
    """A store with traces; ``seconds`` is what storing the spans took."""

    store: SqliteStore
    path: Path
    experiments: Sequence[str]
    spans: int = 0
    seconds: float = 0.0

    @property
    def bytes_a_span(self) -> float:
        """How large the file is."""
        connection = self.store._database.connection()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self.path.stat().st_size / self.spans


def measure(quick: bool) -> list[Row]:
    """Fill a store, search it, and fill another one through a server."""
    count = SPANS // 20 if quick else SPANS
    with folder() as place, filled(place, count) as store:
        times = {query: _least(store, *query) for query in QUERIES}
        deep = {query: found for query in QUERIES if (found := _least(store, *query, pages=DEEP))}
        rows = [
            Row("spans stored", "spans/s", store.spans / store.seconds, note=f"{_BATCH} at once"),
            Row("spans stored through the server, OTLP", "spans/s", _through_server(quick)),
            Row("database file", "bytes/span", store.bytes_a_span, better="less"),
        ]
    what = f"search {count:,} spans"
    for name, text in TEXTS.items():
        rows.append(Row(f"{what} for {name}", "ms", times[text, ()], GOAL, "less"))
    slowest, deepest = max(times, key=times.__getitem__), max(deep, key=deep.__getitem__)
    middle = statistics.median(times.values())
    return [
        *rows,
        Row(
            f"{what}: slowest of {len(times)}",
            "ms",
            times[slowest],
            GOAL,
            "less",
            note=_said(slowest),
        ),
        Row(f"{what}: median of {len(times)}", "ms", middle, GOAL, "less"),
        Row(f"{what}: slowest page {DEEP}", "ms", deep[deepest], GOAL, "less", note=_said(deepest)),
    ]


def _said(query: Query) -> str:
    return query[0] + (f" ORDER BY {', '.join(query[1])}" if query[1] else "")


# -- storing ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def filled(place: Path, count: int) -> Iterator[Store]:
    """Make a store with ``count`` spans or a few more in a folder."""
    path = place / "traces.db"
    tracking = SqliteStore(path)
    experiments = [
        tracking.create_experiment(f"experiment {number}").experiment_id
        for number in range(EXPERIMENTS)
    ]
    store = Store(tracking, path, experiments)
    try:
        _fill(store, count)
        yield store
    finally:
        tracking.close()


def _fill(store: Store, count: int) -> None:
    waiting: list[tuple[list[Span], dict[str, dict[str, str]]]]
    waiting = [([], {}) for _ in store.experiments]
    traces = store.store.traces()
    for number, (experiment, spans, tags) in enumerate(Traces().make(count)):
        own, own_tags = waiting[experiment]
        own += spans
        own_tags[spans[0].trace_id] = tags
        store.spans += len(spans)
        if number % _OUTLINED == 0:
            traces.start(_outline(store.experiments[experiment], spans, number))
        if len(own) >= _BATCH or store.spans >= count:
            begin = time.perf_counter()
            traces.log_spans(store.experiments[experiment], own, tags=own_tags)
            store.seconds += time.perf_counter() - begin
            waiting[experiment] = ([], {})
        if store.spans >= count:
            break
    for experiment_id, (own, own_tags) in zip(store.experiments, waiting, strict=True):
        if own:
            traces.log_spans(experiment_id, own, tags=own_tags)


def _outline(experiment_id: str, spans: Sequence[Span], number: int) -> TraceInfo:
    trace_id, root = spans[0].trace_id, spans[0]
    feedback, expectation = AssessmentKind.FEEDBACK, AssessmentKind.EXPECTATION
    return TraceInfo(
        trace_id,
        experiment_id,
        root.start_time_ns // 1_000_000,
        TraceState.IN_PROGRESS,
        number % 900,
        client_request_id=f"request-{number}",
        trace_metadata={"mlflow.sourceRun": f"{number % 50:032x}"},
        assessments=[
            Assessment(
                trace_id, "helpful", feedback, "no" if number % 500 == 0 else "yes", "HUMAN"
            ),
            Assessment(trace_id, "relevance", feedback, (number % 4001) / 4001, "LLM_JUDGE"),
            Assessment(trace_id, "answer", expectation, f"It is number {number}.", "HUMAN"),
        ],
    )


def _through_server(quick: bool) -> float:
    """Return the spans a second that a server takes from one client."""
    count = _OTLP_SPANS // 10 if quick else _OTLP_SPANS
    bodies, spans, made = [], [], 0
    for _, own, _ in Traces(seed=8).make(count):
        spans += own
        if len(spans) >= _BATCH:
            bodies.append(otlp(spans))
            made += len(spans)
            spans = []
            if made >= count:
                break
    headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}
    with folder() as place, serving(OURS, place) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        begin = time.perf_counter()
        for body in bodies:
            connection.request("POST", "/v1/traces", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {content[:500]!r}")
        spent = time.perf_counter() - begin
        connection.close()
    return made / spent


# -- searching -------------------------------------------------------------------------------------


def _least(store: Store, text: str, order: Sequence[str], pages: int = 1) -> float:
    """Return the least ms that a page takes; 0 if there is none behind so many."""
    traces, best = store.store.traces(), float("inf")
    for _ in range(_REPEATS):
        token = None
        for _ in range(pages - 1):
            token = _page(store, traces, text, order, token)[1]
            if token is None:
                return 0.0
        best = min(best, _page(store, traces, text, order, token)[0])
    return best


def _page(
    store: Store, traces: TraceStore, text: str, order: Sequence[str], token: str | None
) -> tuple[float, str | None]:
    begin = time.perf_counter()
    page = traces.search(
        store.experiments[:1], filter=text, order_by=order, max_results=PAGE, page_token=token
    )
    return (time.perf_counter() - begin) * 1000, page.token


def main(count: int) -> None:
    """Print the time of each search."""
    with folder() as place, filled(place, count) as store:
        print(f"{store.spans / store.seconds:,.0f} spans/s, {store.bytes_a_span:.0f} bytes/span")
        for query in QUERIES:
            first, deep = _least(store, *query), _least(store, *query, pages=DEEP)
            print(
                f"{first:9.1f} ms, page {DEEP}: {deep:9.1f} ms   {_said(query) or '(everything)'}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SPANS)
