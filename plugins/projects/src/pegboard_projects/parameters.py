"""Parameters of entry points: their types, the values that they take, and how a shell reads them.

Types are MLflow's (string, float, path, uri), those that public projects use beside them (int, str,
number, …), and our own: bool, which becomes an option or nothing; list; paths, a list of them;
choice. A type that nobody knows is a string.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")

SAME = {
    "str": "string",
    "text": "string",
    "integer": "int",
    "number": "float",
    "double": "float",
    "boolean": "bool",
    "flag": "bool",
    "enum": "choice",
}
"""Other words for types."""

KNOWN = ("string", "float", "int", "path", "paths", "uri", "bool", "list", "choice")


@frozen(kw_only=True)
class Parameter:
    """A parameter that an entry point declares; ``default`` is None if it has to be given."""

    name: str
    type: str = "string"
    default: str | None = None
    choices: Sequence[str] = field(factory=tuple)

    @property
    def kind(self) -> str:
        """The type by its first name; "string" for one that is not known."""
        kind = SAME.get(self.type, self.type)
        return kind if kind in KNOWN else "string"

    def fault(self, value: str) -> str:
        """Return what is wrong with a value, else ""; whether a path is there, others find out."""
        check = _CHECKS.get(self.kind)
        if check is not None and (expected := check(value)):
            return f"{self.name} is {value!r}, which is not {expected}"
        if self.kind == "choice" and self.choices and value not in self.choices:
            return f"{self.name} is {value!r}, which is none of {', '.join(self.choices)}"
        return ""

    def words(self, value: str, *, named: bool) -> list[str]:
        """Return what a value is in a command; ``named``: an option stands before it already."""
        if self.kind in ("list", "paths"):
            return listed(value)
        if self.kind == "bool" and not named:
            return [f"--{self.name}"] if value.strip().lower() in _TRUE else []
        return [value]


def is_name(text: str) -> bool:
    """Whether a text may name a parameter, so that no shell reads anything else into it."""
    return bool(_NAME.fullmatch(text))


def listed(value: str) -> list[str]:
    """Return the items of a list, which is written as JSON or with commas."""
    text = value.strip()
    if text.startswith("["):
        return [each if isinstance(each, str) else json.dumps(each) for each in json.loads(text)]
    return [each.strip() for each in text.split(",")] if text else []


def as_text(value: Any) -> str:
    """Return a value of Python or YAML as the text that it is logged and passed on as."""
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, default=str)
    return str(value)


def shell(words: Sequence[str]) -> str:
    """Return words as a shell reads them."""
    return " ".join(map(shlex.quote, words))


def given(pairs: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a caller as texts."""
    return {str(key): as_text(value) for key, value in pairs.items() if value is not None}


def _float(value: str) -> str:
    try:
        math.isnan(float(value))
    except ValueError:
        return "a number"
    return ""


def _int(value: str) -> str:
    return "" if _INTEGER.fullmatch(value) else "a whole number"


def _uri(value: str) -> str:
    return "" if _SCHEME.match(value) else "a URI, such as s3://bucket/file"


def _bool(value: str) -> str:
    return "" if value.strip().lower() in _TRUE + _FALSE else "true or false"


def _list(value: str) -> str:
    try:
        listed(value)
    except ValueError:
        return 'a list: write a,b or ["a", "b"]'
    return ""


_CHECKS = {"float": _float, "int": _int, "uri": _uri, "bool": _bool, "list": _list, "paths": _list}
