"""How commands write numbers, times and sizes for people, and read them."""

from __future__ import annotations

import re
import time
from pathlib import Path

from pegboard.cli.output import not_finite as not_finite
from pegboard.errors import InvalidValue

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")


def number(value: float) -> str:
    """Return a metric value in at most six significant digits; NaN and infinities by name."""
    return not_finite(value) or f"{value:.6g}"


def moment(milliseconds: int | None) -> str:
    """Return a time in the local zone, to the second."""
    if milliseconds is None:
        return "-"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds / 1000))
    except (OverflowError, ValueError, OSError):
        return f"{milliseconds} ms"


def age(milliseconds: int | None, now: float | None = None) -> str:
    """Return how long ago a time was."""
    if milliseconds is None:
        return "-"
    seconds = (time.time() if now is None else now) - milliseconds / 1000
    if seconds < 1:
        return "now" if seconds > -60 else moment(milliseconds)
    for name, unit in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name} ago"
    return f"{int(seconds)} s ago"


def duration(start: int | None, end: int | None) -> str:
    """Return the time between two times (ms) in its two largest units."""
    if start is None or end is None:
        return "-"
    seconds = max(0, end - start) / 1000
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for (large, size), (small, part) in (
        (("d", 86_400), ("h", 3600)),
        (("h", 3600), ("min", 60)),
        (("min", 60), ("s", 1)),
    ):
        if whole >= size:
            return f"{whole // size} {large} {whole % size // part} {small}"
    return f"{whole} s"


def size(count: int | None) -> str:
    """Return a number of bytes in a unit that fits."""
    if count is None:
        return "-"
    value = float(count)
    units = ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{value:.1f} {units[0]}"


def place(path: Path | str) -> str:
    """Return a path as the end of a sentence, which takes no full stop: it would look like a part.

    The working directory is called that.
    """
    return "the working directory" if str(path) == "." else str(path)


def counted(count: int, noun: str) -> str:
    """Return a number with a noun, which takes an s for all but one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def parse_duration(text: str) -> float:
    """Return the seconds that a text such as ``30d`` or ``1h30m`` stands for."""
    compact = text.replace(" ", "")
    if _DURATION.fullmatch(compact) is None:
        raise InvalidValue(
            f"{text!r} is not a length of time.",
            hint="Write numbers with a unit, as in 30d, 12h, 1h30m; units are s, m, h, d and w.",
        )
    parts = re.findall(r"([\d.]+)([smhdw])", compact)
    return sum(float(count) * _SECONDS[unit] for count, unit in parts)
