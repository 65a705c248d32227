"""Small scripts that trace, run with MLflow and with pegboard: ``python FILE MODULE URI``.

Prints, for each of ``CASES``, what came of it as JSON, without what differs from run to run.
"""

# ruff: noqa: SIM105, SIM117, TRY301

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import inspect
import json
import logging
import sys
import threading
import warnings
from contextvars import copy_context

mlflow = importlib.import_module(sys.argv[1])
for name in ("entities", "tracing"):
    importlib.import_module(f"{sys.argv[1]}.{name}")
entities = mlflow.entities


# -- what came of it -------------------------------------------------------------------------------

OF_THE_SERVER = {
    "mlflow.artifactLocation",
    "mlflow.trace.spansLocation",
    "mlflow.trace.infoFinalized",
    "mlflow.trace.sizeBytes",
    "mlflow.trace.sizeStats",
    "mlflow.user",
}


def texts(given):
    shown = {
        k: v
        for k, v in given.items()
        if k not in OF_THE_SERVER and not k.startswith("mlflow.source.")
    }
    return {k: str(v) for k, v in sorted(shown.items())}


def span(each, numbers):
    attributes = {k: v for k, v in each.attributes.items() if k != "mlflow.traceRequestId"}
    if "mlflow.spanStartTimeNs" in attributes:
        attributes["mlflow.spanStartTimeNs"] = "a time"
    return {
        "name": each.name,
        "within": numbers.get(each.parent_id, each.parent_id and "elsewhere"),
        "status": [str(each.status.status_code.value), each.status.description],
        "type": each.span_type,
        "level": each.log_level and each.log_level.name,
        "inputs": each.inputs,
        "outputs": each.outputs,
        "attributes": attributes,
        "events": [
            [e.name, {k: v for k, v in e.attributes.items() if "stacktrace" not in k}]
            for e in each.events
        ],
        "links": [[link.span_id, link.attributes] for link in each.links],
        "fields": sorted(each.to_dict()),
    }


def assessment(each, ids):
    told = each.to_dictionary()
    found = {
        k: v
        for k, v in told.items()
        if k not in ("assessment_id", "trace_id", "create_time", "last_update_time", "span_id")
    }
    value = found.get("expectation") or {}
    if "serialized_value" in value:
        value["serialized_value"] = json.loads(value["serialized_value"]["value"])
    if "overrides" in found:
        found["overrides"] = ids.index(found["overrides"])
    (found.get("feedback") or {}).get("error", {}).pop("stack_trace", None)
    return {**found, "of_span": each.span_id is not None, "class": type(each).__name__}


def seen(trace_id=None):
    trace = mlflow.get_trace(trace_id or mlflow.get_last_active_trace_id(), flush=True)
    spans = sorted(trace.data.spans, key=lambda s: (s.start_time_ns, s.name))
    numbers = {each.span_id: n for n, each in enumerate(spans)}
    info = trace.info
    given = sorted(info.assessments, key=lambda a: (a.name, a.overrides is not None))
    ids = [each.assessment_id for each in given]
    fields = sorted(set(info.to_dict()) - {"tags", "trace_metadata"})
    again = type(trace).from_json(trace.to_json())
    return {
        "state": str(info.state.value),
        "tags": texts(info.tags),
        "metadata": texts(info.trace_metadata),
        "previews": [info.request_preview, info.response_preview],
        "client_request_id": info.client_request_id,
        "spans": [span(each, numbers) for each in spans],
        "assessments": [assessment(each, ids) for each in given],
        "fields": fields,
        "again": [again.info.trace_id == info.trace_id, len(again.data.spans), again.data.response],
    }


# -- the cases -------------------------------------------------------------------------------------

CASES = []


def case(function):
    CASES.append(function)
    return function


@case
def nested():
    @mlflow.trace(span_type="CHAIN", attributes={"k": [1, {"a": None}]})
    def outer(question, *, k=3):
        with mlflow.start_span("look", "RETRIEVER", {"top": k}) as found:
            found.set_inputs({"q": question})
            found.set_outputs([1.5, True, None, "ü"])
        return inner(1, 2, z=3)

    @mlflow.trace(name="renamed")
    def inner(x, *more, y="d", **named):
        return {"x": x}

    outer("why")
    return seen()


@case
def names_of_everything():
    async def main():
        @mlflow.trace
        async def later(x):
            await asyncio.sleep(0)
            return x

        return await asyncio.gather(later(1), later(1))

    with mlflow.start_span("all"):
        asyncio.run(main())
    return seen()


@case
def methods():
    class Model:
        @mlflow.trace
        def predict(self, x):
            return x

        @classmethod
        @mlflow.trace
        def load(cls, path):
            return path

        @mlflow.trace
        @staticmethod
        def size(x):
            return x

        @mlflow.trace
        @classmethod
        def other(cls, x):
            return x

    with mlflow.start_span("root"):
        model = Model()
        model.predict(x=1), Model.load("p"), Model.size(2), Model.other(3)
    return seen()


@case
def a_class():
    @mlflow.trace
    @dataclasses.dataclass
    class Point:
        x: int
        y: int = 2

    Point(1)
    return seen()


@case
def an_exception():
    @mlflow.trace
    def fail(x):
        raise ValueError(f"no {x}")

    with mlflow.start_span("catches"):
        try:
            fail(1)
        except ValueError as error:
            caught = str(error)
    return [caught, seen()]


@case
def an_exception_to_the_end():
    try:
        with mlflow.start_span("a"), mlflow.start_span("b"):
            raise KeyError("k")
    except KeyError:
        pass
    return seen()


@case
def generators():
    def numbers(most):
        for number in range(most):
            with mlflow.start_span("in"):
                pass
            yield number

    with mlflow.start_span("root"):
        for _ in mlflow.trace(numbers, span_type="LLM", output_reducer=sum)(2):
            with mlflow.start_span("out"):
                pass
        list(mlflow.trace(numbers)(0))
    return seen()


@case
def async_generators():
    @mlflow.trace(name="stream")
    async def numbers(most):
        for number in range(most):
            yield {"n": number}

    async def main():
        return [number async for number in numbers(2)]

    asyncio.run(main())
    return seen()


@case
def a_generator_that_fails():
    @mlflow.trace
    def numbers():
        yield 1
        raise RuntimeError("over")

    try:
        list(numbers())
    except RuntimeError:
        pass
    found = seen()
    # A description is more than MLflow gives here.
    found["spans"][0]["status"] = found["spans"][0]["status"][:1]
    return found


@case
def without_context():
    root = mlflow.start_span_no_context(
        "root", "AGENT", inputs={"a": 1}, attributes={"b": 2}, tags={"t": "1"},
        metadata={"m": "2"}, log_level="WARNING", description="what it is",
    )  # fmt: skip
    child = mlflow.start_span_no_context("child", parent_span=root)
    active = mlflow.get_current_active_span()
    child.end(outputs=1, attributes={"c": 3}, status="ERROR")
    root.end()
    found = seen(root.trace_id)
    return [active, found]


@case
def everything_that_can_be_set():
    with mlflow.start_span("s", description="d", log_level="ERROR") as each:
        each.set_attributes({"a": 1, "b": {"c": [None]}})
        each.set_attribute("a", 2)
        each.set_span_type("PARSER")
        each.set_status("ERROR")
        each.add_event(entities.SpanEvent("happened", attributes={"x": 1}))
        each.record_exception("it broke")
        each.set_log_level("CRITICAL")
        each.add_link(entities.Link("tr-" + "1" * 32, "2" * 16, {"why": "so"}))
        each.set_attribute("falsy", 0)
        each.set_outputs("")
    return seen()


@case
def ok_stays_ok():
    with mlflow.start_span("s") as each:
        each.set_status("OK")
        each.set_status("ERROR")
    return seen()


@case
def outputs_set_inside():
    @mlflow.trace
    def f(x):
        span = mlflow.get_current_active_span()
        span.set_inputs("other")
        span.set_outputs("set")
        return "returned"

    f(1)
    return seen()


@case
def about_the_trace():
    with mlflow.start_span("root") as root:
        with mlflow.start_span("below"):
            mlflow.update_current_trace(
                tags={"a": "1"}, metadata={"b": "2"}, client_request_id="c", request_preview="rq",
                response_preview="rs", state="ERROR", session_id="s", user="u",
            )  # fmt: skip
        mlflow.set_trace_tag(root.trace_id, "live", "yes")
        mlflow.set_trace_tag(root.trace_id, "gone", "yes")
        mlflow.delete_trace_tag(root.trace_id, "gone")
        ids = [mlflow.get_active_trace_id() == root.trace_id]
    ids.append(mlflow.get_active_trace_id())
    ids.append(mlflow.get_last_active_trace_id(thread_local=True) == root.trace_id)
    seen(root.trace_id)
    mlflow.set_trace_tag(root.trace_id, "later", "yes")
    return [ids, seen(root.trace_id)]


@case
def conversations():
    @mlflow.trace
    def chat(messages):
        return {"choices": [{"message": {"role": "assistant", "content": "fine " * 300}}]}

    chat([{"role": "user", "content": "how are you?"}, {"role": "system", "content": "x"}])
    first = seen()
    with mlflow.start_span("parts") as each:
        each.set_inputs(
            {"input": [{"role": "user", "content": [{"type": "text", "text": "part"}]}]}
        )
        each.set_outputs({"output": [{"role": "user", "content": "said"}], "long": "y" * 2000})
    return [first, seen()]


@case
def odd_values():
    class Odd:
        def __str__(self):
            return "odd one"

    @dataclasses.dataclass
    class Row:
        a: int
        b: object

    with mlflow.start_span("odd") as each:
        each.set_inputs({"o": Odd(), "row": Row(1, {2}), "set": {3}, "bytes": b"x", 4: 5})
        each.set_outputs(float("inf"))
        each.set_attribute("keys", {(1, 2): 3})
        each.set_attribute("nothing", None)
    return seen()


@case
def assessments():
    source = entities.AssessmentSource("human", "me")
    with mlflow.start_span("root") as root:
        pass
    seen(root.trace_id)
    common = {"trace_id": root.trace_id}
    first = mlflow.log_feedback(
        **common, name="good", value=0.5, source=source, rationale="because",
        metadata={"m": "1"}, span_id=root.span_id,
    )  # fmt: skip
    mlflow.log_feedback(**common, name="h", error=ValueError("judge is ill"))
    mlflow.log_feedback(**common, name="i", value={"x": True})
    second = mlflow.log_expectation(**common, name="j", value={"answer": [1, "x"]})
    mlflow.log_assessment(root.trace_id, entities.Expectation(name="k", value="text"))
    gone = mlflow.log_feedback(**common, name="l", value="gone")
    mlflow.override_feedback(**common, assessment_id=first.assessment_id, value=0.9)
    mlflow.update_assessment(
        root.trace_id, second.assessment_id, entities.Expectation(name="j2", value=[2])
    )
    mlflow.delete_assessment(root.trace_id, gone.assessment_id)
    got = mlflow.get_assessment(root.trace_id, first.assessment_id)
    trace = mlflow.get_trace(root.trace_id)
    found = [
        sorted(a.name for a in trace.search_assessments()),
        sorted(a.name for a in trace.search_assessments(all=True)),
        [a.name for a in trace.search_assessments("good", type="feedback")],
        sorted(a.name for a in trace.search_assessments(span_id=root.span_id)),
    ]
    return [got.value, got.source.source_type, got.valid, found, seen(root.trace_id)]


@case
def clients():
    client = mlflow.MlflowClient()
    root = client.start_trace("t", "CHAIN", inputs=1, attributes={"a": 1}, tags={"b": "2"})
    below = client.start_span("x", root.trace_id, root.span_id, inputs=[2])
    client.end_span(root.trace_id, below.span_id, outputs=3, status="ERROR")
    client.end_trace(root.trace_id, outputs=4)
    found = seen(root.trace_id)
    client.set_trace_tag(root.trace_id, "k", "v")
    page = client.search_traces(locations=["0"], filter_string="tags.k = 'v'", max_results=5)
    client.delete_trace_tag(root.trace_id, "k")
    count = client.delete_traces("0", trace_ids=[root.trace_id])
    return [found, [t.info.trace_id == root.trace_id for t in page], page.token, count]


@case
def processors():
    def hide(each):
        if each.inputs:
            each.set_inputs({**each.inputs, "password": "***"})

    def broken(each):
        raise RuntimeError

    with mlflow.tracing.configure(span_processors=[hide, broken]):
        with mlflow.start_span("s") as each:
            each.set_inputs({"password": "secret", "user": "u"})
    return seen()


@case
def switched_off():
    before = mlflow.get_last_active_trace_id()
    mlflow.tracing.disable()
    with mlflow.start_span("no") as each:
        each.set_inputs(1)
        noop = [each.trace_id, each.span_id, each.inputs, type(each).__name__]
    mlflow.tracing.enable()
    with mlflow.tracing.context(enabled=False):
        with mlflow.start_span("no"), mlflow.start_span("nor"):
            pass
        mlflow.trace(len)([1])

    @mlflow.trace(sampling_ratio_override=0.0)
    def seldom():
        with mlflow.start_span("nor this"):
            return 1

    seldom()
    return [noop, before == mlflow.get_last_active_trace_id()]


@case
def scopes():
    with mlflow.tracing.context(metadata={"a": "1", "b": "1"}, tags={"t": "1"}, user="u"):
        with mlflow.tracing.context(metadata={"b": "2"}, session_id="s"):
            with mlflow.start_span("root"):
                pass
    return seen()


@case
def headers():
    tracing = mlflow.tracing
    with mlflow.start_span("client") as client:
        given = tracing.get_tracing_context_headers_for_http_request()
        form = [len(part) for part in given["traceparent"].split("-")]
        names = list(given)

        def serve():
            big = {key.title(): value for key, value in given.items()}
            with tracing.set_tracing_context_from_http_request_headers(big):
                with mlflow.start_span("server") as each:
                    same.append(each.trace_id == client.trace_id)
                    same.append(each.parent_id == client.span_id)

        same = []
        thread = threading.Thread(target=serve)
        thread.start()
        thread.join()
    return [names, form, same]


@case
def threads():
    @mlflow.trace
    def work(x):
        return x

    with mlflow.start_span("root"):
        run = copy_context().run
        thread = threading.Thread(target=run, args=(work, 1))
        thread.start()
        thread.join()
    return seen()


@case
def runs():
    with mlflow.start_run() as run, mlflow.start_span("in a run") as each:
        pass
    found = seen(each.trace_id)
    same = found["metadata"].pop("mlflow.sourceRun") == run.info.run_id
    listed = mlflow.search_traces(run_id=run.info.run_id, return_type="list")
    return [same, found, [t.info.trace_id == each.trace_id for t in listed]]


@case
def searching():
    for number in range(3):
        with mlflow.start_span("find me") as each:
            each.set_inputs({"n": number})
            each.set_outputs({"m": number})
            mlflow.update_current_trace(tags={"set": "1", "n": str(number)}, session_id="ses")
        seen()
    listed = mlflow.search_traces(
        filter_string="tags.set = '1'", order_by=["timestamp_ms ASC"], return_type="list"
    )
    few = mlflow.search_traces(
        locations=["0"], filter_string="tags.set = '1'", max_results=2, return_type="list",
        include_spans=False,
    )  # fmt: skip
    frame = mlflow.search_traces(
        filter_string="tags.set = '1'",
        order_by=["timestamp_ms DESC"],
        extract_fields=["`find me`.inputs", "`find me`.outputs.m"],
    )
    sessions = mlflow.search_sessions()
    return [
        [t.info.tags["n"] for t in listed],
        [[t.info.tags["n"], len(t.data.spans)] for t in few],
        [list(frame.columns), frame.iloc[:, -2:].values.tolist()],
        [frame.request.tolist(), frame.response.tolist()],
        [[s.id, len(s)] for s in sessions if s.id == "ses"],
        mlflow.get_trace("tr-unknown", silent=True),
    ]


@case
def spans_by_what_they_are():
    import re

    with mlflow.start_span("aa", "TOOL"), mlflow.start_span("ab"), mlflow.start_span("b"):
        pass
    seen()
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
    return [
        [s.name for s in trace.search_spans(span_type="TOOL")],
        sorted(s.name for s in trace.search_spans(name=re.compile("^a"))),
        [s.name for s in trace.search_spans(name="b")],
        [s.name for s in trace.search_spans(span_id=trace.data.spans[0].span_id)],
    ]


@case
def from_elsewhere():
    with mlflow.start_span("their root") as root, mlflow.start_span("their child"):
        mlflow.update_current_trace(tags={"theirs": "1"})
        root.set_outputs(5)
    seen()
    theirs = mlflow.get_trace(mlflow.get_last_active_trace_id())
    with mlflow.start_span("ours"):
        mlflow.add_trace(theirs.to_dict())
    below = seen()
    mlflow.add_trace(theirs)
    return [below, seen()]


@case
def afterwards():
    identity = mlflow.log_trace(
        "task", {"q": 1}, "a", attributes={"x": 1}, tags={"t": "1"},
        start_time_ms=1_700_000_000_000, execution_time_ms=1500,
    )  # fmt: skip
    found = seen(identity)
    info = mlflow.get_trace(identity).info
    return [found, info.request_time, info.execution_duration, info.timestamp_ms]


@case
def tokens():
    with mlflow.start_span("root"), mlflow.start_span("llm", "LLM") as each:
        each.set_attribute(
            "mlflow.chat.tokenUsage", {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
        )
    found = seen()
    return [found, mlflow.get_trace(mlflow.get_last_active_trace_id()).info.token_usage]


@case
def places():
    identity = mlflow.create_experiment("other")
    where = entities.MlflowExperimentLocation(identity) if sys.argv[1] == "pegboard" else None
    if where is None:
        from mlflow.entities.trace_location import MlflowExperimentLocation

        where = MlflowExperimentLocation(identity)
    mlflow.trace(lambda: 1, name="a", trace_destination=where)()
    seen()
    found = [mlflow.get_trace(mlflow.get_last_active_trace_id()).info.experiment_id == identity]
    with mlflow.start_span("b", trace_destination=where):
        pass
    seen()
    found.append(mlflow.get_trace(mlflow.get_last_active_trace_id()).info.experiment_id == identity)
    return found


# -- signatures ------------------------------------------------------------------------------------

FUNCTIONS = """
add_trace delete_assessment delete_trace_tag get_active_trace_id get_assessment
get_current_active_span get_last_active_trace_id get_trace log_assessment log_expectation
log_feedback log_trace override_feedback search_sessions search_traces set_trace_tag start_span
start_span_no_context trace update_assessment update_current_trace tracing.context
tracing.disable tracing.enable tracing.reset tracing.set_destination
tracing.get_tracing_context_headers_for_http_request
tracing.set_tracing_context_from_http_request_headers MlflowClient.delete_traces
MlflowClient.end_span MlflowClient.end_trace MlflowClient.get_trace MlflowClient.search_traces
MlflowClient.set_trace_tag MlflowClient.start_span MlflowClient.start_trace
MlflowClient.link_traces_to_run MlflowClient.delete_trace_tag
"""


def signatures():
    found = {}
    for name in FUNCTIONS.split():
        value = mlflow
        for part in name.split("."):
            value = value() if part == "x" else getattr(value, part)
            value = value() if part == "MlflowClient" else value
        parameters = inspect.signature(value).parameters.values()
        found[name] = [
            [p.name, p.kind.name, str(getattr(p.default, "value", p.default))] for p in parameters
        ]
    return found


def main():
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    mlflow.set_tracking_uri(sys.argv[2])
    found = {"signatures": signatures()}
    for each in CASES:
        try:
            found[each.__name__] = each()
        except Exception as error:
            if "--raise" in sys.argv:
                raise
            found[each.__name__] = f"{type(error).__name__}: {error}"
    print("\n" + json.dumps(found, sort_keys=True, default=str))


if __name__ == "__main__":
    main()
