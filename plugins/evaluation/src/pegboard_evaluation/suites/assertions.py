"""Assertions as people write them, and the checks that they stand for."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from attrs import evolve, frozen
from pegboard.errors import InvalidValue, PegboardError
from pegboard_stores.formats import parse_duration

from pegboard_evaluation.genai import scorers, scoring
from pegboard_evaluation.genai.judging import Judge
from pegboard_evaluation.genai.rules import ResponseLength
from pegboard_evaluation.genai.scoring import Scorer
from pegboard_evaluation.suites import python_files, templates
from pegboard_evaluation.suites.checks import (
    MEASURED,
    TEXTS,
    Check,
    MeasuredCheck,
    ScorerCheck,
    TextCheck,
)
from pegboard_evaluation.suites.source import At, fields, listed, meant, number, text

NOT = "not-"
PYTHON, REGISTERED = "python", "registered"
_OWN = ("type", "value", "threshold", "weight", "name")
_SPELLINGS = {"metric": "name", "provider": "model"}
_BOUNDS = {"min": "min_length", "max": "max_length", "unit": "unit"}
_ELSEWHERE = {
    "llm-rubric": "guidelines",
    "model-graded-closedqa": "guidelines",
    "factuality": "correctness",
    "answer-relevance": "relevance_to_query",
    "context-faithfulness": "retrieval_groundedness",
    "javascript": PYTHON,
    "starts_with": "starts-with",
    "json": "is-json",
    "similar": "equivalence",
}
"""What others call it."""


@frozen
class Assertion:
    """An assertion, as it is written: of all cases, or of one."""

    at: At
    kind: str
    negated: bool = False
    value: Any = None
    threshold: float | None = None
    weight: float = 1.0
    name: str = ""
    more: Mapping[str, Any] = {}

    def check(self, name: str, variables: Mapping[str, Any], judge: str | None) -> Check:
        """Return the check for a case with variables; ``judge`` is the model of judges."""
        try:
            value = templates.filled(self.value, variables)
            more = templates.filled(dict(self.more), variables)
            given = {
                "name": name,
                "kind": self.kind,
                "negated": self.negated,
                "threshold": self.threshold,
                "weight": self.weight,
            }
            if self.kind in TEXTS:
                return TextCheck(value=_of_text(self.at, self.kind, value, more), **given)
            if self.kind in MEASURED:
                return MeasuredCheck(value=_most(self.at, self.kind, value), **given)
            return self._scorer_check(value, more, given, judge)
        except PegboardError as error:
            if str(error).startswith(self.at.source.name):
                raise
            raise self.at.wrong(error.message, error.hint) from None

    def _scorer_check(
        self, value: Any, more: dict[str, Any], given: dict[str, Any], judge: str | None
    ) -> Check:
        if self.kind == PYTHON:
            made = self._function(value)
            return ScorerCheck(scorer=made, **given)
        if self.kind == REGISTERED:
            made = scorers.get_scorer(name=text(self.at, value), **more)
            return ScorerCheck(scorer=made, **given)
        kind = judges()[self.kind.replace("-", "_")]
        expected: dict[str, Any] = {}
        if value is not None:
            field = next((each for each in ("guidelines", "pattern") if each in _fields(kind)), "")
            if field:
                more.setdefault(field, value)
            elif kind.needs:
                expected[_expectation(kind.needs, value)] = value
            else:
                raise self.at.wrong(f"{self.kind!r} takes no value.")
        if issubclass(kind, Judge) and judge is not None:
            more.setdefault("model", judge)
        return ScorerCheck(scorer=kind(**more), expected=expected, **given)

    def _function(self, value: Any) -> Scorer:
        found = python_files.resolve(self.at, text(self.at, value))
        if isinstance(found, Scorer):
            return found
        if not callable(found):
            raise self.at.wrong(f"{value!r} is neither a function nor a scorer.")
        return scoring.scorer(name=getattr(found, "__name__", PYTHON))(found)


def _fields(kind: type[Scorer]) -> set[str]:
    return {name for owner in kind.__mro__ for name in getattr(owner, "__annotations__", {})}


def _expectation(needs: Sequence[str], value: Any) -> str:
    """Return which expectation a value is: facts are a list, a response is a text."""
    wanted = "expected_facts" if isinstance(value, list) else "expected_response"
    return wanted if wanted in needs else needs[0]


@functools.cache
def judges() -> Mapping[str, type[Scorer]]:
    """Return the scorers that are ready to use, by name."""
    every = [getattr(scorers, name) for name in scorers.__all__]
    return {
        each.name: each
        for each in every
        if isinstance(each, type) and issubclass(each, Scorer) and hasattr(each, "name")
    }


def kinds() -> list[str]:
    """Return what may be asserted."""
    return [*TEXTS, *MEASURED, PYTHON, REGISTERED, *judges()]


# -- reading -----------------------------------------------------------------------------------


def read(at: At, given: Any) -> Assertion:
    """Return an assertion: ``{type: equals, value: x}``, ``{equals: x}`` or ``is-json``."""
    if isinstance(given, str):
        given = {"type": given}
    if isinstance(given, Mapping) and "type" not in given:
        names = [key for key in given if _kind_of(key) is not None]
        if len(names) == 1:
            given = {"type": names[0], "value": given[names[0]], **given}
            del given[names[0]]
        elif len(given) == 1:
            at = at / next(iter(given))
            given = {"type": next(iter(given))}
        else:
            raise at.wrong("An assertion needs a 'type'.", f"There are: {listed(kinds())}.")
    raw = given.get("type") if isinstance(given, Mapping) else given
    kind = _kind_of(raw)
    if kind is None:
        raise at.wrong(f"There is no assertion {raw!r}.", _hint(raw))
    bare = kind.removeprefix(NOT)
    table = fields(at, given, [*_OWN, *_more(bare)], _SPELLINGS)
    templates.check(at, table)
    made = Assertion(
        at,
        bare,
        kind.startswith(NOT),
        table.get("value"),
        None if table.get("threshold") is None else _threshold(at, bare, table["threshold"]),
        number(at / "weight", table.get("weight", 1.0)),
        text(at / "name", table["name"]) if "name" in table else "",
        {key: value for key, value in table.items() if key not in _OWN},
    )
    return _with_limit(made, table)


def _with_limit(made: Assertion, table: Mapping[str, Any]) -> Assertion:
    """Take the threshold of what is measured as its value, as promptfoo has it."""
    if made.kind in MEASURED and made.value is None and "threshold" in table:
        return evolve(made, value=table["threshold"], threshold=None)
    if made.value is None and made.kind not in ("is-json", "length") and _needs_value(made.kind):
        raise made.at.wrong(f"{made.kind!r} needs a 'value'.")
    return made


def _needs_value(kind: str) -> bool:
    return kind in (*TEXTS, *MEASURED, PYTHON, REGISTERED)


def _threshold(at: At, kind: str, value: Any) -> float | None:
    if kind in MEASURED:
        return None
    if kind in TEXTS:
        raise (at / "threshold").wrong(f"{kind!r} passes or fails; it has no threshold.")
    return number(at / "threshold", value, float("-inf"))


def _kind_of(given: Any) -> str | None:
    """Return the name of a kind of assertion; None if there is none like it."""
    if not isinstance(given, str):
        return None
    bare = given.removeprefix(NOT)
    prefix = NOT if given.startswith(NOT) else ""
    if bare in TEXTS or bare in MEASURED or bare in (PYTHON, REGISTERED):
        return prefix + bare
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", bare).replace("-", "_").lower()
    return prefix + snake if snake in judges() else None


def _hint(given: Any) -> str:
    bare = str(given).removeprefix(NOT)
    if bare in _ELSEWHERE:
        return f"Here it is {_ELSEWHERE[bare]!r}."
    return f"{meant(bare, kinds())}There are: {listed(kinds())}; each with not-, too."


def _more(kind: str) -> list[str]:
    """Return the further fields of a kind."""
    if kind == "length":
        return list(_BOUNDS)
    if kind == REGISTERED:
        return ["experiment_id"]
    if kind in TEXTS or kind in MEASURED or kind == PYTHON:
        return []
    hidden = {*_OWN, "pass_if", "aggregations", "description", "needs", "kind", "instructions"}
    hidden |= {"looks_at", "extra_headers"}
    return sorted(_fields(judges()[kind]) - hidden)


def of_text(at: At, written: str) -> Assertion:
    """Return an assertion of a cell: ``contains: Paris``; without a kind it is what is expected."""
    kind, colon, value = written.partition(":")
    if _kind_of(kind.strip()) is None:
        return Assertion(at, "equals", value=written)
    return read(at, {"type": kind.strip(), **({"value": value.strip()} if colon else {})})


# -- values ------------------------------------------------------------------------------------


def _of_text(at: At, kind: str, value: Any, more: Mapping[str, Any]) -> Any:
    """Return the value of an assertion about a text; InvalidValue if it cannot be one."""
    if kind == "length":
        bounds = {"max_length": value} if value is not None else {}
        bounds |= {_BOUNDS[key]: each for key, each in more.items()}
        ResponseLength(**bounds)
        return bounds
    if kind == "regex":
        try:
            re.compile(value)
        except (re.error, TypeError) as error:
            raise at.wrong(f"{value!r} is not a regular expression: {error}.") from None
    if kind.endswith(("-any", "-all")) and not isinstance(value, list):
        return [each.strip() for each in str(value).split(",")]
    if kind == "is-json" and value is not None:
        _check_schema(at, value)
    return value


def _check_schema(at: At, value: Any) -> None:
    if find_spec("jsonschema") is None:
        raise at.wrong(
            "A schema needs jsonschema, which is not installed.",
            "pip install 'pegboard-evaluation[schema]'",
        )
    import jsonschema

    try:
        jsonschema.validators.validator_for(value).check_schema(value)
    except (jsonschema.exceptions.SchemaError, TypeError, AttributeError) as error:
        raise at.wrong(f"This is not a JSON schema: {getattr(error, 'message', error)}.") from None


def _most(at: At, kind: str, value: Any) -> float:
    if kind == "cost":
        return number(at, value)
    if not isinstance(value, str):
        raise at.wrong(f"The latency {value!r} has no unit.", f"Write '{value}ms' or '{value}s'.")
    milliseconds = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*ms\s*", value)
    if milliseconds is not None:
        return float(milliseconds[1]) / 1000
    try:
        return parse_duration(value)
    except InvalidValue:
        raise at.wrong(f"{value!r} is not a time.", "Write '500ms' or '2s'.") from None
