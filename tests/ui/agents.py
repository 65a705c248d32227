"""Traces with something to see: an agent that answers questions about invoices."""

from __future__ import annotations

import time

from pegboard.entities.traces import Assessment, AssessmentKind, Span, SpanEvent, SpanStatusCode
from pegboard_scripting.client import Client
from pegboard_stores.reviews import (
    Categorical,
    FreeText,
    Input,
    LabelSchemas,
    LabelType,
    Numeric,
    PassFail,
    QueueKind,
    ReviewQueues,
)

EXPERIMENT = "ticket-triage-agent"
AGENT = "tr-8c41f0aa000000000000000000000001"
FAILED = "tr-8c41f0aa000000000000000000000002"
OPEN = "tr-8c41f0aa000000000000000000000003"
LONG = "tr-8c41f0aa000000000000000000000004"
QUESTION = "Which invoices from March are still unpaid, and who should we call first?"
ANSWER = (
    "Three March invoices are unpaid, 30,225 in all. Call Fenwick Foundry first: 18,240, "
    "61 days overdue, and they have answered within a day before."
)
ROWS = [
    {"invoice": "2024-311", "customer": "Fenwick Foundry", "due": "03-08", "amount": 18240},
    {"invoice": "2024-319", "customer": "Oakmoor Dairy", "due": "03-14", "amount": 2115},
    {"invoice": "2024-327", "customer": "Pell & Sons", "due": "03-29", "amount": 9870},
]
MARKUP = "<img src=x onerror=alert(1)>"
# depth name type begin(s) took(s) first-token tokens
STEPS = """
0 agent AGENT 0 3.2 - -
1 plan CHAIN .02 .86 - -
2 llm.plan LLM .05 .78 .53 612
1 retrieve CHAIN .86 .41 - -
2 embed EMBEDDING .87 .06 - -
2 vector.search RETRIEVER .93 .19 - -
2 rerank RERANKER 1.12 .14 - -
1 act CHAIN 1.28 .31 - -
2 crm.lookup TOOL 1.29 .12 - -
2 crm.lookup TOOL 1.42 .16 - -
2 sql.query TOOL 1.29 .29 - -
1 llm.answer CHAT_MODEL 1.6 1.52 .31 1804
1 judge.groundedness LLM 2.1 .94 - 1704
1 write_reply TASK 3.13 .06 - -
""".strip().splitlines()


def fill(store: str, *, spans: int = 3000) -> str:
    """Fill a store with traces, one of them of ``spans`` spans; return the experiment's id."""
    client = Client(store)
    experiment = client.create_experiment(EXPERIMENT)
    traces = client.store.traces()
    now = time.time_ns() - 60_000_000_000
    run = client.create_run(experiment, now // 1_000_000, {}, "triage-v6").info.run_id
    agent = _agent(AGENT, now)
    traces.log_spans(experiment, agent)
    traces.link_to_run([AGENT], run)
    traces.set_tag(AGENT, "team", "accounts")
    traces.set_tag(AGENT, "mlflow.traceName", EXPERIMENT)
    traces.create_assessment(
        Assessment(
            AGENT, "groundedness", AssessmentKind.FEEDBACK, 0.92, "LLM_JUDGE", "judge v3",
            rationale="All amounts are in the rows.", span_id=agent[11].span_id,
        )
    )  # fmt: skip
    root = Span(FAILED, "f" * 16, "agent", now - 10**11, now - 10**11 + 9 * 10**8, None,
                SpanStatusCode.ERROR, "the index did not answer",
                attributes={"mlflow.spanType": "AGENT", "mlflow.spanInputs": {"question": MARKUP}},
                events=[SpanEvent("exception", now - 10**11, {"exception.message": "timeout"})],
                )  # fmt: skip
    traces.log_spans(experiment, [root])
    traces.set_tag(FAILED, "mlflow.traceName", MARKUP)
    waiting = Span(OPEN, "e" * 16, "llm.answer", now, None, "d" * 16,
                   attributes={"mlflow.spanType": "LLM"})  # fmt: skip
    traces.log_spans(experiment, [waiting])
    many = [Span(LONG, "1".zfill(16), "batch", now, now + spans * 10**6,
                 attributes={"mlflow.spanType": "CHAIN"})]  # fmt: skip
    for number in range(2, spans + 1):
        began = now + number * 10**6 - 10**6
        many.append(
            Span(LONG, str(number).zfill(16), f"step {number}", began, began + 10**6,
                 "1".zfill(16), attributes={"mlflow.spanType": "TOOL"})
        )  # fmt: skip
    traces.log_spans(experiment, many)
    traces.set_tag(LONG, "mlflow.traceName", "batch")
    for number in range(12):
        began = now - (number + 5) * 3600 * 10**9
        traces.log_spans(
            experiment,
            [Span(f"tr-{number:032x}", "a" * 16, "summary", began, began + (number + 1) * 10**8,
                  status=SpanStatusCode.OK, attributes=_of("LLM", 100 + number, None, began)[0])],
            tags={f"tr-{number:032x}": {"mlflow.traceName": "summary"}},
        )  # fmt: skip
    return str(experiment)


def ask(store: str, experiment: str) -> str:
    """Ask questions about traces, and put two of them into a queue; return its id."""
    kept = Client(store).store
    schemas, queues = kept.ability(LabelSchemas), kept.ability(ReviewQueues)
    assert schemas is not None
    assert queues is not None
    forms: dict[str, Input] = {
        "Is it right?": PassFail("Right", "Wrong"),
        "stars": Numeric(1, 5),
        "topics": Categorical(("money", "dates", "people"), multi_select=True),
        "what else": FreeText(50),
    }
    for name, form in forms.items():
        schemas.create(
            experiment, name, type=LabelType.FEEDBACK, input=form, enable_comment=name == "stars"
        )
    queue = queues.create(experiment, "hard ones", QueueKind.CUSTOM, users=["ann"])
    queues.add(queue.queue_id, [AGENT, FAILED])
    return queue.queue_id


TALK = "talk 'of' <b>ann</b>"
"""The name of a session."""
SAID = (
    ("Which invoices are open?", "Three of them: 311, 319 and 327.", ""),
    (f"And {MARKUP}?", f"That is markup: {MARKUP}", ""),
    ("Who pays last?", None, "the index did not answer"),
)


def talk(store: str, experiment: str) -> list[str]:
    """Have a conversation whose turns carry all that was said before; return ids of its traces."""
    traces = Client(store).store.traces()
    before: list[dict[str, object]] = [{"role": "system", "content": "You are brief."}]
    ids = []
    for number, (asked, answered, error) in enumerate(SAID):
        before.append({"role": "user", "content": asked})
        trace_id, began = f"tr-{number + 900:032x}", 10**18 + number * 60 * 10**9
        out = {} if answered is None else {
            "mlflow.spanOutputs": {"role": "assistant", "content": answered}}  # fmt: skip
        attributes, _ = _of("LLM", 1000, None, began)
        root = Span(trace_id, "b" * 16, "chat", began, began + 2 * 10**9,
                    status=SpanStatusCode.ERROR if error else SpanStatusCode.OK,
                    status_message=error,
                    attributes={**attributes, "session.id": TALK, "user.id": "ann",
                                "mlflow.spanInputs": {"messages": [*before]}, **out},
                    )  # fmt: skip
        traces.log_spans(experiment, [root])
        before.append({"role": "assistant", "content": answered})
        ids.append(trace_id)
    traces.create_assessment(
        Assessment(ids[0], "brief", AssessmentKind.FEEDBACK, True, "HUMAN", "kim")
    )
    return ids


def _agent(trace_id: str, began: int) -> list[Span]:
    spans: list[Span] = []
    above: list[str] = []
    for number, line in enumerate(STEPS):
        depth, name, kind, begin, took, first, tokens = line.split()
        start = began + int(float(begin) * 1e9)
        own = f"{number + 1:016x}"
        above = [*above[: int(depth)], own]
        attributes, events = _of(kind, None if tokens == "-" else int(tokens), first, start)
        failed = number == 8
        attributes |= CONTENT.get(name, {})
        spans.append(
            Span(trace_id, own, name, start, start + int(float(took) * 1e9),
                 above[-2] if int(depth) else None,
                 SpanStatusCode.ERROR if failed else SpanStatusCode.OK,
                 "timeout, retried" if failed else "", "INTERNAL", attributes, events)
        )  # fmt: skip
    return spans


def _of(
    kind: str, tokens: int | None, first: str | None, start: int
) -> tuple[dict[str, object], list[SpanEvent]]:
    attributes: dict[str, object] = {"mlflow.spanType": kind}
    events = []
    if tokens is not None:
        attributes["mlflow.llm.model"] = "tern-70b"
        attributes["mlflow.chat.tokenUsage"] = {
            "input_tokens": tokens - tokens // 10, "output_tokens": tokens // 10,
            "total_tokens": tokens,
        }  # fmt: skip
        attributes["mlflow.llm.cost"] = {"total_cost": tokens * 3e-6}
    if first not in (None, "-"):
        events.append(SpanEvent("first_token", start + int(float(first) * 1e9)))
    return attributes, events


CONTENT: dict[str, dict[str, object]] = {
    "agent": {
        "mlflow.spanInputs": {"messages": [{"role": "user", "content": QUESTION}]},
        "mlflow.spanOutputs": {"answer": ANSWER},
        "session.id": "s-291",
    },
    "vector.search": {
        "mlflow.spanInputs": {"query": QUESTION, "k": 20},
        "mlflow.spanOutputs": [{"page_content": f"invoice {n}", "score": 1 / (n + 1)}
                               for n in range(20)],
    },
    "sql.query": {
        "mlflow.spanInputs": {"sql": "SELECT * FROM invoices WHERE NOT paid AND month = 3"},
        "mlflow.spanOutputs": ROWS,
    },
    "llm.answer": {
        "mlflow.spanInputs": {
            "messages": [
                {"role": "system", "content": "You help the accounts team. Use only rows the tools"
                                              " returned. Name the amount and the days overdue."},
                {"role": "user", "content": QUESTION},
                {"role": "tool", "name": "sql.query", "content": ROWS},
            ],
            "temperature": 0.2,
        },
        "mlflow.spanOutputs": {
            "choices": [
                {"message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
            ]
        },
        "mlflow.linkedPrompts": [{"name": "triage-answer", "version": "11"}],
        "gen_ai.request.temperature": 0.2,
        "odd": float("inf"),
    },
}  # fmt: skip
"""What steps receive and return, by name."""
