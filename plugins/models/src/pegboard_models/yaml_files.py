"""YAML files from untrusted sources: read safely, and of a bounded size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pegboard.errors import InvalidValue, translate_os_error

MAX_BYTES = 16 * 1024 * 1024
MAX_VALUES = 1_000_000
"""How many values a file may hold; one that is referred to twice counts twice."""

# The C versions are some ten times faster, but not everywhere there.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load(file: Path) -> Any:
    """Return the content of a file; InvalidValue, which names it, if it is not YAML."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise translate_os_error(error, file) from error
    if len(content) > MAX_BYTES:
        raise InvalidValue(f"{file} is larger than {MAX_BYTES >> 20} MiB.")
    try:
        found = yaml.load(content, Loader=_Loader)  # noqa: S506 (a safe one)
    except (yaml.YAMLError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidValue(f"{file} is not valid YAML: {error}") from error
    _refuse_bomb(found, file)
    return found


def _refuse_bomb(content: Any, file: Path) -> None:
    """Raise InvalidValue for a few lines that stand for more than memory holds."""
    waiting, seen = [content], 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise InvalidValue(f"{file} holds more than {MAX_VALUES:,} values.")
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def dump(content: Any) -> str:
    """Return plain values as YAML; InvalidValue if there are others."""
    try:
        text: str = yaml.dump(content, Dumper=_Dumper, default_flow_style=False)
    except yaml.YAMLError as error:
        raise InvalidValue(f"A value cannot be written to YAML: {error}") from error
    return text
