"""``recipe.yaml`` and profiles as they stand on disk: Jinja2 first, then YAML, with line numbers.

Templates run in Jinja2's sandbox and see nothing but the values of the profile. A name that is not
defined is an error with file and line, and so is a key that stands twice in one mapping.
"""

from __future__ import annotations

import json
import keyword
import re
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from attrs import frozen
from pegboard.errors import InvalidValue, NotFound

Place: TypeAlias = tuple[str, ...]
"""Keys from the top: ``("steps", "train", "using")``."""

_TOKENS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|\{\{.*?\}\}|\{%.*?%\}|(?:(?<=\s)|^)#.*""")
_MOST, _DEEPEST = 100_000, 100
_VALUE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*(?:\|\s*default\([\w\s.,\[\]\"'-]*\)\s*)?\}\}")
"""A value, or one with another to use where the profile does not define it."""

_MORE = re.compile(r"\{[{%#]|[}%#]\}")
_WORDS = frozenset({"true", "false", "none", "loop", "self", "super", *keyword.kwlist})
"""Names that mean something else to Jinja2."""

_MISSING = re.compile(r"'([^']+)' is undefined")


@frozen
class Document:
    """The values of a file, and the line of each key."""

    file: Path
    values: Mapping[str, Any]
    lines: Mapping[Place, int]
    names: frozenset[str] = frozenset()
    """The values of the profile that it uses."""


def read(file: Path, context: Mapping[str, Any], root: Path) -> Document:
    """Return a file rendered with the values of a context; InvalidValue says what is wrong where.

    Paths in the filter ``from_json`` are relative to ``root``.
    """
    try:
        source = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {file}.") from error
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{file} is not UTF-8 text: {error.reason}.") from error
    text, names = _rendered(file, _without_comments(source), context, root)
    values, lines = _parsed(file, text)
    return Document(file, values, lines, names)


def _without_comments(source: str) -> str:
    """Return text without what follows a '#', as nothing there is rendered; lines stay."""

    def kept(match: re.Match[str]) -> str:
        return "" if match[0].startswith("#") else match[0]

    return "\n".join(_TOKENS.sub(kept, line) for line in source.split("\n"))


# -- Jinja2 --------------------------------------------------------------------------------------


def _rendered(
    file: Path, source: str, context: Mapping[str, Any], root: Path
) -> tuple[str, frozenset[str]]:
    """Return a text with its values in place, and the names of those."""
    return _filled_in(source, context) or _by_jinja(file, source, context, root)


def _filled_in(source: str, context: Mapping[str, Any]) -> tuple[str, frozenset[str]] | None:
    """Do what Jinja2 would, which takes a tenth of a second to import, where values are all.

    None if there is more in the text, or a value that the profile does not define.
    """
    names = frozenset(found[1] for found in _VALUE.finditer(source))
    if "\r" in source or _MORE.search(_VALUE.sub("", source)):
        return None
    if not names <= context.keys() or names & _WORDS:
        return None
    return _VALUE.sub(lambda found: str(_as_yaml(context[found[1]])), source), names


def _by_jinja(
    file: Path, source: str, context: Mapping[str, Any], root: Path
) -> tuple[str, frozenset[str]]:
    import jinja2
    from jinja2 import meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=_as_yaml,
        loader=jinja2.FileSystemLoader(root, encoding="utf-8"),
        keep_trailing_newline=True,
    )

    def from_json(name: str) -> Any:
        return json.loads((root / name).read_text(encoding="utf-8"))

    made.filters["from_json"] = from_json
    try:
        names = frozenset(meta.find_undeclared_variables(made.parse(source)))
        return made.from_string(source).render(context), names
    except jinja2.TemplateSyntaxError as error:
        raise _wrong(file, error.lineno, f"{error.message}.") from error
    except jinja2.UndefinedError as error:
        found = _MISSING.search(str(error))
        name = found[1] if found else ""
        raise _wrong(
            file,
            _line_of(error),
            f"{name!r} is not defined." if name else f"{error}.",
            hint=_defined(name, context),
        ) from error
    except (jinja2.TemplateError, OSError, ValueError, TypeError, ArithmeticError) as error:
        why = f"{type(error).__name__}: {error}"
        raise _wrong(file, _line_of(error), f"It cannot be rendered: {why}.") from error


def _as_yaml(value: Any) -> Any:
    """Return what stands for a value of the profile in YAML."""
    if value is None or isinstance(value, (bool, dict, list)):
        return json.dumps(value, default=str)
    return value


def _line_of(error: BaseException) -> int:
    """Return the line of a template in which an error was raised; 0 if it is not known."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<template>"]
    return (lines[-1] or 0) if lines else 0


def _defined(name: str, context: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, list(context), 1)
    if near:
        return f"The profile defines {near[0]!r}."
    known = ", ".join(map(repr, context)) or "nothing"
    return f"Define it in the profile, which defines {known}."


def _wrong(file: Path, line: int, what: str, hint: str = "") -> InvalidValue:
    where = f"{file}, line {line}" if line else str(file)
    return InvalidValue(f"{where}: {what}", hint=hint)


# -- YAML ----------------------------------------------------------------------------------------


def _parsed(file: Path, text: str) -> tuple[Mapping[str, Any], dict[Place, int]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        lines = {} if node is None else _bounded(file, _lines(file, node, ()))
        values = {} if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark is not None else 0
        raise _wrong(file, line, f"It is not YAML: {error.problem or error}.") from error
    except yaml.YAMLError as error:
        raise _wrong(file, 0, f"It is not YAML: {error}.") from error
    except (ValueError, TypeError) as error:
        raise _wrong(file, 0, f"It holds a value that YAML does not allow: {error}.") from error
    finally:
        loader.dispose()
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise _wrong(file, 1, f"It holds {type(values).__name__}, not a mapping of keys to values.")
    return values, lines


def _bounded(file: Path, found: Iterator[tuple[Place, int]]) -> dict[Place, int]:
    """Return lines; InvalidValue where references of YAML stand for too many values, or no end."""
    lines: dict[Place, int] = {}
    for place, line in found:
        if len(lines) >= _MOST or len(place) > _DEEPEST:
            what = f"It holds more than {_MOST:,} values, or they are more than {_DEEPEST} deep."
            raise _wrong(file, line, what)
        lines[place] = line
    return lines


def _lines(file: Path, node: Any, place: Place) -> Iterator[tuple[Place, int]]:
    """Yield the line of each key; InvalidValue if one stands twice."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            below = (*place, str(number))
            yield below, item.start_mark.line + 1
            yield from _lines(file, item, below)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen and name != "<<":
            raise _wrong(file, line, f"{name!r} stands here, and in line {seen[name]}, too.")
        seen[name] = line
        yield (*place, name), line
        yield from _lines(file, value, (*place, name))
