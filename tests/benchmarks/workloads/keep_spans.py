"""Traces of six spans until they are in the store: what a process spends on them in all."""

from __future__ import annotations

import time

from common import answer, request, tracker

_SPANS = 6


def main() -> None:
    """Trace, wait for the store, print."""
    asked = request()
    tracing = tracker(asked)

    def look_up(question: str) -> list[dict[str, str]]:
        return [{"page_content": f"document {number} on {question}"} for number in range(3)]

    def say(messages: list[dict[str, str]]) -> dict[str, object]:
        return {"choices": [{"message": {"role": "assistant", "content": messages[-1]["content"]}}]}

    find, ask = tracing.trace(look_up), tracing.trace(say)

    @tracing.trace  # type: ignore[untyped-decorator]
    def answer_to(question: str) -> object:
        for step in range(_SPANS - 2):
            find(f"{question} ({step})")
        return ask([{"role": "user", "content": question}])

    answer_to("first")
    count = asked["spans"] // _SPANS
    began = time.process_time()
    for number in range(count):
        answer_to(f"What is {number}?")
    # What waits for the store is moved before it answers.
    if hasattr(tracing, "flush_trace_async_logging"):
        tracing.flush_trace_async_logging()
    found = tracing.search_traces(max_results=1, return_type="list")
    seconds = time.process_time() - began
    answer(seconds=seconds, spans=count * _SPANS, found=len(found))


if __name__ == "__main__":
    main()
