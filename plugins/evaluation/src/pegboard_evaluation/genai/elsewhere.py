"""Calls of models that somebody else makes, such as a page: what is asked, and what came of it.

No model is asked here. A question is handed out; whoever wants the work done puts it to a model,
with his own rights and on his own account, and comes again with the answer. The work then begins
anew, and finds the answers to all that it asked before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import frozen
from pegboard.contracts.llm import LLMError, Trouble
from pegboard_llm.answers import Completion

from pegboard_evaluation.genai import scoring, spending

GATEWAY = "gateway:/"
_ENDPOINTS = (GATEWAY, "endpoints:/")


@frozen(kw_only=True)
class Question:
    """What is asked of a model."""

    key: str
    """Under which its answer is to be given."""
    model: str
    messages: Sequence[Mapping[str, Any]]
    fields: Mapping[str, Any]
    """Further fields of OpenAI's chat completions."""


@frozen(kw_only=True)
class Answered:
    """What a model said to a question, or why it said nothing."""

    text: str = ""
    error: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    """What the call cost; None if that is not known."""


@frozen(kw_only=True)
class _Told(Completion):
    """An answer of which the one who asked says what it cost."""

    usd: float | None = None

    @property
    def cost(self) -> float | None:
        """US dollars; None if the price is not known."""
        return self.usd


class Open(BaseException):
    """Ends what asks a question without an answer; not an Exception, which scorers may catch."""

    def __init__(self, question: Question) -> None:
        self.question = question
        super().__init__(question.key)


def endpoint_of(model: Any) -> str:
    """Return the endpoint of a gateway that a model is; "" if it is none."""
    for start in _ENDPOINTS:
        if isinstance(model, str) and model.startswith(start):
            return model.removeprefix(start).lstrip("/")
    return ""


@contextmanager
def answered(answers: Mapping[str, Answered]) -> Iterator[None]:
    """Within this block models have said this, by the keys of questions; all else is ``Open``."""

    def ask(
        model: str, messages: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]
    ) -> Completion:
        said = json.dumps([model, list(messages), dict(fields)], sort_keys=True, default=str)
        key = scoring.sha256(said)
        found = answers.get(key)
        if found is None:
            raise Open(Question(key=key, model=model, messages=list(messages), fields=dict(fields)))
        if found.error:
            raise LLMError(Trouble.INVALID, found.error)
        message = {"role": "assistant", "content": found.text}
        usage = {"prompt_tokens": found.input_tokens, "completion_tokens": found.output_tokens}
        raw = {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage if any(usage.values()) else {},
        }
        return _Told(raw=raw, provider="gateway", model=endpoint_of(model) or model, usd=found.usd)

    with spending.asked_by(ask):
        yield
