"""``traces/sessions`` and ``traces/session``: traces as the conversations that they are turns of.

A session is what traces share in their metadata ``mlflow.trace.session``. The store's own search
finds its traces; of a turn, what went into its first span and came out of it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from attrs import frozen
from pegboard.entities.traces import TRACE_NAME, Span, SpanStatusCode, Trace, TraceInfo, TraceState
from pegboard.literals import literal
from pegboard_stores import cancellation
from pegboard_stores.traces.figures import SESSION
from pegboard_stores.traces.usage import COST, TOKEN_USAGE
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import spans
from pegboard_ui.data.answers import finite, json_answer
from pegboard_ui.data.table import pointing
from pegboard_ui.data.trace_list import (
    MOST_EXPERIMENTS,
    MOST_WEIGHED,
    USER,
    asked_in,
    experiments_of,
    figure_of,
    filter_of,
    took,
)
from pegboard_ui.data.trace_page import assessment_json

MOST_TURN = 20_000
"""How many characters of what went in, or came out, are sent of a turn."""
_AT_ONCE = 1000
"""How many traces are looked at before it is asked whether they are enough."""
_COLUMN = f"metadata.`{SESSION}`"


@frozen
class SessionsRequest:
    """Which sessions: those of the last traces that match ``q``; no experiments stand for all."""

    experiment_ids: Annotated[tuple[str, ...], AtMost(MOST_EXPERIMENTS)] = ()
    q: Annotated[str, AtMost(20_000)] = ""
    limit: Annotated[int, Between(1, 500)] = 200


@frozen
class SessionRequest:
    """Which session, and how many turns of it, the first ones first."""

    session: Annotated[str, AtMost(1_000)]
    experiment_ids: Annotated[tuple[str, ...], AtMost(MOST_EXPERIMENTS)] = ()
    limit: Annotated[int, Between(1, 100)] = 50
    page_token: Annotated[str, AtMost(5_000)] = ""


def _sum(infos: Iterable[TraceInfo], key: str, part: str) -> float | None:
    known = [figure for info in infos if (figure := figure_of(info, key, part)) is not None]
    return sum(known) if known else None


@pointing
def listed(call: Call, wanted: SessionsRequest) -> Answer:
    """Return sessions, the one with the newest trace first."""
    experiments = experiments_of(call, wanted.experiment_ids)
    asked, some = filter_of(wanted.q), f"{_COLUMN} IS NOT NULL"
    if asked:
        # Without parentheses where none are needed: columns of what is wrong stay what they are.
        some = f"({asked}) AND {some}" if " or " in asked.lower() else f"{asked} AND {some}"
    traces = store_of(call).traces()
    # The newest first, in each session, too.
    found: dict[str, list[TraceInfo]] = {}
    among, token = 0, None
    while among < MOST_WEIGHED:
        cancellation.check()
        page = traces.search(list(experiments), filter=some, max_results=_AT_ONCE, page_token=token)
        for info in page:
            found.setdefault(info.trace_metadata[SESSION], []).append(info)
        among, token = among + len(page), page.token
        if token is None or len(found) >= wanted.limit:
            break
    shown = list(found.items())[: wanted.limit]
    last = [turns[0] for _, turns in shown]
    return json_answer(
        call,
        {
            "ids": [name for name, _ in shown],
            "users": [info.trace_metadata.get(USER) for info in last],
            "turns": [len(turns) for _, turns in shown],
            "failed": [sum(i.state is TraceState.ERROR for i in turns) for _, turns in shown],
            "tokens": [_sum(turns, TOKEN_USAGE, "total_tokens") for _, turns in shown],
            "costs": [_sum(turns, COST, "total_cost") for _, turns in shown],
            "first": [turns[-1].request_time for _, turns in shown],
            "last": [info.request_time for info in last],
            "requests": [asked_in(info) for info in last],
            "experiments": [info.experiment_id for info in last],
            "experiment_names": {info.experiment_id: experiments[info.experiment_id]
                                 for info in last},
            "total": len(found),
            # 0: of all.
            "among": among if token else 0,
        },
    )  # fmt: skip


def session(call: Call, wanted: SessionRequest) -> Answer:
    """Return turns of a session in their order."""
    experiments = list(experiments_of(call, wanted.experiment_ids))
    traces = store_of(call).traces()
    page = traces.search(
        experiments, filter=f"{_COLUMN} = {literal(wanted.session)}",
        order_by=["timestamp ASC"], max_results=wanted.limit,
        page_token=wanted.page_token or None,
    )  # fmt: skip
    whole = {each.info.trace_id: each for each in traces.traces([i.trace_id for i in page])}
    turns = [_turn(whole.get(info.trace_id) or Trace(info, [])) for info in page]
    return json_answer(call, {"turns": turns, "next_page_token": page.token})


def _turn(trace: Trace) -> dict[str, Any]:
    info, root = trace.info, _root(trace.spans)
    into, out = (_said(root, key) for key in (spans.INPUTS, spans.OUTPUTS))
    return {
        "trace_id": info.trace_id,
        "name": info.tags.get(TRACE_NAME),
        "state": str(info.state),
        "time": info.request_time,
        "duration": took(info),
        "tokens": figure_of(info, TOKEN_USAGE, "total_tokens"),
        "cost": figure_of(info, COST, "total_cost"),
        "user": info.trace_metadata.get(USER),
        "experiment": info.experiment_id,
        "input": into or {"value": info.request_preview, "cut": 0},
        "output": out or {"value": info.response_preview, "cut": 0},
        "error": _error(trace.spans),
        "spans": len(trace.spans),
        "assessments": [assessment_json(each) for each in info.assessments if each.valid],
    }


def _root(found: Sequence[Span]) -> Span | None:
    above = [each for each in found if each.parent_id is None]
    return min(above, key=lambda each: each.start_time_ns, default=None)


def _said(span: Span | None, key: str) -> dict[str, Any] | None:
    """Return what a span has as an input or output; ``cut`` is its whole length if it was cut."""
    if span is None or span.attributes.get(key) is None:
        return None
    value, length = spans.bounded(finite(spans.plain(span.attributes[key])), MOST_TURN)
    return {"value": value, "cut": length}


def _error(found: Iterable[Span]) -> str:
    """Return what the first span that failed says of it; "" if none failed."""
    wrong = [each for each in found if each.status is SpanStatusCode.ERROR]
    # What failed first is the reason, and the calls around it only pass it on.
    told = min(wrong, key=lambda e: e.end_time_ns or e.start_time_ns, default=None)
    return "" if told is None else spans.failure(told)


_MAYBE_TEXT = {"type": ["string", "null"]}
_TEXTS, _NUMBERS = array(_MAYBE_TEXT), array({"type": ["number", "null"]})

ENDPOINTS = [
    typed(
        "GET", "/api/pegboard/1.0/traces/sessions", listed, Permission.READ,
        "Return sessions of the last traces in columns, the newest first.", SessionsRequest,
        record(
            ids=array(TEXT), users=_TEXTS, turns=array(INT64), failed=array(INT64),
            tokens=_NUMBERS, costs=_NUMBERS, first=array(INT64), last=array(INT64),
            requests=array(TEXT), experiments=array(TEXT), experiment_names=mapping(TEXT),
            total=INT64, among=INT64,
        ),
        tags=("Pages",),
    ),
    typed(
        "GET", "/api/pegboard/1.0/traces/session", session, Permission.READ,
        "Return turns of a session in their order: what was said, and what it cost.",
        SessionRequest,
        record(turns=array({"type": "object"}), next_page_token=_MAYBE_TEXT),
        tags=("Pages",),
    ),
]  # fmt: skip
