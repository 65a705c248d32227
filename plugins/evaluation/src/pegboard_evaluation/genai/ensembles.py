"""Several scorers as one: their values become one value."""

from __future__ import annotations

import functools
import inspect
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_tracing.api import Feedback

from pegboard_evaluation import resumption
from pegboard_evaluation.genai import scoring
from pegboard_evaluation.genai.scoring import Aggregation, Scorer


def majority_vote(values: Sequence[Any]) -> Feedback:
    """Return the value that most scorers gave; of several, the first in the order of letters."""
    counts = Counter(_all(values))
    most = max(counts.values())
    winner = min((value for value, count in counts.items() if count == most), key=str)
    return Feedback(value=winner, rationale=f"{most} of {len(values)} scorers say {winner!r}.")


def mean(values: Sequence[Any]) -> Feedback:
    """Return the mean of numbers."""
    return _number("Mean", statistics.mean, values)


def minimum(values: Sequence[Any]) -> Feedback:
    """Return the least number."""
    return _number("Least", min, values)


def maximum(values: Sequence[Any]) -> Feedback:
    """Return the greatest number."""
    return _number("Greatest", max, values)


def agg_all(values: Sequence[Any]) -> Feedback:
    """Return whether all values are true or ``yes``."""
    found = _truths(values)
    return Feedback(value=all(found), rationale=f"{sum(found)} of {len(found)} scorers say yes.")


def agg_any(values: Sequence[Any]) -> Feedback:
    """Return whether any value is true or ``yes``."""
    found = _truths(values)
    return Feedback(value=any(found), rationale=f"{sum(found)} of {len(found)} scorers say yes.")


ENSEMBLES: Mapping[str, Callable[[Sequence[Any]], Feedback]] = {
    each.__name__: each for each in (agg_all, agg_any, majority_vote, maximum, mean, minimum)
}


def _all(values: Sequence[Any]) -> Sequence[Any]:
    if not values or any(value is None for value in values):
        raise InvalidValue("One of the scorers gave no value.")
    return values


def _number(label: str, function: Callable[..., Any], values: Sequence[Any]) -> Feedback:
    for value in _all(values):
        if not isinstance(value, (bool, int, float)):
            raise InvalidValue(
                f"One of the scorers gave {value!r}, not a number.",
                hint="majority_vote takes values of any kind.",
            )
    found = function(values)
    return Feedback(value=found, rationale=f"{label} of {len(values)} scorers: {found}.")


def _truths(values: Sequence[Any]) -> list[bool]:
    found = []
    for value in _all(values):
        number = scoring.number_of(value) if isinstance(value, (bool, str)) else None
        if number is None:
            raise InvalidValue(
                f"One of the scorers gave {value!r}, neither a truth value nor yes or no.",
                hint="majority_vote takes values of any kind.",
            )
        found.append(bool(number))
    return found


class EnsembleScorer(Scorer):
    """Runs several scorers on a row, and makes one value of theirs."""

    scorers: Sequence[Scorer]
    ensemble_fn: str | Callable[..., Any]

    def check(self) -> None:
        """Refuse scorers that do not go together, and functions that there are not."""
        scoring.checked(self.scorers)
        if len({each.is_session_level_scorer for each in self.scorers}) > 1:
            raise InvalidValue("Some of the scorers are about sessions, and others about rows.")
        if isinstance(self.ensemble_fn, str):
            if self.ensemble_fn not in ENSEMBLES:
                raise InvalidValue(
                    f"ensemble_fn is {self.ensemble_fn!r}, which there is not.",
                    hint=f"There are: {', '.join(ENSEMBLES)}; or give a function of a list.",
                )
            self._function: Callable[..., Any] = ENSEMBLES[self.ensemble_fn]
        else:
            self._function = self.ensemble_fn
        self._wants_feedback = "feedbacks" in list(_parameters(self._function))[:1]

    @functools.cached_property
    def digest(self) -> str:
        """What is the same for the same scorers and function."""
        parts = [each.digest for each in self.scorers]
        source = resumption.source_of(self._function)
        return scoring.sha256("\n".join([source, *parts])) if source and all(parts) else ""

    @property
    def takes(self) -> tuple[str, ...]:
        """What its scorers take."""
        wanted = {name for each in self.scorers for name in each.takes}
        return tuple(name for name in scoring.FIELDS if name in wanted)

    def _serialized(self) -> dict[str, Any]:
        if not isinstance(self.ensemble_fn, str):
            raise InvalidValue(
                f"The scorer {self.name!r} makes one value by a function, which is not registered.",
                hint=f"Name one of: {', '.join(ENSEMBLES)}.",
            )
        parts = [each.model_dump() for each in self.scorers]
        return {"ensemble_scorer_data": {"ensemble_fn": self.ensemble_fn, "scorers": parts}}

    def __call__(self, **given: Any) -> Any:
        """Return the one value."""
        found = [self._one(each, given) for each in self.scorers]
        if self._wants_feedback:
            return self._function(found)
        try:
            return self._function([None if each.error else each.value for each in found])
        except InvalidValue as error:
            why = [f"{each.name}: {each.error.error_message}" for each in found if each.error]
            raise InvalidValue(f"{error.message} {'; '.join(why)}".strip()) from None

    def _one(self, scorer: Scorer, given: Mapping[str, Any]) -> Feedback:
        try:
            made = scoring.feedback_of(scorer.name, scorer.run(**given))
        except Exception as error:
            return scoring.failed(scorer.name, "SCORER_ERROR", f"{type(error).__name__}: {error}")
        if len(made) > 1:
            raise InvalidValue(f"The scorer {scorer.name!r} gave {len(made)} values, not one.")
        return made[0] if made else Feedback(scorer.name)


def _parameters(function: Callable[..., Any]) -> Sequence[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def make_scorer_ensemble(
    *,
    name: str,
    scorers: Sequence[Scorer],
    ensemble_fn: str | Callable[..., Any],
    description: str | None = None,
    aggregations: Sequence[Aggregation] | None = None,
) -> EnsembleScorer:
    """Make one scorer of several.

    ``ensemble_fn`` makes one value of a list: ``agg_all``, ``agg_any``, ``majority_vote``,
    ``maximum``, ``mean``, ``minimum``, or a function; one whose parameter is called ``feedbacks``
    gets the Feedback of each.
    """
    return EnsembleScorer(
        name=name,
        scorers=scorers,
        ensemble_fn=ensemble_fn,
        description=description,
        aggregations=aggregations,
    )
