"""Runs of DSPy's modules, for spans that are compared."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import SimpleNamespace
from typing import Any

import dspy
from pegboard_testing.llm_server import KEY, FakeOpenAI, Fault, saying

LEFT_OUT = ("api_base",)


FRAMES = re.compile(r"Traceback.*?(?=failed to measure)", re.DOTALL)


def reduced(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the places in files where a tool failed."""
    found: dict[str, Any] = json.loads(FRAMES.sub("", json.dumps(row)))
    return found


def fields(**values: str) -> str:
    """Return an answer as the adapter for chats reads it."""
    parts = [f"[[ ## {name} ## ]]\n{value}" for name, value in values.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def step(tool: str, **given: Any) -> str:
    return fields(next_thought="On.", next_tool_name=tool, next_tool_args=json.dumps(given))


def streaming(text: str) -> Fault:
    """Return an answer that comes in pieces."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    deltas = [{"role": "assistant"}, *({"content": f"{line}\n"} for line in text.split("\n")), {}]
    choices = [{"index": 0, "delta": each, "finish_reason": None} for each in deltas]
    choices[-1]["finish_reason"] = "stop"
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    events = [
        *({**head, "choices": [each]} for each in choices),
        {**head, "choices": [], "usage": usage},
    ]
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in events) + "data: [DONE]\n\n"
    return Fault(200, body.encode())


class Guide(dspy.Module):
    """A module of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.find = dspy.Retrieve(k=1)
        self.answer = dspy.ChainOfThought("question, context -> answer")

    def forward(self, question: str) -> Any:
        context = self.find(question).passages
        return self.answer(question=question, context=context)


def distance(place: str) -> str:
    """Measure."""
    if place == "nowhere":
        raise ValueError("failed to measure")
    return f"3 km to {place}"


def is_short(example: Any, prediction: Any, trace: Any = None) -> bool:
    return len(prediction.answer) < 9


@contextmanager
def cases(mlflow: Any) -> Iterator[Mapping[str, Callable[[], Any]]]:
    mlflow.dspy.autolog()
    with FakeOpenAI() as fake, closing(asyncio.new_event_loop()) as loop:
        at = {"api_base": fake.url, "api_key": KEY, "cache": False, "num_retries": 0}
        lm = dspy.LM("openai/gpt-4o-mini", temperature=0.5, **at)
        keyless = dspy.LM("openai/gpt-4o-mini", **{**at, "api_key": "none"})
        found = [SimpleNamespace(long_text="Ulm is far.")]
        dspy.configure(lm=lm, rm=lambda query, k: found)
        predict = dspy.Predict("question -> answer")
        agent = dspy.ReAct("question -> answer", tools=[distance], max_iters=3)

        def answers(*texts: str) -> None:
            fake.faults[:] = [saying(text) for text in texts]

        def asked(program: Any, *texts: str, **context: Any) -> Any:
            answers(*texts)
            with dspy.context(**context):
                return program(question="How far is it?")

        async def later() -> None:
            answers(fields(answer="3 km"))
            await predict.acall(question="How far is it?")

        async def streamed() -> None:
            fake.faults[:] = [streaming(fields(answer="3 km"))]
            listeners = [dspy.streaming.StreamListener(signature_field_name="answer")]
            program = dspy.streamify(predict, stream_listeners=listeners)
            assert [each async for each in program(question="How far is it?")]

        steps = [step("distance", place=place) for place in ("Ulm", "nowhere")]
        last = fields(reasoning="So.", answer="3 km")
        yield {
            "predict": lambda: asked(predict, fields(answer="3 km")),
            "async": lambda: loop.run_until_complete(later()),
            "stream": lambda: loop.run_until_complete(streamed()),
            "module": lambda: asked(Guide(), fields(reasoning="So.", answer="3 km")),
            "react": lambda: asked(agent, *steps, step("finish"), last),
            "json": lambda: asked(
                predict, json.dumps({"answer": "3 km"}), adapter=dspy.JSONAdapter()
            ),
            "fallback": lambda: asked(predict, "Who knows?", json.dumps({"answer": "3 km"})),
            "lm": lambda: (answers("3 km"), lm("How far is it?")),
            "failing": lambda: asked(predict, lm=keyless),
        }
