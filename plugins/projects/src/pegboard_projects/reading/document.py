"""YAML and TOML files whose values remember where they stand, for errors that people can follow."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import field, frozen
from pegboard.errors import translate_os_error

from pegboard_projects.errors import ProjectError

_Place = tuple[Hashable, ...]


@frozen
class Document:
    """A value that was read from a file, and the line of each of its parts, by the way to it."""

    file: Path
    value: Any
    lines: Mapping[_Place, int] = field(factory=dict)

    def where(self, *place: Hashable) -> str:
        """Return where a part stands, as text: the file and the line, or the nearest known."""
        for length in range(len(place), -1, -1):
            if line := self.lines.get(place[:length]):
                return f"{self.file}, line {line}"
        keys = ".".join(map(str, place))
        return f"{self.file}, {keys}" if keys else str(self.file)

    def fault(self, expected: str, *place: Hashable) -> ProjectError:
        """Return the error that a part is not what was expected."""
        return ProjectError(f"{self.where(*place)}: {expected}")

    def at(self, *place: Hashable) -> Any:
        """Return a part; None if it is not there."""
        found = self.value
        for key in place:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def mapping(self, *place: Hashable) -> dict[str, Any]:
        """Return a part that is a mapping with texts as keys; one that is absent or null is {}."""
        found = self.at(*place)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise self.fault(f"{_named(place)} is {_kind(found)}, not a mapping.", *place)
        for key in found:
            if not isinstance(key, str):
                raise self.fault(f"the key {key!r} is {_kind(key)}, not a text.", *place, key)
        return found

    def text(self, *place: Hashable) -> str | None:
        """Return a part that is a text that is not empty; None if it is absent or null."""
        found = self.at(*place)
        if found is not None and (not isinstance(found, str) or not found.strip()):
            raise self.fault(f"{_named(place)} is {_kind(found)}, not a text.", *place)
        return found

    def texts(self, *place: Hashable) -> list[str]:
        """Return a part that is a list of texts or numbers; one that is absent or null is []."""
        found = self.at(*place)
        if found is None:
            return []
        if not isinstance(found, list) or any(isinstance(e, (dict, list)) for e in found):
            raise self.fault(f"{_named(place)} is not a list of texts.", *place)
        return [str(each) for each in found]

    def unknown(self, known: Iterable[str], *place: Hashable) -> list[str]:
        """Return what to say of keys that mean nothing, which are misspelt perhaps."""
        names = list(known)
        wrong = [key for key in self.mapping(*place) if key not in names]
        return [f"{self.where(*place, key)}: {_meaningless(key, names)}" for key in wrong]


def _meaningless(key: str, names: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, names, 1)
    return f"{key!r} means nothing here." + (f" Did you mean {near[0]!r}?" if near else "")


def _named(place: _Place) -> str:
    return repr(place[-1]) if place else "the file"


def _kind(value: object) -> str:
    if value is None or value == "":
        return "empty"
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), f"{value!r}")


def read_document(file: Path) -> Document:
    """Read a file: TOML by its suffix, else YAML. ProjectError says what is wrong, and where."""
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise ProjectError(f"{file} is not UTF-8 text.") from None
    except OSError as error:
        raise translate_os_error(error, file) from error
    if file.suffix == ".toml":
        import tomllib  # Most projects have none.

        try:
            return Document(file, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ProjectError(f"{file} is not TOML: {error}.") from None
    return _yaml(file, text)


def _yaml(file: Path, text: str) -> Document:
    try:
        loader = yaml.SafeLoader(text)
    except yaml.YAMLError as error:
        raise ProjectError(f"{file} is not YAML: {error}.") from None
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(file, {})
        lines: dict[_Place, int] = {}
        value = loader.construct_document(node)
        _note(loader, node, (), lines, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        why = error.problem or error.context
        raise ProjectError(f"{file}{line}: this is not YAML: {why}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProjectError(f"{file} is not YAML: {error}.") from None
    finally:
        loader.dispose()
    return Document(file, value, lines)


def _note(
    loader: Any, node: yaml.Node, place: _Place, lines: dict[_Place, int], file: Path
) -> None:
    """Note the lines of all parts; ProjectError if a key stands twice, or a part holds itself."""
    lines.setdefault(place, node.start_mark.line + 1)
    if not isinstance(node, yaml.MappingNode) or len(place) > _DEEPEST:
        return
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        here = (*place, key if isinstance(key, Hashable) else str(key))
        line = key_node.start_mark.line + 1
        if here in lines:
            raise ProjectError(f"{file}, line {line}: {key!r} stands here a second time.")
        lines[here] = line
        _note(loader, value_node, here, lines, file)


_DEEPEST = 8
