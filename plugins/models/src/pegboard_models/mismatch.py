"""The error for data that does not fit a model."""

from __future__ import annotations

from typing import Any

from pegboard.errors import InvalidValue


class SchemaMismatch(InvalidValue):
    """Data that is not what a model's signature says; ``column`` is the column or param at fault.

    It is None if the data as a whole is of the wrong kind.
    """

    def __init__(self, message: str, *, column: str | int | None = None, hint: str = "") -> None:
        self.column = column
        super().__init__(message, hint=hint)


def listed(names: list[Any]) -> str:
    """Return names as they are shown in a message, not all of them if there are many."""
    shown = ", ".join(repr(name) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")
