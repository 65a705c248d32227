"""Scoring one answer for somebody who asks the judges' models himself, such as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pegboard.errors import InvalidValue, PegboardError
from pegboard_tracing.api import Feedback

from pegboard_evaluation.genai import builtin, elsewhere, registry, rules, scoring, sources
from pegboard_evaluation.genai.elsewhere import Answered, Question
from pegboard_evaluation.genai.judging import Judge
from pegboard_evaluation.genai.scoring import Scorer

BUILTIN: Mapping[str, type[Scorer]] = {
    each.__name__: each
    for each in (
        builtin.Guidelines,
        builtin.RelevanceToQuery,
        builtin.Completeness,
        builtin.Safety,
        builtin.Fluency,
        builtin.Summarization,
        builtin.Correctness,
        builtin.Equivalence,
        builtin.ExpectationsGuidelines,
        rules.PIIDetection,
    )
}
"""Scorers that need not be registered, and need no more than an answer and its row."""


def judges_in(scorer: Scorer) -> Iterator[Judge]:
    """Yield the judges that a scorer is, or is made of."""
    if isinstance(scorer, Judge):
        yield scorer
    for each in getattr(scorer, "scorers", ()):
        yield from judges_in(each)


def endpoint_of(scorer: Scorer) -> str:
    """Return which endpoint of a gateway a scorer asks by itself; "" if it names none."""
    found = (elsewhere.endpoint_of(judge.model) for judge in judges_in(scorer))
    return next(filter(None, found), "")


def refusal(scorer: Scorer) -> str:
    """Return why a scorer cannot score an answer by itself; "" if it can."""
    if scorer.is_session_level_scorer:
        return "It judges whole conversations, not one answer."
    if "trace" in scorer.takes and "outputs" not in scorer.takes:
        return "It judges the steps of a trace, not an answer alone."
    if isinstance(scorer, sources.RegisteredCode) and not sources.may_run():
        return "It is code, which this server does not run."
    return ""


def needs(scorer: Scorer) -> list[str]:
    """Return of which expectations a row has to have one; ["expectations"]: of any name."""
    named = [name for each in (scorer, *judges_in(scorer)) for name in each.needs]
    if not named and "expectations" in scorer.takes and scorer.insists_on_expectations:
        return ["expectations"]
    return list(dict.fromkeys(named))


def made(kind: str, guidelines: str = "") -> Scorer:
    """Return a built-in scorer; InvalidValue."""
    found = BUILTIN.get(kind)
    if found is None:
        raise InvalidValue(
            f"There is no built-in scorer {kind!r} of answers.", hint=f"There are: {list(BUILTIN)}."
        )
    if found is builtin.Guidelines:
        lines = [line.strip() for line in guidelines.splitlines() if line.strip()]
        return builtin.Guidelines(guidelines=lines)
    return found()


def loaded(name: str, serialized: str) -> Scorer:
    """Return a registered scorer under the name it has there; InvalidValue."""
    found = registry.load(serialized)
    found.name = name
    return found


def score(
    scorer: Scorer,
    *,
    inputs: Any,
    outputs: Any,
    expectations: Mapping[str, Any] | None,
    endpoint: str,
    answers: Mapping[str, Answered],
) -> list[Feedback] | Question:
    """Return what a scorer says of an answer, or what it has to ask first.

    ``endpoint`` names who is asked, in place of the judges' own models. What goes wrong in a scorer
    is feedback with an error.
    """
    for judge in judges_in(scorer):
        judge.model = f"{elsewhere.GATEWAY}{endpoint}" if endpoint else judge.model
    try:
        with elsewhere.answered(answers):
            said = scorer.run(inputs=inputs, outputs=outputs, expectations=expectations or {})
        return scoring.feedback_of(scorer.name, said)
    except elsewhere.Open as open_question:
        return open_question.question
    except PegboardError as error:
        return [
            scoring.failed(scorer.name, "SCORER_ERROR", f"{error.message} {error.hint}".strip())
        ]
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return [scoring.failed(scorer.name, "SCORER_ERROR", message)]
