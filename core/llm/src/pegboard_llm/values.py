"""Kinds of values that fields of requests have; what is wrong is named with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NoReturn, TypeAlias

import orjson
from pegboard.contracts.llm import LLMError, Trouble

Check: TypeAlias = Callable[[Any, str], None]
"""Raises LLMError for a value that is wrong; receives the value and the name of its field."""

MAX_INPUTS = 2048
_MOST_NAMES = 100
_LONGEST_NAME = 40


def unsupported(what: str, param: str) -> LLMError:
    """Return the error that says what a vendor has not, in a field that it has."""
    return LLMError(
        Trouble.UNSUPPORTED, what, hint="Leave it out, or ask another model.", param=param
    )


def invalid(message: str, param: str) -> NoReturn:
    """Raise LLMError INVALID."""
    raise LLMError(Trouble.INVALID, message, param=param)


def wrong(expected: str, value: Any, param: str) -> NoReturn:
    """Raise LLMError INVALID for a value of another kind than expected."""
    shown = value if isinstance(value, int | float | bool) else type(value).__name__
    invalid(f"{param!r} must be {expected}, not {shown}.", param)


def near(name: str, others: Iterable[str]) -> str:
    """Return which of some names is like a name, as if one of the two were misspelt; "" if none.

    A client's names may be many and long: only the first, and short ones, are looked at.
    """
    from difflib import get_close_matches

    if len(name) > _LONGEST_NAME:
        return ""
    short = (each for each in others if len(each) <= _LONGEST_NAME)
    known = {each.lower(): each for each in islice(short, _MOST_NAMES)}
    return "".join(known[each] for each in get_close_matches(name.lower(), known, 1, 0.75))


def missing(name: str, given: Iterable[str], known: Iterable[str] = ()) -> str:
    """Return the sentence that says a field is missing, and which one may be meant for it."""
    taken = set(known)
    wrong = near(name, (each for each in given if each not in taken))
    return f"The field {name!r} is missing" + (f": did you mean it by {wrong!r}?" if wrong else ".")


def meant(name: str, known: Iterable[str]) -> str:
    """Return the question that names the known field which an unknown one is like; "" if none."""
    right = near(name, sorted(known))
    return f"Did you mean {right!r}? " if right else ""


def text(value: Any, param: str) -> None:
    """Check a text."""
    if type(value) is not str:
        wrong("text", value, param)


def boolean(value: Any, param: str) -> None:
    """Check true or false."""
    if type(value) is not bool:
        wrong("true or false", value, param)


def table(value: Any, param: str) -> None:
    """Check an object."""
    if type(value) is not dict:
        wrong("an object", value, param)


def number(low: float, high: float) -> Check:
    """Return the check of a number in a range; NaN is in none."""
    said = f"a number from {low:g} to {high:g}"

    def check(value: Any, param: str) -> None:
        if type(value) not in (int, float) or not low <= value <= high:
            wrong(said, value, param)

    return check


def whole(low: float, high: float = math.inf) -> Check:
    """Return the check of a whole number in a range."""
    said = (
        f"a whole number from {low} to {high}"
        if high < math.inf
        else f"a whole number, at least {low}"
    )
    if low == -math.inf:
        said = "a whole number"

    def check(value: Any, param: str) -> None:
        if type(value) is not int or not low <= value <= high:
            wrong(said, value, param)

    return check


def one_of(*values: str) -> Check:
    """Return the check of a word that is one of some."""
    said = "one of " + ", ".join(map(repr, values))

    def check(value: Any, param: str) -> None:
        if value not in values:
            invalid(f"{param!r} must be {said}, not {str(value)[:60]!r}.", param)

    return check


def items(value: Any, param: str, least: int = 1, most: int = MAX_INPUTS) -> None:
    """Check that there is a list, and its length."""
    if type(value) is not list:
        wrong("a list", value, param)
    if not least <= len(value) <= most:
        invalid(f"{param!r} must have {least} to {most} items, not {len(value)}.", param)


def field(value: Any, key: str, check: Check, param: str, *, needed: bool = True) -> None:
    """Check a field of an object, which may be missing or null if it is not needed."""
    found = value.get(key)
    if found is None:
        if needed:
            wrong = near(key, (each for each in value if each != key))
            asks = f": did you mean it by {wrong!r}?" if wrong else "."
            invalid(f"{param!r} lacks {key!r}{asks}", f"{param}.{key}")
        return
    check(found, f"{param}.{key}")


def json_of(text: str) -> Any:
    """Return what a text holds as JSON that can be sent; ValueError says why it holds none.

    So it has no NaN, no half characters, and no more levels than orjson writes.
    """
    try:
        found = orjson.loads(text)
        orjson.dumps(found)
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ValueError(str(error)) from None
    return found
