"""Metrics whose scores a language model gives: how rows become questions, and answers scores."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from attrs import define
from pegboard.contracts.llm import LLMError, Trouble
from pegboard.errors import InvalidValue, quoted

from pegboard_evaluation import resumption
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
        answers = resumption.kept.get() or resumption.Answers()
        keys = resumption.numbered([self._key(question) for question in questions])
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix=f"metric {self.key}")
        try:
            found = list(pool.map(partial(self._one, answers), questions, keys))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        scores = [score for score, _ in found]
        numbers = [score for score in scores if score is not None]
        if found and not numbers:
            return MetricValue(skipped=f"It failed on every row, first by: {found[0][1]}")
        totals = {each: AGGREGATIONS[each](numbers) for each in self.aggregations if numbers}
        return MetricValue(scores, [why for _, why in found], totals)

    @property
    def _model(self) -> str:
        return self.model or asking.default_model()

    def _key(self, question: Askable) -> str:
        """Return what the answer to a question is kept under."""
        asked = [self.key, self._model, question.messages(), dict(self.parameters), self.url]
        return f"score-{resumption.digest(json.dumps(asked, default=str))}"

    def _one(
        self, answers: resumption.Answers, question: Askable, key: str
    ) -> tuple[Any, str | None]:
        if (known := answers.known.get(key)) is not None:
            score, why = known
            return score, why
        judging = Judging(self._model, self.parameters, self.url, self.headers)
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
        answers.add({key: [score, made.rationale]})
        return score, made.rationale


def made(
    grader: Grader, columns: Mapping[str, Any], questions: Callable[..., Any], **about: Any
) -> EvaluationMetric:
    """Make a metric whose function takes ``columns``; those that are None may be left out."""
    names = list(columns)

    def measure(*given: Any, **named: Any) -> MetricValue:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        return grader.graded(list(questions(_rows(grader.key, bound.arguments))))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, kind, default=columns[n]) for n in names]
    signature = inspect.Signature(parameters)
    measure.__signature__ = signature  # type: ignore[attr-defined]
    return make_metric(eval_fn=measure, **about)


def _rows(key: str, columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows, of columns with a value for each row; a single text is a column of one."""
    given = {n: [v] if isinstance(v, str) else list(v) for n, v in columns.items() if v is not None}
    counts = {name: len(values) for name, values in given.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise InvalidValue(f"{key!r} was given {told}: one of each is wanted for each row.")
    return [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]
