"""Long texts that are searched by their beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


HEAD = 128
"""How many characters of a param or tag stand in the indexed column."""


def split(text: str) -> tuple[str, str | None]:
    """Return the columns ``value`` and ``rest`` of a param or tag with this text."""
    return text[:HEAD], text[HEAD:] or None
