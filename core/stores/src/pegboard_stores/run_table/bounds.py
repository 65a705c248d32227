"""What may be asked of a table of runs at once: the same for every table."""

from __future__ import annotations

from pegboard.errors import InvalidValue

MOST_ROWS = 500
"""How many rows, or groups, a page may have."""
MOST_KEYS = 5_000
"""How many keys, or values, a page may have."""
MOST_BINS = 64
"""How many bins a histogram may have."""


def check_page(limit: int, offset: int = 0, most: int = MOST_KEYS) -> None:
    """Raise InvalidValue for a page that no table has."""
    if not 1 <= limit <= most:
        raise InvalidValue(f"A page of {limit} rows is not from 1 to {most}.")
    if offset < 0:
        raise InvalidValue(f"A page cannot begin at row {offset}.")


def check_bins(bins: int) -> None:
    """Raise InvalidValue for a histogram that no table makes."""
    if not 1 <= bins <= MOST_BINS:
        raise InvalidValue(f"{bins} bins are not from 1 to {MOST_BINS}.")
