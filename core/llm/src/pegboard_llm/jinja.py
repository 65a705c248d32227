"""Templates with ``{% … %}``, rendered by Jinja in its sandbox, within bounds.

A template is data that anybody who may register a prompt writes. The sandbox keeps it from what is
not its own; the bounds end one that loops, or that makes a text which grows without end. So it has
fewer filters and methods than Jinja has: those whose result is not longer than what goes in, or
whose length is known before it is made.

Imports jinja2, which is optional.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import wraps
from time import thread_time
from typing import Any

from attrs import define, field
from jinja2 import TemplateError, meta, nodes, pass_context
from jinja2.runtime import LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from jinja2.visitor import NodeTransformer
from pegboard.errors import InvalidValue

from pegboard_llm import templates
from pegboard_llm.templates import Template

MOST_STEPS = 100_000
"""How many rounds of loops and calls a rendering takes at the most."""
MOST_CHARACTERS = 10_000_000
"""How long all texts together are that a rendering makes."""
_MOST_WORK = 100_000_000
"""Steps times the length of the template: what a loop writes besides values."""
_MOST_DIGITS = 1_000
MOST_SECONDS = 2.0
"""How long a thread works on a rendering: one round can take long, too, as to sort a list."""

_FILTERS = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "int",
    "items",
    "last",
    "length",
    "list",
    "lower",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "string",
    "striptags",
    "title",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "groupby",
    "map",
    "tojson",
]
_STR = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "index",
        "isalnum",
        "isalpha",
        "isdigit",
        "islower",
        "isnumeric",
        "isspace",
        "istitle",
        "isupper",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "rfind",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
    ]
)
_OTHERS = frozenset(["get", "items", "keys", "values", "index", "count"])
_GLOBALS = frozenset({"range", "dict", "cycler", "joiner", "namespace"})


class TooMuch(Exception):
    """A rendering went beyond its bounds."""


@define
class _Bounds:
    steps: int
    characters: int = MOST_CHARACTERS
    # Of the thread, so that a machine that is busy with other work refuses nothing.
    until: float = field(factory=lambda: thread_time() + MOST_SECONDS)

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooMuch("it takes too many steps")
        self.look()

    def look(self) -> None:
        if thread_time() > self.until:
            raise TooMuch(f"it takes more than {MOST_SECONDS:g} seconds")

    def make(self, characters: int) -> None:
        self.look()
        self.characters -= characters
        if self.characters < 0:
            raise TooMuch(f"it makes more than {MOST_CHARACTERS:,} characters")


_bounds: ContextVar[_Bounds] = ContextVar("bounds")


class _Bounded(NodeTransformer):
    """Makes loops count their rounds, and ``~`` its characters."""

    def visit_For(self, node: Any) -> Any:  # noqa: N802
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "_rounds", [], [], None, None)
        return node

    def visit_Concat(self, node: Any) -> Any:  # noqa: N802
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), "join", [], [], None, None)


def _timed(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        _bounds.get().look()
        return function(*args, **kwargs)

    return timed


def _rounds(items: Any) -> Any:
    bounds = _bounds.get()
    for item in items:
        bounds.step()
        yield item


def _join(items: Any, d: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        raise TooMuch("'join' takes no attribute here; use map(attribute=…) before it")
    bounds, separator = _bounds.get(), str(d)
    texts = []
    for item in items:
        bounds.step()
        text = str(item)
        bounds.make(len(text) + len(separator))
        texts.append(text)
    return separator.join(texts)


def _replace(s: Any, old: str, new: str, count: int = -1) -> str:
    text, old, new = str(s), str(old), str(new)
    found = text.count(old)
    _bounds.get().make(len(text) + (found if count < 0 else min(found, count)) * len(new))
    return text.replace(old, new, count)


def _indent(s: Any, width: int = 4, first: bool = False) -> str:
    text = str(s)
    if not isinstance(width, int) or not 0 <= width <= 100:
        raise TooMuch("'indent' takes a width from 0 to 100")
    _bounds.get().make(len(text) + (text.count("\n") + 1) * width)
    whole = text.replace("\n", "\n" + " " * width)
    return " " * width + whole if first else whole


def _sum(iterable: Any) -> Any:
    total: Any = 0
    for item in iterable:
        _bounds.get().step()
        if not isinstance(item, (int, float)):
            raise TooMuch("'sum' adds numbers only")
        total += item
    return total


@pass_context
def _emitted(context: Any, value: Any) -> Any:
    """Count what is written. It asks for the context so that nothing is rendered beforehand."""
    del context
    text = str(value)
    _bounds.get().make(len(text))
    return text


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(finalize=_emitted, autoescape=False, cache_size=0)
        own = {"join": _join, "replace": _replace, "indent": _indent, "sum": _sum}
        self.filters = {name: _timed(self.filters[name]) for name in _FILTERS}
        self.filters |= {**own, "_rounds": _rounds, "tojson": _tojson}
        self.globals = {name: self.globals[name] for name in _GLOBALS}

    def _parse(self, source: str, name: str | None, filename: str | None) -> Any:
        return _Bounded().visit(super()._parse(source, name, filename))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Add texts and lists, reckon with numbers; nothing is repeated."""
        if operator == "+" and not isinstance(left, (int, float)):
            bounds = _bounds.get()
            bounds.make(len(left) + len(right))
        elif not all(isinstance(each, (int, float)) for each in (left, right)):
            raise TooMuch(f"{operator!r} is for numbers only")
        elif operator == "**" and abs(right) > _MOST_DIGITS:
            raise TooMuch("a power is too large")
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and result.bit_length() > _MOST_DIGITS:
            raise TooMuch("a number is too large")
        return result

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow items and what is known to make nothing long."""
        if callable(value):
            if isinstance(obj, (Namespace, LoopContext, Cycler)):
                return super().is_safe_attribute(obj, attr, value)
            return attr in (_STR if isinstance(obj, str) else _OTHERS)
        return super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        """Allow macros, what Jinja has for all templates, and methods that were allowed above."""
        if isinstance(obj, (Macro, LoopContext, Cycler, Joiner)) or obj in self.globals.values():
            return True
        owner = getattr(obj, "__self__", None)
        allowed = _STR if isinstance(owner, str) else _OTHERS | {"cycle", "changed", "next"}
        return getattr(obj, "__name__", "") in allowed

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Count calls: a macro can call itself."""
        _bounds.get().step()
        return super().call(context, obj, *args, **kwargs)


def _tojson(value: Any) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    _bounds.get().make(len(text))
    return text


def rendered(template: Template, values: Mapping[str, Any]) -> Template:
    """Return a template, each text of it rendered; InvalidValue says why one cannot be."""
    sandbox = _Sandbox()
    length = sum(map(len, templates.texts(template)))
    steps = min(MOST_STEPS, _MOST_WORK // max(length, 1))
    token = _bounds.set(_Bounds(steps))
    try:
        return templates.mapped(template, _renderer(sandbox, values))
    except TooMuch as error:
        raise InvalidValue(
            f"The template is not rendered: {error}.",
            hint=f"It may take {steps:,} rounds of loops and calls.",
        ) from None
    except RecursionError:
        raise InvalidValue("The template is not rendered: a macro calls itself.") from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise _wrong(error) from None
    finally:
        _bounds.reset(token)


def check(template: Template) -> None:
    """Refuse a template that is not written as Jinja has it; InvalidValue."""
    sandbox = _Sandbox()
    try:
        for text in templates.texts(template):
            sandbox.parse(text)
    except TemplateError as error:
        raise _wrong(error) from None
    except RecursionError:
        raise InvalidValue("The template cannot be rendered: it is nested too deep.") from None


def names(template: Template) -> list[str]:
    """Return the names of what a template is given, in their order there; InvalidValue."""
    sandbox = _Sandbox()
    found: dict[str, int] = {}
    try:
        for number, text in enumerate(templates.texts(template)):
            for name in meta.find_undeclared_variables(sandbox.parse(text)) - _GLOBALS:
                place = re.search(rf"\b{re.escape(name)}\b", text)
                found.setdefault(name, (number << 32) + (place.start() if place else 0))
    except TemplateError as error:
        raise _wrong(error) from None
    except RecursionError:
        raise InvalidValue("The template cannot be rendered: it is nested too deep.") from None
    return sorted(found, key=found.__getitem__)


def _wrong(error: Exception) -> InvalidValue:
    line = getattr(error, "lineno", None)
    where = f" in line {line}" if line else ""
    return InvalidValue(f"The template cannot be rendered{where}: {str(error).rstrip('.')}.")


def _renderer(sandbox: _Sandbox, values: Mapping[str, Any]) -> Callable[[str], str]:
    return lambda text: sandbox.from_string(text).render(values)
