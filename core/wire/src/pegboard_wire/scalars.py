"""Single values of MLflow's JSON, read as its protocol reads them.

The protocol is the JSON form of protocol buffers: 64-bit integers may be numbers or digits in a
string, numbers that JSON lacks are the strings ``NaN``, ``Infinity`` and ``-Infinity``, a field
that is null is one that is missing, and names may be written ``like_this`` or ``likeThis``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pegboard.entities import RunStatus, ViewType
from pegboard.errors import InvalidValue

_STATUS_NUMBERS = {
    1: RunStatus.RUNNING,
    2: RunStatus.SCHEDULED,
    3: RunStatus.FINISHED,
    4: RunStatus.FAILED,
    5: RunStatus.KILLED,
}
_STATUS_NAMES = {status.value: status for status in _STATUS_NUMBERS.values()}
_LOWEST = -float(1 << 63)
_INFINITE = ("infinity", "inf", "nan")


def double(value: Any, what: str) -> float:
    """Return a floating-point field; ``what`` names it in errors."""
    if type(value) is float:
        return value
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            pass
    elif isinstance(value, str) and len(value) <= 400:
        try:
            number = float(value)
        except ValueError:
            pass
        else:
            # A decimal number beyond all floats is a mistake, unless it says it is infinite.
            if math.isfinite(number) or value.strip().lstrip("+-").lower() in _INFINITE:
                return number
    raise _wrong(value, what, "a number")


def number_json(value: float) -> float | str:
    """Return a floating-point value as JSON can hold it."""
    if value - value == 0:
        return value
    if value != value:
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def integer(value: Any, what: str, bits: int = 64) -> int:
    """Return a signed integer field of this many bits; ``what`` names it in errors."""
    whole = _whole(value)
    if whole is None:
        raise _wrong(value, what, "an integer")
    if not -(1 << (bits - 1)) <= whole < 1 << (bits - 1):
        raise InvalidValue(f"The field {what!r} is {_short(value)}, beyond {bits} bits.").about(
            "wrong_field", field=what, value=value
        )
    return whole


def _whole(value: Any) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str) and len(value) <= 40 and not value[:1].isspace():
        try:
            return int(value)
        except ValueError:
            pass
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        # A number just below 64 bits comes as the float next to it, which is the lowest of them.
        return int(value) - (value == _LOWEST)
    return None


def string(value: Any, what: str) -> str:
    """Return a text field; ``what`` names it in errors."""
    if type(value) is str:
        return value
    raise _wrong(value, what, "a string")


def boolean(value: Any, what: str) -> bool:
    """Return a truth value; a query writes it as a word."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _wrong(value, what, "true or false")


def status(value: Any, what: str = "status") -> RunStatus:
    """Return the status that a name or number of the protocol stands for."""
    if isinstance(value, str) and value in _STATUS_NAMES:
        return _STATUS_NAMES[value]
    whole = _whole(value)
    if whole in _STATUS_NUMBERS:
        return _STATUS_NUMBERS[whole]
    raise _wrong(value, what, f"one of {', '.join(_STATUS_NAMES)}")


def status_json(value: RunStatus) -> str:
    """Return the name of a status; LOST, which the protocol has not, is FAILED."""
    return "FAILED" if value is RunStatus.LOST else value.value


def view(value: Any, what: str = "view_type") -> ViewType:
    """Return the view that a name or number of the protocol stands for."""
    if isinstance(value, str) and value in ViewType.__members__:
        return ViewType[value]
    whole = _whole(value)
    if whole in (1, 2, 3):
        return ViewType(whole)
    raise _wrong(value, what, f"one of {', '.join(ViewType.__members__)}")


def items(value: Any, what: str) -> Sequence[Any]:
    """Return a repeated field; null is an empty one."""
    if isinstance(value, (list, tuple)):
        if None in value:
            raise InvalidValue(f"The field {what!r} holds null among its items.").about(
                "wrong_field", field=what, value=value
            )
        return value
    if value is None:
        return ()
    raise _wrong(value, what, "an array")


def message(value: Any, what: str) -> Mapping[str, Any]:
    """Return a field that holds fields of its own."""
    if isinstance(value, dict):
        return value
    raise _wrong(value, what, "an object")


@lru_cache(maxsize=512)
def camel(name: str) -> str:
    """Return the other way to write a field's name: ``run_id`` is ``runId`` too."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def get(fields: Mapping[str, Any], name: str) -> Any:
    """Return a field under either of its names, None if it is missing or null."""
    value = fields.get(name)
    if "_" in name:
        other = fields.get(camel(name))
        if other is not None:
            if value is not None:
                raise InvalidValue(f"The field {name!r} is given twice, also as {camel(name)!r}.")
            return other
    return value


def need(fields: Mapping[str, Any], name: str, what: str = "") -> Any:
    """Return a field that must be there and not empty; ``what`` is its name in errors."""
    value = get(fields, name)
    if value is None or value == "":
        raise missing(what or name)
    return value


def missing(what: str) -> InvalidValue:
    """A field that must be there is missing or empty."""
    return InvalidValue(f"The field {what!r} is required, and is missing or empty.").about(
        "missing_field", field=what
    )


def _wrong(value: Any, what: str, wanted: str) -> InvalidValue:
    return InvalidValue(f"The field {what!r} is {_short(value)}, not {wanted}.").about(
        "wrong_field", field=what, value=value
    )


def _short(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return "an array" if isinstance(value, list) else "an object"
    # The text of a huge integer takes very long to make, and Python refuses it.
    if isinstance(value, int) and value.bit_length() > 128:
        return "an integer of many digits"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
