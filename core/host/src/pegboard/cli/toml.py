"""Values as TOML, so that what is shown of a configuration can be pasted into one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def key(name: str) -> str:
    """Return a key, in quotes if it needs them."""
    return name if _BARE.fullmatch(name) else text(name)


def text(value: str) -> str:
    """Return a text in quotes. What JSON escapes is escaped as TOML has it, and DEL besides."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def value(given: object) -> str:
    """Return a value on one line: a table inside it is an inline table; None is left out of it."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return repr(given)
    if isinstance(given, Mapping):
        pairs = [f"{key(str(k))} = {value(v)}" for k, v in given.items() if v is not None]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(given, list | tuple):
        return f"[{', '.join(value(each) for each in given if each is not None)}]"
    return text(str(given))


def is_tables(given: object) -> bool:
    """Whether a value is written as an array of tables, ``[[name]]``."""
    return (
        isinstance(given, list | tuple)
        and bool(given)
        and all(isinstance(each, Mapping) and each for each in given)
    )
