"""The faults of a sweep's file, collected while it is read."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pegboard.errors import InvalidValue

if TYPE_CHECKING:
    from pegboard_projects import Document

T = TypeVar("T")


def number(value: Any) -> float | None:
    """Return a number, or what looks like one: YAML takes 1e-5 for a text, people do not."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(found):
        return None
    return value if isinstance(value, int) else found


class Faults:
    """A file's faults as they are found; what is wrong yields None, and reading goes on."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[str] = []

    def add(self, fault: str, *place: str) -> None:
        """Note a fault."""
        self.found.append(f"{self.document.where(*place)}: {fault}")

    def trying(self, read: Callable[..., T], *place: str) -> T | None:
        """Return what a method of the document returns; None, and a fault, if it refuses."""
        try:
            return read(*place)
        except InvalidValue as error:
            self.found.append(error.message)
            return None

    def text(self, *place: str) -> str | None:
        """Return a text."""
        return self.trying(self.document.text, *place)

    def mapping(self, *place: str) -> Mapping[str, Any]:
        """Return a mapping; {} if it is absent."""
        return self.trying(self.document.mapping, *place) or {}

    def one_of(self, known: Sequence[str], default: str | None, *place: str) -> str | None:
        """Return one of some words."""
        text = self.text(*place)
        if text is not None and text not in known:
            meant = _meant(text, known)
            self.add(f"{place[-1]} {text!r} is none of {', '.join(known)}.{meant}", *place)
            return None
        return default if text is None else text

    def number(self, *place: str, least: float | None = None) -> float | None:
        """Return a number."""
        found = self.document.at(*place)
        if found is None:
            return None
        value = number(found)
        if value is None:
            self.add(f"{place[-1]} is {found!r}, not a number.", *place)
        elif least is not None and value < least:
            self.add(f"{place[-1]} is {found!r}, less than {least:g}.", *place)
        else:
            return value
        return None

    def whole(self, *place: str, least: int) -> int | None:
        """Return a whole number."""
        found = self.number(*place, least=least)
        if found is not None and not float(found).is_integer():
            self.add(f"{place[-1]} is {found:g}, not a whole number.", *place)
            return None
        return None if found is None else int(found)

    def unknown(self, known: Sequence[str], *place: str) -> None:
        """Note the keys that mean nothing, which are misspelt perhaps."""
        if isinstance(self.document.at(*place), dict):
            self.found += self.trying(lambda: self.document.unknown(known, *place)) or []


def _meant(text: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(text, known, 1)
    return f" Did you mean {near[0]!r}?" if near else ""
