"""Spans of functions, blocks and generators, as they come back from the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

import pegboard
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pegboard_tracing.entities.traces import Trace


def last() -> Trace:
    trace_id = pegboard.get_last_active_trace_id()
    assert trace_id is not None
    trace = pegboard.get_trace(trace_id)
    assert trace is not None
    return trace


def tree(trace: Trace) -> list[tuple[str, str | None]]:
    """Return the names of spans and of what they are within."""
    names = {span.span_id: span.name for span in trace.data.spans}
    return [(span.name, names.get(span.parent_id or "")) for span in trace.data.spans]


def test_what_was_nested_is_nested() -> None:
    @pegboard.trace(span_type="CHAIN")
    def outer(question: str, *, k: int = 3) -> str:
        with pegboard.start_span("look", "RETRIEVER", {"top": k}) as span:
            span.set_inputs({"q": question})
            span.set_outputs(["a"])
        return inner(1)

    @pegboard.trace
    def inner(x: int, *more: int, **named: int) -> str:
        return "done"

    assert outer("why") == "done"
    trace = last()
    assert tree(trace) == [("outer", None), ("look", "outer"), ("inner", "outer")]
    root, look, innermost = trace.data.spans
    assert (root.span_type, root.inputs, root.outputs) == (
        "CHAIN",
        {"question": "why", "k": 3},
        "done",
    )
    assert (look.inputs, look.outputs, look.attributes["top"]) == ({"q": "why"}, ["a"], 3)
    assert innermost.inputs == {"x": 1, "more": [], "named": {}}
    assert trace.info.state == "OK"
    assert trace.info.request_preview == '{"question": "why", "k": 3}'


def test_inputs_are_kept_as_they_were_when_the_function_was_called() -> None:
    @pegboard.trace
    def change(items: list[int]) -> None:
        items.append(2)

    change([1])
    assert last().data.spans[0].inputs == {"items": [1]}


def test_an_exception_passes_unchanged_and_is_in_the_span() -> None:
    raised = ValueError("no such thing")

    @pegboard.trace
    def fail() -> None:
        raise raised

    with pytest.raises(ValueError, match="no such thing") as caught:
        fail()
    assert caught.value is raised
    trace = last()
    [span] = trace.data.spans
    assert trace.info.state == "ERROR"
    assert (span.status.status_code, span.status.description) == (
        "ERROR",
        "ValueError: no such thing",
    )
    [event] = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ValueError"
    assert "raise raised" in event.attributes["exception.stacktrace"]


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("it does not show itself")


def circular() -> list[Any]:
    items: list[Any] = [1]
    items.append(items)
    return items


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (object, "<class 'object'>"),
        ({frozenset({1}): 2}, "{frozenset({1}): 2}"),
        (circular(), "[1, [...]]"),
        (Odd(), "<test_spans.Odd that cannot be shown>"),
        (b"\xff", "b'\\xff'"),
        ("half \ud83d", "half ?"),
        (float("inf"), float("inf")),
        (1 << 70, float(1 << 70)),
    ],
)
def test_what_json_cannot_hold_becomes_text(value: Any, seen: Any) -> None:
    with pegboard.start_span("odd") as span:
        span.set_inputs(value)
    found = last().data.spans[0].inputs
    assert found == seen or str(found).endswith(str(seen).rpartition(".")[2])


def test_a_huge_value_is_cut_and_says_so() -> None:
    with pegboard.start_span("huge") as span:
        span.set_inputs("x" * (5 << 20))
    found = last().data.spans[0].inputs
    assert len(found) < (5 << 20)
    assert found.endswith("characters of this value were kept]")


def numbers(most: int) -> Iterator[int]:
    with pegboard.start_span("before"):
        pass
    yield from range(most)


async def numbers_later(most: int) -> AsyncIterator[int]:
    for number in range(most):
        await asyncio.sleep(0)
        yield number


def test_a_generator_has_one_span_which_is_active_only_while_it_runs() -> None:
    traced = pegboard.trace(numbers, output_reducer=sum)
    with pegboard.start_span("user"):
        for _ in traced(3):
            with pegboard.start_span("between"):
                pass
    trace = last()
    assert sorted(tree(trace), key=str) == sorted(
        [("user", None), ("numbers", "user"), ("before", "numbers"), *[("between", "user")] * 3],
        key=str,
    )
    [span] = trace.search_spans(name="numbers")
    assert span.outputs == 3
    assert [event.name for event in span.events] == [f"mlflow.chunk.item.{n}" for n in range(3)]


def test_a_generator_that_is_left_early_has_what_it_yielded() -> None:
    stream = pegboard.trace(numbers)(3)
    assert next(stream) == 0
    stream.close()  # type: ignore[attr-defined]
    [span] = [span for span in last().data.spans if span.name == "numbers"]
    assert (span.outputs, span.status.status_code) == ([0], "OK")


def test_async_functions_and_generators() -> None:
    @pegboard.trace
    async def collect(most: int) -> list[int]:
        return [number async for number in pegboard.trace(numbers_later)(most)]

    assert asyncio.run(collect(2)) == [0, 1]
    trace = last()
    assert tree(trace) == [("collect", None), ("numbers_later", "collect")]
    assert [span.outputs for span in trace.data.spans] == [[0, 1], [0, 1]]


def test_methods_of_all_kinds_and_classes() -> None:
    @pegboard.trace
    class Model:
        def __init__(self, rate: float) -> None:
            self.rate = rate

        @pegboard.trace
        def predict(self, x: int) -> float:
            return x * self.rate

        @classmethod
        @pegboard.trace
        def load(cls, path: str) -> str:
            return path

        @pegboard.trace
        @staticmethod
        def size(x: int) -> int:
            return x

    with pegboard.start_span("all"):
        model = Model(0.5)
        assert (model.predict(4), Model.load("p"), Model.size(1)) == (2.0, "p", 1)
    assert isinstance(model, Model)
    spans = last().data.spans[1:]
    assert [(span.name, span.inputs) for span in spans] == [
        ("Model", {"rate": 0.5}),
        ("predict", {"x": 4}),
        ("load", {"path": "p"}),
        ("size", {"x": 1}),
    ]


def test_outlines_say_what_was_set() -> None:
    with pegboard.start_run() as run, pegboard.start_span("root"):
        pegboard.update_current_trace(
            tags={"a": 1},
            metadata={"b": "2"},
            client_request_id="mine",
            request_preview="asked",
            response_preview="answered",
            state="ERROR",
            session_id="s",
            user="u",
        )
    info = last().info
    assert (info.tags["a"], info.trace_metadata["b"], info.client_request_id) == ("1", "2", "mine")
    assert (info.request_preview, info.response_preview) == ("asked", "answered")
    assert info.state == "ERROR"
    assert info.trace_metadata["mlflow.trace.session"] == "s"
    assert info.trace_metadata["mlflow.sourceRun"] == run.info.run_id
    [found] = pegboard.search_traces(run_id=run.info.run_id, return_type="list")
    assert found.info.trace_id == info.trace_id
    frame = pegboard.search_traces(filter_string="metadata.`mlflow.trace.user` = 'u'")
    assert list(frame.trace_id) == [info.trace_id]


# -- nesting, whichever way it comes about ---------------------------------------------------------

SHAPES = st.recursive(
    st.just([]), lambda inner: st.lists(st.tuples(st.sampled_from("bdta"), inner), max_size=3)
)


def grow(shape: list[tuple[str, Any]], path: str, pool: ThreadPoolExecutor) -> None:
    """Make a span for each item: in a block, a decorated function, a thread or a task."""
    for number, (kind, inner) in enumerate(shape):
        name = f"{path}.{number}"
        below = partial(grow, inner, name, pool)
        if kind == "d":
            pegboard.trace(below, name=name)()
        elif kind == "t":
            run = copy_context().run
            pool.submit(run, in_block, name, below).result()
        elif kind == "a":
            run_task(name, below)
        else:
            in_block(name, below)


def in_block(name: str, below: Callable[[], None]) -> None:
    with pegboard.start_span(name):
        below()


def run_task(name: str, below: Callable[[], None]) -> None:
    async def work() -> None:
        await asyncio.gather(asyncio.create_task(block()), asyncio.create_task(other()))

    async def block() -> None:
        with pegboard.start_span(name):
            await asyncio.sleep(0)

    async def other() -> None:
        await asyncio.sleep(0)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work())
    else:
        in_block(name, below)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(SHAPES)
def test_spans_are_within_what_called_them(shape: list[tuple[str, Any]]) -> None:
    with ThreadPoolExecutor(8) as pool, pegboard.start_span("r"):
        grow(shape, "r", pool)
    found = tree(last())
    for name, parent in found:
        assert parent == (name.rpartition(".")[0] or None)
    assert len(found) == len({name for name, _ in found})
