"""Traces as applications around language models leave them, in any number, always the same.

A trace has about 6.5 spans of about 1 KB: an agent that asks retrievers, tools and models. Words
are drawn as languages use them, few often and most hardly ever, from sentences that change with
time; ids, numbers and times that occur once are among them.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from pegboard.entities.traces import Span, SpanEvent, SpanStatusCode

EXPERIMENTS = 4
START = 1_700_000_000_000
"""When the first trace began, in ms."""

STEP = 700
"""How many ms after one trace the next one begins."""

RARE, SCARCE, COMMON = "quixotry", "escalation", "refund"
"""Words that one of 25,000 traces, one of 100 and one of 4 hold."""

ABSENT, LIKELY = "xylophone", "staterent"
"""Words that no trace holds; of the second all parts are common."""

SHARES = (60, 25, 10, 5)
_WORDS = 30_000
_SENTENCES = 8_000
_RENEWED = 10_000
_SYSTEM = "You are the assistant of a shop. Answer from the documents and name your sources."
_ENVIRONMENTS = (("production", "staging", "dev"), (85, 10, 5))
_MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "llama-3.1-70b")
_TOOLS = ("search_orders", "get_weather", "create_ticket", "convert_currency")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Traces:
    """Makes traces one after the other; two made with the same seed are the same."""

    def __init__(self, seed: int = 7) -> None:
        """Draw the words that all texts consist of."""
        self._draw = random.Random(seed)
        starts = (*"bcdfghlmnprst", "st", "tr", "sh")
        parts = [start + vowel for start in starts for vowel in "aeiou"]
        ends = ("", "n", "r", "s", "t", "ing", "ed", "ment", "er", "ly")
        made = dict.fromkeys(
            "".join(self._draw.choices(parts, k=self._draw.randint(1, 4))) + self._draw.choice(ends)
            for _ in range(_WORDS)
        )
        self._words = [word for word in made if LIKELY not in word]
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._words) + 1)))
        self._sentences: list[str] = []

    def make(self, count: int) -> Iterator[tuple[int, list[Span], dict[str, str]]]:
        """Yield the experiment (0 is the largest), the spans and the tags of each trace."""
        for number in range(count):
            if number % _RENEWED == 0:
                self._sentences = [self._sentence() for _ in range(_SENTENCES)]
            yield self._trace(number)

    def _sentence(self) -> str:
        length = self._draw.randint(6, 18)
        words = self._draw.choices(self._words, cum_weights=self._weights, k=length)
        return " ".join(words).capitalize() + "."

    def _text(self, sentences: int) -> str:
        return " ".join(self._draw.choices(self._sentences, k=sentences))

    def _code(self, prefix: str) -> str:
        return prefix + "".join(self._draw.choices(_LETTERS, k=24))

    def _trace(self, number: int) -> tuple[int, list[Span], dict[str, str]]:
        draw = self._draw
        experiment = draw.choices(range(EXPERIMENTS), SHARES)[0]
        made = _Making(draw, f"tr-{draw.getrandbits(128):032x}", number)
        question = f"{self._text(2)} My order is #{draw.randrange(10**7):07d}."
        for word, odds in ((RARE, 25_000), (SCARCE, 100), (COMMON, 4)):
            if number % odds == odds // 2:
                question += f" It is about the {word}."
        answer = self._text(4)
        failed = draw.random() < 0.03
        user, session = f"user-{draw.randrange(5_000)}", f"{draw.getrandbits(64):016x}"
        made.span(
            "agent",
            "AGENT",
            {"question": question, "history": []},
            answer,
            {"user.id": user, "session.id": session},
            failed=failed,
        )
        for _ in range(draw.choice((1, 1, 2))):
            documents = [
                {
                    "page_content": self._text(3),
                    "metadata": {"doc_uri": f"kb/{draw.randrange(20_000)}", "score": draw.random()},
                }
                for _ in range(3)
            ]
            made.span("retrieve", "RETRIEVER", {"query": question}, documents)
        for _ in range(draw.choice((0, 1, 1, 2))):
            arguments = {"order": draw.randrange(10**7), "limit": 10}
            tool = draw.choice(_TOOLS)
            made.span(tool, "TOOL", arguments, {"status": "done", "note": self._text(1)})
        for turn in range(draw.choice((2, 2, 3))):
            said = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": question}]
            choice = {"role": "assistant", "content": answer if turn else self._text(2)}
            used = {"input_tokens": draw.randrange(3000), "output_tokens": draw.randrange(500)}
            completion = {
                "id": self._code("chatcmpl-"),
                "created": (START + number * STEP) // 1000,
                "choices": [{"index": 0, "message": choice, "finish_reason": "stop"}],
            }
            model = draw.choice(_MODELS)
            more = {"llm.model": model, "llm.temperature": 0.2, "mlflow.chat.tokenUsage": used}
            made.span("Completions", "CHAT_MODEL", {"messages": said}, completion, more)
        made.span("parse", "PARSER", answer, {"text": answer, "language": "en"})
        tags = {
            "mlflow.traceName": draw.choices(("support", "search", "nightly"), (80, 19, 1))[0],
            "environment": draw.choices(*_ENVIRONMENTS)[0],
            "version": f"1.{draw.randrange(40)}.{draw.randrange(5)}",
            "request": f"{draw.getrandbits(48):012x}",
        }
        return experiment, made.spans, tags


class _Making:
    """The spans of a trace so far."""

    def __init__(self, draw: random.Random, trace_id: str, number: int) -> None:
        self._draw, self._trace_id = draw, trace_id
        self._time = (START + number * STEP) * 1_000_000 + draw.randrange(1_000_000)
        self.spans: list[Span] = []

    def span(
        self,
        name: str,
        kind: str,
        inputs: Any,
        outputs: Any,
        more: dict[str, Any] | None = None,
        *,
        failed: bool = False,
    ) -> None:
        """Add a span, within the first one."""
        begin = self._time
        self._time += self._draw.randrange(300_000_000)
        attributes = {
            "mlflow.spanType": kind,
            "mlflow.spanInputs": inputs,
            "mlflow.spanOutputs": outputs,
            **(more or {}),
        }
        events = []
        if failed:
            trouble = {"exception.type": "TimeoutError", "exception.message": "no answer in time"}
            events.append(SpanEvent("exception", self._time, trouble))
        self.spans.append(
            Span(
                self._trace_id,
                f"{self._draw.getrandbits(64):016x}",
                name,
                begin,
                self._time,
                self.spans[0].span_id if self.spans else None,
                SpanStatusCode.ERROR if failed else SpanStatusCode.OK,
                "no answer in time" if failed else "",
                "INTERNAL",
                attributes,
                events,
            )
        )


# -- OpenTelemetry's protocol ----------------------------------------------------------------------


def otlp(spans: Sequence[Span]) -> bytes:
    """Return an ExportTraceServiceRequest: what is no plain value is JSON, as MLflow sends it."""
    return _part(1, _part(2, b"".join(_part(2, _span(span)) for span in spans)))


def _span(span: Span) -> bytes:
    parts = [
        _part(1, bytes.fromhex(span.trace_id.removeprefix("tr-"))),
        _part(2, bytes.fromhex(span.span_id)),
        _part(4, bytes.fromhex(span.parent_id or "")),
        _part(5, span.name.encode()),
        b"\x30\x01",
        b"\x39" + struct.pack("<Q", span.start_time_ns),
        b"\x41" + struct.pack("<Q", span.end_time_ns or 0),
        *(_part(9, _attribute(key, value)) for key, value in span.attributes.items()),
        _part(15, b"\x18" + (b"\x02" if span.status is SpanStatusCode.ERROR else b"\x01")),
    ]
    return b"".join(parts)


def _attribute(key: str, value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return _part(1, key.encode()) + _part(2, _part(1, text.encode()))


def _part(number: int, data: bytes) -> bytes:
    length, head = len(data), bytearray([number << 3 | 2])
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(head) + bytes([length]) + data
