"""Which texts of params are numbers."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?)\s*", re.I | re.A)


def as_number(text: str) -> float | None:
    """Return the number that a param's text stands for; None if it is not one, as for ``nan``."""
    if len(text) > 1000 or _NUMBER.fullmatch(text) is None:
        return None
    return float(text)
