"""``traces/list``: traces in columns, failed and slowest first; and what completes filters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from attrs import frozen
from pegboard import paging
from pegboard.contracts.traces import TraceStore
from pegboard.entities.traces import SOURCE_RUN, TRACE_NAME, AssessmentKind, TraceInfo, TraceState
from pegboard.errors import InvalidValue, NotSupported
from pegboard.literals import literal
from pegboard_stores import refusals
from pegboard_stores.literals import escape_like
from pegboard_stores.reviews import ReviewQueues, ReviewStatus
from pegboard_stores.run_table import words
from pegboard_stores.trace_figures import (
    AggregationType,
    MetricAggregation,
    MetricViewType,
    TraceFigures,
    TraceMetricsQuery,
)
from pegboard_stores.traces.figures import SESSION
from pegboard_stores.traces.usage import COST, TOKEN_USAGE
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import spans
from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.table import pointing

MOST_EXPERIMENTS = 1000
MOST_WEIGHED = 2000
"""Among how many traces, the last ones that match, those with most tokens or cost are found."""
SAMPLED = 500
"""From how many traces completion takes names of tags and the like."""
MOST_SCORES = 4
"""How many assessments stand in a row."""
USER = "mlflow.trace.user"

_FIRST = ("status ASC", "execution_time DESC")
"""What failed, then what runs, then the slowest."""
_COLUMNS = {"time": "timestamp", "duration": "execution_time", "name": "name", "status": "status"}
_WEIGHTS = {"tokens": (TOKEN_USAGE, "total_tokens"), "cost": (COST, "total_cost")}
_TRACE = ("name", "status", "execution_time_ms", "timestamp_ms", "trace_id", "run_id", "prompt",
          "text", "client_request_id")  # fmt: skip


@frozen
class ListRequest:
    """Which traces: ``q`` is a filter or plain words; no experiments stand for all.

    ``sort`` is ``time``, ``duration``, ``name``, ``status``, ``tokens`` or ``cost``, with ``-``
    before it for the greatest first; "" puts the failed first, then the slowest.
    """

    experiment_ids: Annotated[tuple[str, ...], AtMost(MOST_EXPERIMENTS)] = ()
    q: Annotated[str, AtMost(20_000)] = ""
    sort: Annotated[str, AtMost(40)] = ""
    limit: Annotated[int, Between(1, 500)] = 100
    page_token: Annotated[str, AtMost(5_000)] = ""
    queue: Annotated[str, AtMost(100)] = ""
    """A review queue, whose traces are returned in its order, whatever the rest says."""


@frozen
class ValuesRequest:
    """Which column, as the grammar writes it: ``trace.name``, ``tags.team``, ``span.type``.

    Without a column the columns themselves are returned, with how many of the last traces have
    them.
    """

    experiment_ids: Annotated[tuple[str, ...], AtMost(MOST_EXPERIMENTS)] = ()
    column: Annotated[str, AtMost(300)] = ""
    q: Annotated[str, AtMost(1000)] = ""
    limit: Annotated[int, Between(1, 500)] = 50


# -- the list --------------------------------------------------------------------------------------


@pointing
def listed(call: Call, wanted: ListRequest) -> Answer:
    """Return a page of traces."""
    if wanted.queue:
        return json_answer(call, queued(call, wanted.queue, wanted.limit, wanted.page_token))
    experiments = experiments_of(call, wanted.experiment_ids)
    traces, asked = store_of(call).traces(), filter_of(wanted.q)
    by = wanted.sort.removeprefix("-")
    if by in _WEIGHTS:
        infos, token, among = _heaviest(traces, list(experiments), asked, wanted)
    elif by and by not in _COLUMNS:
        raise InvalidValue(
            f"Traces are not sorted by {by[:40]!r}.",
            hint=f"Possible are {', '.join([*_COLUMNS, *_WEIGHTS])}.",
        )
    else:
        order = [f"{_COLUMNS[by]} {'DESC' if wanted.sort[0] == '-' else 'ASC'}"] if by else _FIRST
        page = traces.search(
            list(experiments), filter=asked, order_by=order, max_results=wanted.limit,
            page_token=wanted.page_token or None,
        )  # fmt: skip
        infos, token, among = list(page), page.token, 0
    return json_answer(call, {**_columns(infos), **_named(experiments, infos),
                              "next_page_token": token, "among": among})  # fmt: skip


def queued(call: Call, queue_id: str, limit: int, page_token: str) -> dict[str, Any]:
    """Return traces of a review queue in columns, and what became of them.

    NotSupported by stores without queues.
    """
    store = store_of(call)
    queues = store.ability(ReviewQueues)
    if queues is None:
        raise refusals.unsupported("review queues", store)
    queue = queues.get(queue_id)
    page = queues.items(queue_id, max_results=limit, page_token=page_token or None)
    known = {info.trace_id: info for info in store.traces().infos([i.item_id for i in page])}
    items = [item for item in page if item.item_id in known]
    every = partial(queues.items, queue_id, max_results=MOST_EXPERIMENTS)
    counts = Counter(str(item.status) for item in paging.items(every))
    infos = [known[item.item_id] for item in items]
    experiment = store.get_experiment(queue.experiment_id)
    return {
        **_columns(infos),
        **_named({experiment.experiment_id: experiment.name}, infos),
        "next_page_token": page.token,
        "among": 0,
        "queue": {
            "queue_id": queue_id, "name": queue.name, "users": list(queue.users),
            "experiment_id": queue.experiment_id, "schema_ids": list(queue.schema_ids),
            **{str(status): counts[str(status)] for status in ReviewStatus},
        },
        "reviews": [str(item.status) for item in items],
        "reviewers": [item.completed_by for item in items],
    }  # fmt: skip


def experiments_of(call: Call, wanted: Sequence[str]) -> dict[str, str]:
    """Return the names of experiments by their ids: those wanted, or all that are there."""
    store = store_of(call)
    if wanted:
        return {each: store.get_experiment(each).name for each in wanted}
    found = store.search_experiments(max_results=MOST_EXPERIMENTS)
    return {each.experiment_id: each.name for each in found}


def filter_of(text: str) -> str:
    """Return the filter that a text is, or that plain words stand for: all in the trace's text."""
    asked = text.strip()
    if not asked or words.is_filter(asked) or _is_column(asked):
        return asked
    parts = [f"trace.text LIKE {literal(f'%{escape_like(w)}%')}" for w in words.words_of(asked)]
    return " AND ".join(parts)


def _is_column(text: str) -> bool:
    return text.lower().startswith(("trace.", "span.", "metadata.", "feedback.", "expectation."))


def _heaviest(
    traces: TraceStore, experiments: list[str], asked: str, wanted: ListRequest
) -> tuple[list[TraceInfo], str | None, int]:
    """Return the last matching traces by tokens or cost, and how many were compared."""
    key, part = _WEIGHTS[wanted.sort.removeprefix("-")]
    found = latest(traces, experiments, asked)
    falls = wanted.sort.startswith("-")

    def weight(info: TraceInfo) -> tuple[bool, float]:
        value = figure_of(info, key, part)
        # What has none comes last, either way.
        return (value is None) != falls, value or 0.0

    return sorted(found, key=weight, reverse=falls)[: wanted.limit], None, len(found)


def latest(traces: TraceStore, experiments: list[str], asked: str) -> list[TraceInfo]:
    """Return the last `MOST_WEIGHED` traces that match, or all if there are fewer; newest first."""
    return list(traces.search(experiments, filter=asked, max_results=MOST_WEIGHED))


def figure_of(info: TraceInfo, key: str, part: str) -> float | None:
    """Return a number from metadata in JSON, None if there is none."""
    try:
        value = json.loads(info.trace_metadata[key])[part]
    except (KeyError, ValueError, TypeError):
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _columns(infos: Sequence[TraceInfo]) -> dict[str, Any]:
    def each(of: Callable[[TraceInfo], Any]) -> list[Any]:
        return [of(info) for info in infos]

    return {
        "ids": each(lambda i: i.trace_id),
        "names": each(lambda i: i.tags.get(TRACE_NAME)),
        "states": each(lambda i: str(i.state)),
        "times": each(lambda i: i.request_time),
        "durations": each(took),
        "tokens": each(lambda i: figure_of(i, TOKEN_USAGE, "total_tokens")),
        "costs": each(lambda i: figure_of(i, COST, "total_cost")),
        "requests": each(asked_in),
        "responses": each(lambda i: (i.response_preview or "")[:300]),
        "sessions": each(lambda i: i.trace_metadata.get(SESSION)),
        "users": each(lambda i: i.trace_metadata.get(USER)),
        "runs": each(lambda i: i.trace_metadata.get(SOURCE_RUN)),
        "experiments": each(lambda i: i.experiment_id),
        "scores": each(scores),
    }


def asked_in(info: TraceInfo) -> str:
    """Return what a trace was asked: of messages the last of a user, else all that went in."""
    text = info.request_preview or ""
    given = spans.plain(text)
    if isinstance(given, dict):
        given = given.get("messages")
    if isinstance(given, list):
        said = [e.get("content") for e in given if isinstance(e, dict) and e.get("role") == "user"]
        if said and isinstance(said[-1], str):
            text = said[-1]
    return text[:300]


def took(info: TraceInfo) -> int | None:
    """Return how long a trace took in ms, None while it goes on."""
    return None if info.state is TraceState.IN_PROGRESS else info.execution_duration


def scores(info: TraceInfo) -> list[dict[str, Any]]:
    """Return the first valid feedback on a trace, as far as a row has room."""
    given = [a for a in info.assessments if a.valid and a.kind is AssessmentKind.FEEDBACK]
    return [{"name": each.name, "value": _shown(each.value)} for each in given[:MOST_SCORES]]


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, bool | int) or value is None:
        return value
    return (value if isinstance(value, str) else json.dumps(value))[:60]


def _named(experiments: Mapping[str, str], infos: Iterable[TraceInfo]) -> dict[str, Any]:
    seen = {info.experiment_id for info in infos}
    return {"experiment_names": {k: name for k, name in experiments.items() if k in seen}}


# -- completion ------------------------------------------------------------------------------------


def values(call: Call, wanted: ValuesRequest) -> Answer:
    """Return columns, or the values of one, the most frequent first."""
    experiments = list(experiments_of(call, wanted.experiment_ids))
    traces = store_of(call).traces()
    part = wanted.q.casefold()
    found = (
        _values(traces, experiments, wanted.column) if wanted.column else _keys(traces, experiments)
    )
    fitting = [each for each in found.most_common() if part in each[0].casefold()]
    told = [{"value": value, "traces": count} for value, count in fitting[: wanted.limit]]
    return json_answer(call, {"values": told})


def _keys(traces: TraceStore, experiments: list[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for info in traces.search(experiments, max_results=SAMPLED):
        counts.update(f"tags.{key}" for key in info.tags if not key.startswith("mlflow."))
        counts.update(f"metadata.{key}" for key in info.trace_metadata)
        counts.update({f"{each.kind}.{each.name}" for each in info.assessments})
    counts.update(dict.fromkeys((f"trace.{name}" for name in _TRACE), 0))
    counts.update(dict.fromkeys(("span.name", "span.type", "span.status", "span.content"), 0))
    return counts


def _values(traces: TraceStore, experiments: list[str], column: str) -> Counter[str]:
    kind, _, key = column.partition(".")
    if kind == "span" and key in ("name", "type", "status"):
        return _span_values(traces, experiments, f"span_{key}")
    infos = traces.search(experiments, max_results=SAMPLED)
    return Counter(_written(value) for info in infos for value in _of(info, kind, key))


def _written(value: Any) -> str:
    """Return a value as a filter has it: truth values as JSON writes them."""
    return value if isinstance(value, str) else json.dumps(value)


def _of(info: TraceInfo, kind: str, key: str) -> Iterable[Any]:
    if kind in ("tags", "tag"):
        found: Any = info.tags.get(key)
    elif kind in ("metadata", "request_metadata"):
        found = info.trace_metadata.get(key)
    elif kind in ("feedback", "expectation"):
        return [_shown(a.value) for a in info.assessments if a.name == key and str(a.kind) == kind]
    elif key == "name":
        found = info.tags.get(TRACE_NAME)
    elif key in ("status", "state"):
        found = info.state
    elif key == "run_id":
        found = info.trace_metadata.get(SOURCE_RUN)
    else:
        found = None
    return () if found is None else (found,)


def _span_values(traces: TraceStore, experiments: list[str], dimension: str) -> Counter[str]:
    """Return how many spans have each value; nothing where the store counts none."""
    figures = traces.ability(TraceFigures)
    if figures is None:
        return Counter()
    query = TraceMetricsQuery(
        experiments, MetricViewType.SPANS, "span_count",
        [MetricAggregation(AggregationType.COUNT)], [dimension], max_results=500,
    )  # fmt: skip
    try:
        points = figures.metrics(query)
    except NotSupported:
        return Counter()
    return Counter({p.dimensions[dimension]: int(p.values["COUNT"]) for p in points})


_MAYBE_TEXT = {"type": ["string", "null"]}
_TEXTS, _NUMBERS = array(_MAYBE_TEXT), array({"type": ["number", "null"]})

ENDPOINTS = [
    typed(
        "GET", "/api/pegboard/1.0/traces/list", listed, Permission.READ,
        "Return traces in columns, the failed and the slowest first.", ListRequest,
        record(
            ids=array(TEXT), names=_TEXTS, states=array(TEXT), times=array(INT64),
            durations=_NUMBERS, tokens=_NUMBERS, costs=_NUMBERS, requests=array(TEXT),
            responses=array(TEXT), sessions=_TEXTS, users=_TEXTS, runs=_TEXTS,
            experiments=array(TEXT), scores=array(array({"type": "object"})),
            experiment_names=mapping(TEXT), next_page_token=_MAYBE_TEXT, among=INT64,
            queue={"type": "object"}, reviews=array(TEXT), reviewers=_TEXTS,
        ),
        tags=("Pages",),
    ),
    typed(
        "GET", "/api/pegboard/1.0/traces/values", values, Permission.READ,
        "Return what traces can be searched by, or the values of that.", ValuesRequest,
        record(values=array(record(value=TEXT, traces=INT64))),
        tags=("Pages",),
    ),
]  # fmt: skip
