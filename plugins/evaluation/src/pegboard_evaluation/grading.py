"""Metrics whose scores a language model gives: how rows become questions, and answers scores."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from attrs import define, field
from pegboard.contracts.llm import LLMError, Trouble
from pegboard.errors import InvalidValue, quoted

from pegboard_evaluation.genai import asking
from pegboard_evaluation.genai.asking import Askable, Judging
from pegboard_evaluation.genai.scoring import AGGREGATIONS
from pegboard_evaluation.metric import EvaluationMetric, MetricValue, make_metric

_HOPELESS = (Trouble.CREDENTIALS, Trouble.NO_MODEL, Trouble.INVALID, Trouble.UNSUPPORTED)
"""Troubles that no other row would be spared."""


@define
class Grader:
    """Has rows graded by a model, several at once."""

    key: str
    """The name of the metric, for what is said of it."""
    model: str | None
    parameters: Mapping[str, Any]
    headers: Mapping[str, str]
    url: str | None
    workers: int
    aggregations: Sequence[str]
    paid: dict[str, tuple[Any, str | None]] = field(factory=dict)
    """Answers to the first rows, by question: they are asked for again with all rows."""

    def __attrs_post_init__(self) -> None:
        """Refuse aggregations that there are not, and numbers of threads."""
        for each in self.aggregations:
            if each not in AGGREGATIONS:
                raise InvalidValue(
                    f"{self.key!r} has the aggregation {each!r}, which there is not.",
                    hint=f"There are: {', '.join(AGGREGATIONS)}.",
                )
        if isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 1:
            raise InvalidValue(f"max_workers is {self.workers!r}, not a whole number, at least 1.")
        if not isinstance(self.model, (str, type(None))):
            raise InvalidValue(f"The model of {self.key!r} is {quoted(self.model)}, not a text.")

    def graded(self, questions: Sequence[Askable]) -> MetricValue:
        """Return scores, justifications and aggregates; LLMError if none can be had."""
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix=f"metric {self.key}")
        try:
            found = list(pool.map(self._one, questions))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        scores = [score for score, _ in found]
        numbers = [score for score in scores if score is not None]
        if found and not numbers:
            return MetricValue(skipped=f"It failed on every row, first by: {found[0][1]}")
        totals = {each: AGGREGATIONS[each](numbers) for each in self.aggregations if numbers}
        return MetricValue(scores, [why for _, why in found], totals)

    def _one(self, question: Askable) -> tuple[Any, str | None]:
        key = json.dumps(question.messages())
        if (known := self.paid.pop(key, None)) is not None:
            return known
        judging = Judging(
            self.model or asking.default_model(), self.parameters, self.url, self.headers
        )
        try:
            made = judging.ask(self.key, question)
        except LLMError as error:
            if error.trouble in _HOPELESS:
                raise
            return None, str(error)
        if made.error is not None:
            return None, made.error.error_message
        value = made.value
        score = int(value) if isinstance(value, float) and value.is_integer() else value
        return score, made.rationale

    def tried(self, questions: Sequence[Askable]) -> MetricValue:
        """Grade the first rows; their answers are kept until all rows are graded."""
        found = self.graded(questions)
        given = zip(questions, found.scores or (), found.justifications or (), strict=False)
        for question, score, why in given:
            if score is not None:
                self.paid[json.dumps(question.messages())] = score, why
        return found


class GradedMetric(EvaluationMetric):
    """A metric whose scores a model gives. What the first rows took is not paid again."""

    grader: Grader
    questions: Callable[..., Sequence[Askable]]

    def first(self, *arguments: Any) -> MetricValue:
        """Return what it gives for the first rows of a table that is to come."""
        return self.grader.tried(self.questions(*arguments))


def made(
    grader: Grader, columns: Mapping[str, Any], questions: Callable[..., Any], **about: Any
) -> GradedMetric:
    """Make a metric whose function takes ``columns``; those that are None may be left out."""
    names = list(columns)

    def measure(*given: Any, **named: Any) -> MetricValue:
        return grader.graded(asked(*given, **named))

    def asked(*given: Any, **named: Any) -> Sequence[Askable]:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        return list(questions(_rows(grader.key, bound.arguments)))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, kind, default=columns[n]) for n in names]
    signature = inspect.Signature(parameters)
    measure.__signature__ = signature  # type: ignore[attr-defined]
    plain = make_metric(eval_fn=measure, **about)
    made = GradedMetric(**vars(plain))
    made.grader, made.questions = grader, asked
    return made


def _rows(key: str, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows, of columns with a value for each row; a single text is a column of one."""
    given = {n: [v] if isinstance(v, str) else list(v) for n, v in columns.items() if v is not None}
    counts = {name: len(values) for name, values in given.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise InvalidValue(f"{key!r} was given {told}: one of each is wanted for each row.")
    return [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]
