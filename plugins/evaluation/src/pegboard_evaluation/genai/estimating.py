"""What an evaluation would ask of language models, and cost, said before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from pegboard.errors import PegboardError
from pegboard_llm.estimate import BYTES_OF_TOKEN
from pegboard_scripting.fluent import runs

from pegboard_evaluation.genai import cases as reading
from pegboard_evaluation.genai import judging, keeping, scoring, spending
from pegboard_evaluation.genai.answering import ASKS
from pegboard_evaluation.genai.cases import Case
from pegboard_evaluation.genai.scoring import Scorer

PREDICT = "predict_fn"


@frozen(kw_only=True)
class Part:
    """What a scorer would take, or the function that answers rows."""

    name: str
    calls: int = 0
    input_tokens: int = 0
    """By a plain count: about four bytes are a token."""
    output_tokens: int = 0
    """The most that requests allow; 1,024 for each that does not say."""
    cost: float | None = 0.0
    """US dollars; None if a price is not known."""
    unknown: str = ""
    """Why this is not all that it takes, or why the cost is not known."""


@frozen
class Estimate:
    """What an evaluation would take, by part: scorers by name, and ``predict_fn``."""

    parts: Sequence[Part]

    @property
    def calls(self) -> int:
        """How many calls of models there would be, as far as known."""
        return sum(each.calls for each in self.parts)

    @property
    def cost(self) -> float:
        """US dollars of all parts whose price is known."""
        return sum(each.cost or 0.0 for each in self.parts)

    @property
    def unknown(self) -> dict[str, str]:
        """By part, what is not known of it."""
        return {each.name: each.unknown for each in self.parts if each.unknown}

    def __str__(self) -> str:
        """Return a line for each part, and their sum."""
        lines = [
            f"{each.name}: {each.calls} calls, {each.input_tokens} tokens in, at most "
            f"{each.output_tokens} out, {dollars(each.cost)}"
            + (f" ({each.unknown})" if each.unknown else "")
            for each in self.parts
        ]
        sure = "at least " if self.unknown else ""
        return "\n".join([*lines, f"together: {self.calls} calls, {sure}{dollars(self.cost)}"])


def dollars(amount: float | None) -> str:
    """Return an amount for people."""
    return "unknown" if amount is None else f"${amount:.6g}"


def estimate(
    data: Any,
    scorers: Sequence[Scorer],
    predict_fn: Callable[..., Any] | None = None,
    *,
    resume: str | None = None,
) -> Estimate:
    """Return what ``evaluate`` would ask and cost with the same arguments; nothing is asked.

    Tokens are a plain count. Answers are taken to be as long as they may be, so that it is rather
    too much. What ``predict_fn`` asks is known of what ``to_predict_fn`` made, not of other
    functions. With ``resume``, what that run has costs nothing.

    Raises:
        InvalidValue: names the row, scorer, expectation or parameter that is wrong.
    """
    found = scoring.checked(scorers)
    cases = reading.read(data)
    reading.check(cases, found, predict_fn)
    known: Mapping[str, keeping.Earlier] = {}
    if resume is not None:
        run = runs.get_run(resume)
        known = keeping.earlier(resume, run.info.experiment_id)
    parts = [] if predict_fn is None else [_answering(cases, predict_fn, known)]
    return Estimate([*parts, *(_scoring(each, cases, known) for each in found)])


def _answering(cases: Sequence[Case], predict: Any, known: Mapping[str, keeping.Earlier]) -> Part:
    asks = getattr(predict, ASKS, None)
    if asks is None:
        return Part(name=PREDICT, cost=None, unknown="what the function asks is not known")
    return _sum(PREDICT, [asks(**each.inputs) for each in cases if each.key not in known])


def _scoring(whole: Scorer, cases: Sequence[Case], known: Mapping[str, keeping.Earlier]) -> Part:
    calls: list[spending.Counted] = []
    unknown = ""
    for case in cases:
        scorer = whole.at(case.number)
        if scorer is None or not judging.asked(scorer) or reading.lacks(case, scorer):
            continue
        earlier = known.get(case.key)
        kept = None if earlier is None else earlier.scores.get(scorer.name)
        if kept and keeping.digest_of(kept) == scorer.digest:
            continue
        if scorer.is_session_level_scorer:
            unknown = "it is about sessions"
            continue
        unknown = unknown or getattr(scorer, "reckoning", "")
        with spending.noted() as asked:
            try:
                scorer.run(
                    inputs=case.inputs,
                    outputs=case.outputs if case.is_answered else _ANSWER,
                    expectations=case.expectations,
                    trace=case.trace,
                )
            except PegboardError as error:
                unknown = str(error).splitlines()[0]
            except Exception:
                unknown = "what it asks depends on the trace, or on what judges say"
        calls += asked
    return _sum(whole.name, calls, unknown)


_ANSWER = "x" * (spending.USUAL_OUTPUT * BYTES_OF_TOKEN)
"""Stands for an answer that is not there yet."""


def _sum(name: str, calls: Sequence[spending.Counted], unknown: str = "") -> Part:
    unpriced = sorted({each.model for each in calls if each.cost is None})
    if unpriced:
        unknown = f"the price of {', '.join(unpriced)} is unknown"
    return Part(
        name=name,
        calls=len(calls),
        input_tokens=sum(each.input_tokens for each in calls),
        output_tokens=sum(each.output_tokens for each in calls),
        cost=None if unpriced else sum(each.cost or 0.0 for each in calls),
        unknown=unknown,
    )
