"""Checks: what an assertion becomes, a scorer of one row that says whether it passes."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from attrs import frozen
from pegboard.errors import InvalidValue, quoted
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai import scoring
from pegboard_evaluation.genai.rules import ResponseLength
from pegboard_evaluation.genai.scoring import Scorer
from pegboard_evaluation.genai.texts import answer_of


@frozen
class Verdict:
    """Whether an assertion holds for an answer, how much of 1 it is worth, and why."""

    passed: bool
    score: float
    why: str


class Check(Scorer):
    """One assertion about one row."""

    kind: str
    value: Any = None
    negated: bool = False
    threshold: float | None = None
    weight: float = 1.0
    """Its part in the score of a case; with 0 it is measured, and fails nothing."""

    def verdict(self, found: Sequence[Feedback]) -> Verdict:
        """Return what its feedback, new or kept, comes to."""
        for each in found:
            if each.error is not None:
                return Verdict(False, 0.0, str(each.error.error_message))
        if not found:
            return Verdict(False, 0.0, "it gave no score")
        every = [self.of_value(each.value, each.rationale) for each in found]
        worst = min(every, key=lambda each: each.score)
        return Verdict(all(each.passed for each in every), worst.score, worst.why)

    def of_value(self, value: Any, why: str | None) -> Verdict:
        """Return what one value comes to."""
        return Verdict(bool(value), float(bool(value)), why or "")

    @functools.cached_property
    def digest(self) -> str:
        """What is the same for the same assertion."""
        return scoring.sha256(json.dumps([self.kind, self.value, self.negated], default=repr))


class TextCheck(Check):
    """An assertion about the text of an answer, by code."""

    @property
    def takes(self) -> tuple[str, ...]:
        """What a row gives it."""
        return ("outputs",)

    def __call__(self, *, outputs: Any = None) -> Feedback:
        """Return whether it holds."""
        text = answer_of(outputs)
        if text is None:
            return Feedback(self.name, False, rationale="There is no answer.")
        holds, why = TEXTS[self.kind](text, self.value)
        return Feedback(self.name, holds is not self.negated, rationale=why)


class MeasuredCheck(Check):
    """An assertion about how long an answer took, or what it cost: at most ``value``."""

    @property
    def takes(self) -> tuple[str, ...]:
        """What a row gives it."""
        return ("trace",)

    def __call__(self, *, trace: Trace | None = None) -> Feedback:
        """Return the seconds, or the US dollars; InvalidValue if they are not known."""
        info = None if trace is None else trace.info
        if self.kind == "latency":
            took = None if info is None else info.execution_duration
            if took is None:
                raise InvalidValue("It is not known how long the answer took.")
            return Feedback(self.name, took / 1000)
        cost = None if info is None or info.cost is None else info.cost.get("total_cost")
        if cost is None:
            raise InvalidValue("It is not known what the answer cost: no price is known.")
        return Feedback(self.name, float(cost))

    def of_value(self, value: Any, why: str | None) -> Verdict:
        """Compare."""
        del why
        passed = (float(value) <= self.value) is not self.negated
        unit = " s" if self.kind == "latency" else " USD"
        said = f"It took {value:.4g}{unit}; at most {self.value:g}{unit} is wanted."
        return Verdict(passed, float(passed), said)


class ScorerCheck(Check):
    """What another scorer says: a judge, or a function of the user."""

    scorer: Scorer
    expected: Mapping[str, Any] = {}
    """Expectations that the assertion itself names."""

    def check(self) -> None:
        """Take what the scorer says of itself."""
        self.timeout = self.scorer.timeout
        self.scorers: Sequence[Scorer] = [self.scorer]

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """What it needs beside that."""
        return () if self.expected else self.scorer.needs

    @property
    def takes(self) -> tuple[str, ...]:
        """What a row gives it."""
        return self.scorer.takes

    @functools.cached_property
    def digest(self) -> str:
        """What is the same for the same scorer."""
        inner = self.scorer.digest
        told = json.dumps(self.expected, default=repr, sort_keys=True)
        return scoring.sha256(f"{inner}\n{told}") if inner else ""

    def __call__(self, **given: Any) -> Any:
        """Score the row."""
        if self.expected:
            given["expectations"] = {**(given.get("expectations") or {}), **self.expected}
        found = self.scorer(**given)
        if isinstance(found, Feedback) and found.name == self.scorer.name:
            found.name = self.name
        return found

    def of_value(self, value: Any, why: str | None) -> Verdict:
        """Return what a value comes to, by the threshold if there is one."""
        number = scoring.number_of(value)
        said = why or f"It is {value!r}."
        if number is None or (self.threshold is None and not _is_truth(value)):
            told = f"{value!r} is neither yes, no nor a truth value; 'threshold' says what passes."
            return Verdict(False, 0.0, f"{why} {told}" if why else told)
        least = 1.0 if self.threshold is None else self.threshold
        passed = (number >= least) is not self.negated
        graded = 0 <= number <= 1 and not self.negated
        return Verdict(passed, number if graded else float(passed), said)


def _is_truth(value: Any) -> bool:
    return isinstance(value, (bool, str))


class Checks(Scorer):
    """The assertions of one name: one for each row that has it."""

    by_row: Sequence[Check | None]

    needs: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:
        """Know those that there are."""
        self.scorers: Sequence[Scorer] = [each for each in self.by_row if each is not None]

    @property
    def takes(self) -> tuple[str, ...]:
        """Nothing: it is those of the rows that are asked."""
        return ()

    def at(self, row: int) -> Check | None:
        """Return the assertion about a row."""
        return self.by_row[row]

    @functools.cached_property
    def digest(self) -> str:
        """What is the same for the same assertions."""
        found = sorted({each.digest for each in self.scorers})
        return scoring.sha256("\n".join(found)) if all(found) else ""


# -- about texts -------------------------------------------------------------------------------

Told = tuple[bool, str]


def _equals(text: str, value: Any) -> Told:
    if not isinstance(value, str):
        try:
            found = json.loads(text)
        except ValueError:
            return False, f"It is {quoted(text)}, not {quoted(value)}."
        same = found == value and isinstance(found, bool) is isinstance(value, bool)
        return same, f"It is {quoted(found)}{'' if same else f', not {quoted(value)}'}."
    same = text == value
    return same, f"It is {quoted(text)}{'' if same else f', not {quoted(value)}'}."


def _holding(fold: bool, wanted: Callable[[Any], bool]) -> Callable[[str, Any], Told]:
    def holds(text: str, value: Any) -> Told:
        parts = [str(each) for each in (value if isinstance(value, list) else [value])]
        within = text.casefold() if fold else text
        missing = [each for each in parts if (each.casefold() if fold else each) not in within]
        if not wanted(each not in missing for each in parts):
            told = " or ".join(map(quoted, missing))
            return False, f"It is {quoted(text)}, without {told}."
        there = [each for each in parts if each not in missing]
        return True, f"It holds {', '.join(map(quoted, there))}."

    return holds


def _regex(text: str, value: Any) -> Told:
    found = re.search(value, text) is not None
    return (
        found,
        f"It is {quoted(text)}, which {'matches' if found else 'does not match'} {value!r}.",
    )


def _starts_with(text: str, value: Any) -> Told:
    found = text.startswith(str(value))
    return found, f"It is {quoted(text)}{'' if found else f', and does not start with {value!r}'}."


def _is_json(text: str, value: Any) -> Told:
    try:
        found = json.loads(text)
    except ValueError as error:
        return False, f"It is {quoted(text)}, which is not JSON: {error}."
    if value is None:
        return True, "It is JSON."
    import jsonschema

    validator = jsonschema.validators.validator_for(value)(value)
    worst = jsonschema.exceptions.best_match(validator.iter_errors(found))
    if worst is None:
        return True, "It is JSON that fits the schema."
    return False, f"It does not fit the schema at {worst.json_path}: {worst.message}."


def _length(text: str, value: Any) -> Told:
    return ResponseLength(**value).judged(text)


TEXTS: Mapping[str, Callable[[str, Any], Told]] = {
    "equals": _equals,
    "contains": _holding(False, all),
    "icontains": _holding(True, all),
    "contains-all": _holding(False, all),
    "contains-any": _holding(False, any),
    "icontains-all": _holding(True, all),
    "icontains-any": _holding(True, any),
    "regex": _regex,
    "starts-with": _starts_with,
    "is-json": _is_json,
    "length": _length,
}
"""What is asserted of the text of an answer."""
MEASURED = ("latency", "cost")
