"""A file that people wrote: its values, and where each stands, for errors that say so."""

from __future__ import annotations

import datetime
import json
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from attrs import define, field, frozen
from pegboard.errors import InvalidValue, quoted

Way = tuple[str | int, ...]


@define
class Source:
    """A file, and the lines of what is in it."""

    path: Path
    lines: dict[Way, int] = field(factory=dict)
    alone: bool = False
    """Whether it may name no other files: whoever wrote it has no say on this machine."""
    told: str = ""
    """What people know it by, if they never wrote the file."""

    @property
    def name(self) -> str:
        """What errors begin with."""
        return self.told or self.path.name

    def line(self, way: Way) -> int | None:
        """Return the line of a value, or of the nearest one around it; None if none is known."""
        while way not in self.lines:
            if not way:
                return None
            way = way[:-1]
        return self.lines[way]


@frozen
class At:
    """A place in a file: the way to a value."""

    source: Source
    way: Way = ()

    def __truediv__(self, step: str | int) -> At:
        """Return a place further in."""
        return At(self.source, (*self.way, step))

    def __str__(self) -> str:
        """Return it for people: the file, the line, the field."""
        line = self.source.line(self.way)
        parts = [self.source.name, *([f"line {line}"] if line is not None else [])]
        name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.way)
        return ", ".join([*parts, *([name.removeprefix(".")] if name else [])])

    def wrong(self, said: str, hint: str = "") -> InvalidValue:
        """Return the error that says what is wrong here."""
        return InvalidValue(f"{self}: {said}", hint=hint)

    def file(self, name: str) -> Path:
        """Return a file that is named here, beside this one; InvalidValue if there is none."""
        if self.source.alone:
            raise self.wrong(f"What comes from the registry names no files, such as {name!r}.")
        found = self.source.path.parent / name.removeprefix("file://")
        if not found.is_file():
            raise self.wrong(f"There is no file {name!r}.", f"It is looked for as {found}")
        return found


# -- reading -----------------------------------------------------------------------------------


def load(path: Path, *, alone: bool = False, told: str = "") -> tuple[At, Any]:
    """Return what a YAML, TOML or JSON file holds; InvalidValue names the line that is wrong."""
    source = Source(path, alone=alone, told=told)
    at = At(source)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path} cannot be read: {error}.") from None
    try:
        if path.suffix == ".json":
            return at, json.loads(text)
        if path.suffix == ".toml":
            return at, tomllib.loads(text)
        return at, _yaml(text, at)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f", line {mark.line + 1}"
        raise InvalidValue(f"{path.name}{where}: {error.problem or error.context}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidValue(f"{path.name} cannot be read: {error}.") from None


def _yaml(text: str, at: At) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _note(node, at, set())
        return _plain(loader.construct_document(node))
    finally:
        loader.dispose()


def _note(node: Any, at: At, seen: set[int]) -> None:
    """Note the lines of values; a key that is there twice is an error."""
    if id(node) in seen:
        return  # What an alias stands for is noted where its anchor is.
    seen.add(id(node))
    at.source.lines[at.way] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            _note(each, at / number, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = at / str(key.value)
            if inner.way in at.source.lines and key.value != "<<":
                raise (at / str(key.value)).wrong(
                    f"{key.value!r} is there once more in line {key.start_mark.line + 1}."
                )
            _note(value, inner, seen)
            at.source.lines[inner.way] = key.start_mark.line + 1


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it: dates are texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


# -- fields ------------------------------------------------------------------------------------


def fields(at: At, given: Any, known: Sequence[str], also: Mapping[str, str]) -> dict[str, Any]:
    """Return a table by the names that we have for its fields; InvalidValue for others.

    ``also`` are other spellings, as promptfoo has them.
    """
    if not isinstance(given, Mapping):
        raise at.wrong(f"expected a table, not {quoted(given)}.", f"Its fields: {listed(known)}.")
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = also.get(key, key)
        if name not in known:
            raise (at / key).wrong(
                f"There is no field {key!r}.",
                f"{meant(key, [*known, *also])}There are: {listed(known)}.",
            )
        if name in found:
            raise (at / key).wrong(f"{key!r} is another name of {name!r}, which is there, too.")
        found[name] = value
    return found


def meant(name: Any, known: Sequence[str]) -> str:
    """Return the question whether a similar name is meant; "" if there is none."""
    near = get_close_matches(str(name).lower(), known, 1, 0.6)
    return f"Did you mean {near[0]!r}? " if near else ""


def listed(names: Sequence[str]) -> str:
    """Return names for the end of a sentence."""
    return ", ".join(map(repr, names))


def number(at: At, value: Any, low: float = 0.0) -> float:
    """Return a number, at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= low:
        bound = "" if low == float("-inf") else f", at least {low:g}"
        raise at.wrong(f"expected a number{bound}, not {quoted(value)}.")
    return value


def text(at: At, value: Any) -> str:
    """Return a text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise at.wrong(f"expected text, not {quoted(value)}.")
    return value


def rows(at: At, value: Any) -> list[tuple[At, Any]]:
    """Return the entries of a list, or a value alone as its only one, with their places."""
    if isinstance(value, list):
        return [(at / number, each) for number, each in enumerate(value)]
    return [(at, value)]
