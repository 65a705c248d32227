"""Scorers: functions and objects that say how good one answer is."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, overload

import numpy as np
from pegboard import validation
from pegboard.errors import InvalidValue, quoted
from pegboard_tracing.api import (
    Assessment,
    AssessmentError,
    AssessmentSource,
    AssessmentSourceType,
    Feedback,
)

from pegboard_evaluation import pool, resumption
from pegboard_evaluation.genai import limits
from pegboard_evaluation.genai.registration import Registrable

FIELDS = ("inputs", "outputs", "expectations", "trace", "session")
"""What a scorer may take."""

AGGREGATIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "min": lambda values: float(np.min(values)),
    "max": lambda values: float(np.max(values)),
    "mean": lambda values: float(np.mean(values)),
    "median": lambda values: float(np.median(values)),
    "variance": lambda values: float(np.var(values)),
    "p90": lambda values: float(np.percentile(values, 90)),
}
"""What makes one number of the values of all rows."""

UNNAMED = "feedback"
"""The name of a Feedback that was given none."""

Aggregation = str | Callable[[list[float]], float]


class Scorer(Registrable):
    """Says how good an answer is.

    A class that derives from it declares its fields as class attributes with types, such as
    ``threshold: int = 5``, and defines ``__call__`` with some of the keywords ``inputs``,
    ``outputs``, ``expectations``, ``trace`` and ``session``.
    """

    name: str
    """Under which its scores are found."""
    description: str | None = None
    aggregations: Sequence[Aggregation] | None = None
    """min, max, mean, median, variance, p90, or functions of a list; None: the mean."""
    pass_if: Callable[[Any], bool] | None = None
    """Which values pass; by default ``yes`` and true ones."""
    timeout: float | None = None
    """Seconds; 0: no limit."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Of these expectations one has to be there."""

    def __init__(self, /, **fields: Any) -> None:
        """Set fields; InvalidValue if one is missing or not known."""
        known = list(fields_of(type(self)))
        for name, value in fields.items():
            if name not in known:
                raise InvalidValue(
                    f"{type(self).__name__} has no field {name!r}.",
                    hint=f"It has: {', '.join(known)}.",
                )
            setattr(self, name, value)
        if missing := [name for name in known if not hasattr(self, name)]:
            raise InvalidValue(f"{type(self).__name__} needs {missing[0]!r}.")
        validation.key(self.name, "scorer")
        _check_aggregations(self)
        self.check()

    def check(self) -> None:
        """Refuse what is wrong with the fields."""

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Return a score, some Feedback, a list of it, or None."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__.")

    def at(self, row: int) -> Scorer | None:
        """Return what scores a row, by its number and under this name; None if nothing does."""
        del row
        return self

    @functools.cached_property
    def takes(self) -> tuple[str, ...]:
        """The keywords that it takes, of ``FIELDS``."""
        return _taken(self.name, self._called())

    def _called(self) -> Callable[..., Any]:
        return self.__call__

    @functools.cached_property
    def digest(self) -> str:
        """What is the same for the same definition: its code and its fields; "" if not known."""
        source = resumption.source_of(self._defined())
        fields = {name: repr(getattr(self, name)) for name in fields_of(type(self))}
        for hidden in ("pass_if", "aggregations", "timeout", "description"):
            fields.pop(hidden, None)
        return sha256(f"{source}\n{json.dumps(fields)}") if source else ""

    def _defined(self) -> Any:
        return type(self)

    def _serialized(self) -> dict[str, Any]:
        """Return the class and the fields of a scorer that comes with this distribution."""
        kind = type(self)
        if kind.__module__.partition(".")[0] != __name__.partition(".")[0]:
            raise InvalidValue(
                f"The scorer {self.name!r} is of a class of its own, {kind.__name__}, which others "
                "do not have.",
                hint="Register functions with @scorer, judges, and those of genai.scorers.",
            )
        fields = {name: getattr(self, name) for name in fields_of(kind) if name != "pass_if"}
        said = {"instructions": str(getattr(self, "instructions", self.description or ""))}
        return {
            "builtin_scorer_class": kind.__name__,
            "builtin_scorer_pydantic_data": {**fields, **said},
        }

    @property
    def insists_on_expectations(self) -> bool:
        """Whether it takes expectations, and does not do without."""
        parameters = inspect.signature(self._called()).parameters
        found = parameters.get("expectations")
        return found is not None and found.default is found.empty

    @property
    def is_session_level_scorer(self) -> bool:
        """Whether it is about the traces of a session together."""
        return "session" in self.takes

    def run(
        self,
        *,
        inputs: Any = None,
        outputs: Any = None,
        expectations: Any = None,
        trace: Any = None,
        session: Any = None,
    ) -> Any:
        """Call it with what it takes of all this; TimeoutError if it takes too long."""
        given = dict(zip(FIELDS, (inputs, outputs, expectations, trace, session), strict=True))
        wanted = {name: given[name] for name in self.takes}
        seconds = limits.SCORER_SECONDS if self.timeout is None else self.timeout

        def call() -> Any:
            found = self(**wanted)
            return asyncio.run(found) if inspect.iscoroutine(found) else found

        try:
            return pool.within(seconds, call)
        except pool.TooSlow:
            raise pool.TooSlow(
                f"The scorer {self.name!r} took longer than {seconds:g} seconds. "
                "Give it more with @scorer(timeout=...); 0 is no limit."
            ) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r})"


def fields_of(kind: type) -> Iterator[str]:
    """Yield the names of the fields of a class of scorers."""
    found: dict[str, None] = {}
    for owner in (each for each in reversed(kind.__mro__) if issubclass(each, Scorer)):
        for name, said in inspect.get_annotations(owner).items():
            if not name.startswith("_") and "ClassVar" not in str(said):
                found[name] = None
    return iter(found)


def _check_aggregations(made: Scorer) -> None:
    for each in made.aggregations or ():
        if not callable(each) and each not in AGGREGATIONS:
            raise InvalidValue(
                f"The scorer {made.name!r} has the aggregation {each!r}, which there is not.",
                hint=f"There are: {', '.join(AGGREGATIONS)}; or give a function of a list.",
            )
        validation.key(label_of(each), "aggregation")


def label_of(aggregation: Aggregation) -> str:
    """Return what the numbers of an aggregation are called, after the name of the score."""
    return aggregation if isinstance(aggregation, str) else getattr(aggregation, "__name__", "own")


def _taken(name: str, function: Callable[..., Any]) -> tuple[str, ...]:
    found = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.name in FIELDS:
            found.append(parameter.name)
        elif parameter.default is parameter.empty:
            raise InvalidValue(
                f"The scorer {name!r} takes {parameter.name!r}, which rows do not have.",
                hint=f"It may take: {', '.join(FIELDS)}.",
            )
    return tuple(found)


class FunctionScorer(Scorer):
    """A function as a scorer."""

    def __init__(self, function: Callable[..., Any], /, **fields: Any) -> None:
        self.function = function
        super().__init__(**fields)
        _ = self.takes

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Call the function."""
        return self.function(*args, **given)

    def _called(self) -> Callable[..., Any]:
        return self.function

    def _defined(self) -> Any:
        return self.function

    def _serialized(self) -> dict[str, Any]:
        from pegboard_evaluation.genai import sources

        return sources.source_of(self.name, self.function)


@overload
def scorer(func: Callable[..., Any]) -> Scorer: ...


@overload
def scorer(
    func: None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    aggregations: Sequence[Aggregation] | None = None,
    pass_if: Callable[[Any], bool] | None = None,
    timeout: float | None = None,
) -> Callable[[Callable[..., Any]], Scorer]: ...


def scorer(func: Callable[..., Any] | None = None, **fields: Any) -> Any:
    """Make a scorer of a function of some of inputs, outputs, expectations, trace and session.

    It returns a number, a truth value, a text, a ``Feedback``, a list of these, or None for no
    score.

    Args:
        func: the function.
        fields: ``name`` (by default the function's), ``description``, ``aggregations`` (min, max,
            mean, median, variance, p90, or functions of a list; by default the mean), ``pass_if``
            (which values pass), and ``timeout`` (seconds, 300 by default; 0: no limit).
    """
    given = {key: value for key, value in fields.items() if value is not None}

    def decorate(function: Callable[..., Any]) -> Scorer:
        named = {"name": getattr(function, "__name__", "scorer"), "description": function.__doc__}
        made = FunctionScorer(function, **{**named, **given})
        functools.update_wrapper(made, function, updated=())
        return made

    return decorate if func is None else decorate(func)


def checked(scorers: Any) -> list[Scorer]:
    """Return a list of scorers; InvalidValue says which one is none."""
    if isinstance(scorers, Scorer) or not isinstance(scorers, Sequence):
        raise InvalidValue(f"'scorers' is a list of scorers, not {quoted(scorers)}.")
    if not scorers:
        raise InvalidValue(
            "'scorers' is empty: nothing would be measured.",
            hint="Give functions with @scorer, or some of pegboard.genai.scorers.",
        )
    seen = set()
    for each in scorers:
        if isinstance(each, type) and issubclass(each, Scorer):
            raise InvalidValue(f"{each.__name__} is a class of scorers; write {each.__name__}().")
        if not isinstance(each, Scorer):
            raise InvalidValue(
                f"{quoted(each)} in 'scorers' is not a scorer.",
                hint="Decorate a function with @scorer.",
            )
        if each.name in seen:
            raise InvalidValue(
                f"Two scorers are called {each.name!r}.", hint="Give one another name=."
            )
        seen.add(each.name)
    return list(scorers)


# -- what scorers return -------------------------------------------------------------------------


def sha256(text: str) -> str:
    """Return a text's digest, as MLflow writes it."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def code(source_id: str | None) -> AssessmentSource:
    """Return code as the source of an assessment."""
    return AssessmentSource(AssessmentSourceType.CODE, source_id)


def failed(name: str, error_code: str, message: str, stack: str | None = None) -> Feedback:
    """Return the feedback that says why there is no score."""
    return Feedback(name, None, AssessmentError(error_code, message, stack), code(name))


def feedback_of(name: str, value: Any) -> list[Feedback]:
    """Return what a scorer returned as feedback; InvalidValue if it is something else."""
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        if all(isinstance(each, Feedback) for each in value):
            return [_named(each, name) for each in value]
        strange = next(each for each in value if not isinstance(each, Feedback))
        raise InvalidValue(f"The scorer {name!r} returned a list with {quoted(strange)}.")
    if isinstance(value, Feedback):
        return [_named(value, name)]
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, Assessment) or not isinstance(plain, (bool, int, float, str)):
        raise InvalidValue(
            f"The scorer {name!r} returned {quoted(value)}.",
            hint="It returns a number, true or false, a text, a Feedback, or a list of Feedback.",
        )
    return [_named(Feedback(name, plain, source=code(name)), name)]


def _named(given: Feedback, name: str) -> Feedback:
    if given.name == UNNAMED:
        given.name = name
    validation.key(given.name, "Feedback")
    if isinstance(given.value, float) and not math.isfinite(given.value):
        raise InvalidValue(f"The scorer {name!r} returned {given.value}, which is not a score.")
    return given


def number_of(value: Any) -> float | None:
    """Return a value as a number: true and ``yes`` are 1; None for another text."""
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, str) and value.strip().lower() in ("yes", "no"):
        return float(value.strip().lower() == "yes")
    return None
