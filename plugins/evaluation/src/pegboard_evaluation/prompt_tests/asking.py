"""Tests of a prompt whose models somebody else asks, such as a page at a gateway.

What is asked comes first, and nothing is kept; when all is answered, the tests are carried out as
ever, and find the answers. Who goes away before that has left nothing behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen
from pegboard.errors import InvalidState, command_line
from pegboard.tags import USER
from pegboard_scripting.client import Client
from pegboard_tracing.api import context

from pegboard_evaluation.genai import elsewhere, trying
from pegboard_evaluation.genai.elsewhere import Answered, Open, Question, endpoint_of
from pegboard_evaluation.prompt_tests import testing
from pegboard_evaluation.prompt_tests.records import TESTED_DIGEST, TESTED_PROMPT
from pegboard_evaluation.prompt_tests.testing import Plan, Tested
from pegboard_evaluation.suites import running
from pegboard_evaluation.suites.cases import Case
from pegboard_evaluation.suites.checks import Check, MeasuredCheck, ScorerCheck
from pegboard_evaluation.suites.suite import Suite

MOST_ASKED = 400
"""How many answers tests may need that are not a terminal's: all come with each request."""


@frozen(kw_only=True)
class Owner:
    """Who has tests carried out, and where their runs go."""

    user: str
    experiment_id: str


def test(
    client: Client, plan: Plan, answers: Mapping[str, Answered], owner: Owner
) -> Tested | Sequence[Question]:
    """Carry out tests, or return what has to be asked first, each question once.

    InvalidState if they are for a terminal alone.
    """
    key = testing.key_of(plan.version)
    with tempfile.TemporaryDirectory() as place:
        suite = plan.suite(Path(place))
        if why := refusal(suite):
            raise InvalidState(
                f"The tests of {key!r} cannot be run from here: {why}",
                hint=f"Run them in a terminal: {command_line('pegboard', 'prompts', 'test', key)}",
            )
        if found := questions(suite, answers):
            return found
        marks = {TESTED_PROMPT: key, TESTED_DIGEST: plan.tests.digest(plan.version)}
        if owner.user:
            marks[USER] = owner.user
        run_id = running.begin(suite.name, suite, owner.experiment_id, marks)
    try:
        with elsewhere.answered(answers):
            return testing.carry_out(client, plan, resume=run_id)
    except Open:
        raise InvalidState(
            f"The tests of {key!r} asked something else in the end than they said at first.",
            hint="Run them again.",
        ) from None


def refusal(suite: Suite) -> str:
    """Return why tests need a terminal; "" if they do not."""
    if len(suite.all_rows) * len(suite.pairs) > MOST_ASKED:
        return f"they ask for more than {MOST_ASKED} answers."
    if suite.repeat > 1:
        return "each case is asked several times."
    for target in suite.targets:
        if not endpoint_of(target.model):
            return f"they ask {target.model!r}, which is no endpoint of the gateway."
    for check in {each.name: each for case in suite.cases for each in case.checks}.values():
        if why := _refused(check):
            return why
    return ""


def _refused(check: Check) -> str:
    if isinstance(check, MeasuredCheck) and check.kind == "latency":
        return f"{check.name!r} measures the time that an answer takes."
    if isinstance(check, ScorerCheck) and (why := trying.refusal(check.scorer)):
        return f"of {check.name!r}: {why}"
    for judge in trying.judges_in(check):
        if not endpoint_of(judge.model):
            return (
                f"the judge {check.name!r} asks {judge.model!r}, which is no endpoint of the "
                "gateway."
            )
    return ""


def questions(suite: Suite, answers: Mapping[str, Answered]) -> list[Question]:
    """Return what is asked next, each question once: of the models, then of judges."""
    found: dict[str, Question] = {}
    with context(enabled=False), elsewhere.answered(answers):
        for ask in _asking(suite):
            try:
                ask()
            except Open as question:
                found.setdefault(question.question.key, question.question)
            except Exception:  # noqa: S112  # What fails is told when it is carried out.
                continue
    return list(found.values())


def _asking(suite: Suite) -> Iterator[Callable[[], Any]]:
    """Yield what asks: each case, and, if that has an answer, what judges it."""
    for prompt, target in suite.pairs:
        predict = target.predictor(prompt)
        for case in suite.cases:
            said: list[str] = []
            yield partial(_answer, predict, case, said)
            given = {"inputs": dict(case.variables), "expectations": dict(case.expectations)}
            for check in case.checks if said else ():
                yield partial(check.run, outputs=said[0], **given)


def _answer(predict: Callable[..., Any], case: Case, said: list[str]) -> None:
    said.append(predict(**case.variables))
