"""Endpoints whose request is a frozen attrs class: its reader and its JSON schema are made once.

The class is the one declaration of an endpoint's parameters::

    @frozen
    class Approval:
        name: str
        version: str
        key: Annotated[str, AtMost(250)]
        withdraw: bool = False

    typed("POST", "/api/…/approvals", approve, Permission.WRITE, "Approve a version.", Approval)

A field without a default is required, and then not empty. Values are read as MLflow's protocol
reads them (``pegboard_wire.scalars``): integers may be digits in a text, null is missing, names may
be ``like_this`` or ``likeThis``. In a query a list of one item arrives as a text, and a list may be
one text in JSON. The field ``from_`` is ``from`` in a request: Python keeps that name for itself.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar

import attrs
from attrs import frozen
from pegboard.errors import InvalidValue

from pegboard_wire import scalars
from pegboard_wire.http import Call, Endpoint, Permission, Result
from pegboard_wire.schemas import EMPTY
from pegboard_wire.shapes import BOOLEAN, INT64, NUMBER, TEXT, Schema, array, choice, mapping

R = TypeVar("R")
Read: TypeAlias = Callable[[Any, str], Any]
"""Reads a value of JSON; the text names it in errors."""


@frozen
class AtMost:
    """How many characters a text, or items a list, may have: ``Annotated[str, AtMost(250)]``."""

    count: int


@frozen
class Between:
    """The least and the greatest value of a number: ``Annotated[int, Between(1, 100)]``."""

    least: float
    greatest: float


def typed(
    method: str,
    path: str,
    handle: Callable[[Call, R], Result],
    permission: Permission,
    summary: str,
    request: type[R],
    response: Schema = EMPTY,
    **more: Any,
) -> Endpoint:
    """Return an endpoint whose ``handle`` receives the call and an instance of ``request``.

    ``more`` are further fields of Endpoint. TypeError if the class has a type that JSON lacks.
    """
    read = reader(request, query=method == "GET")

    def answer(call: Call) -> Result:
        return handle(call, read(call.parameters, ""))

    return Endpoint(method, path, answer, permission, summary, schema(request), response, **more)


def reader(kind: type[R], *, query: bool = False) -> Callable[[Mapping[str, Any], str], R]:
    """Return what reads the fields of an object into an instance of an attrs class.

    It raises InvalidValue for a field that is missing, of a wrong type or out of bounds.
    """
    parts = [
        (field.name, _name(field), _reader(hint, query), field.default is attrs.NOTHING)
        for field, hint in _fields(kind)
    ]

    def read(fields: Mapping[str, Any], where: str) -> R:
        given = {}
        for own_name, name, convert, is_required in parts:
            value = scalars.get(fields, name)
            if is_required and (value is None or value == ""):
                raise scalars.missing(where + name)
            if value is not None:
                given[own_name] = convert(value, where + name)
        return kind(**given)

    return read


def schema(kind: type[Any]) -> Schema:
    """Return the JSON schema of an attrs class."""
    fields = list(_fields(kind))
    made: dict[str, Any] = {
        "type": "object",
        "properties": {_name(field): _schema(hint) for field, hint in fields},
    }
    if required := [_name(each) for each, _ in fields if each.default is attrs.NOTHING]:
        made["required"] = required
    return made


def _name(field: attrs.Attribute[Any]) -> str:
    # A name that Python keeps for itself ends with an underscore in the class: ``from_``.
    return field.name.removesuffix("_")


def _fields(kind: type[Any]) -> list[tuple[attrs.Attribute[Any], Any]]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return [(field, hints[field.name]) for field in attrs.fields(kind)]


_SCALARS: Mapping[Any, tuple[Read, Schema]] = {
    str: (scalars.string, TEXT),
    bool: (scalars.boolean, BOOLEAN),
    int: (scalars.integer, INT64),
    float: (scalars.double, NUMBER),
    Any: (lambda value, _: value, {}),
}


def _reader(hint: Any, query: bool) -> Read:
    hint, bounds = _plain(hint)
    read = _unbounded(hint, query)
    if not bounds:
        return read

    def bounded(value: Any, what: str) -> Any:
        found = read(value, what)
        for bound in bounds:
            _check(bound, found, what)
        return found

    return bounded


def _unbounded(hint: Any, query: bool) -> Read:
    if hint in _SCALARS:
        return _SCALARS[hint][0]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, tuple):
        each = _reader(arguments[0], query)

        def items(value: Any, what: str) -> Any:
            given = _listed(value) if query and isinstance(value, str) else value
            return origin(
                each(item, f"{what}[{i}]") for i, item in enumerate(scalars.items(given, what))
            )

        return items
    if origin is dict:
        value_of = _reader(arguments[1], query)
        return lambda value, what: {
            key: value_of(item, f"{what}.{key}")
            for key, item in scalars.message(value, what).items()
        }
    if attrs.has(hint):
        inner = reader(hint, query=query)
        return lambda value, what: inner(scalars.message(value, what), f"{what}.")
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value, what: _member(hint, value, what)
    raise TypeError(f"{hint!r} is not a type that a request can have")


def _listed(value: str) -> list[Any]:
    """Return the list that a query has as one text: in JSON, or just one item."""
    if value.startswith("[") and value.endswith("]"):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(found, list):
                return found
    return [value]


def _member(kind: type[Enum], value: Any, what: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(str(each.value) for each in kind)
        raise InvalidValue(f"The field {what!r} is {value!r}, not one of {names}.").about(
            "wrong_field", field=what, value=value
        ) from None


def _check(bound: AtMost | Between, value: Any, what: str) -> None:
    if isinstance(bound, AtMost):
        if len(value) > bound.count:
            unit = "characters" if isinstance(value, str) else "items"
            raise InvalidValue(
                f"The field {what!r} has {len(value)} {unit}; {bound.count} are allowed."
            )
    elif not bound.least <= value <= bound.greatest:
        raise InvalidValue(
            f"The field {what!r} is {value}, not from {bound.least} to {bound.greatest}."
        )


def _schema(hint: Any) -> Schema:
    hint, bounds = _plain(hint)
    made = dict(_unbounded_schema(hint))
    for bound in bounds:
        if isinstance(bound, Between):
            made = {"type": made.get("type", "number" if hint is float else "integer")}
            made |= {"minimum": bound.least, "maximum": bound.greatest}
        else:
            made["maxLength" if hint is str else "maxItems"] = bound.count
    return made


def _unbounded_schema(hint: Any) -> Schema:
    if hint in _SCALARS:
        return _SCALARS[hint][1]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (list, tuple):
        return array(_schema(arguments[0]))
    if origin is dict:
        return mapping(_schema(arguments[1]))
    if attrs.has(hint):
        return schema(hint)
    return choice(*(str(each.value) for each in hint))


def _plain(hint: Any) -> tuple[Any, list[AtMost | Between]]:
    """Return a type without ``| None`` and ``Annotated``, and the bounds of the latter."""
    bounds: list[AtMost | Between] = []
    if typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        bounds = [note for note in notes if isinstance(note, (AtMost, Between))]
    if typing.get_origin(hint) in (typing.Union, UnionType):
        some = [each for each in typing.get_args(hint) if each is not NoneType]
        if len(some) != 1:
            raise TypeError(f"{hint!r} is not a type that a request can have")
        hint, more = _plain(some[0])
        bounds += more
    return hint, bounds
