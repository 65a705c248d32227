"""The header by which clients number batches, so that one that comes again is not taken twice."""

from __future__ import annotations

import re

from pegboard.errors import InvalidValue
from pegboard_stores.abilities import Batch

HEADER = "x-pegboard-batch"
"""The header of a request that holds ``NAME:NUMBER``."""

_FORM = re.compile(r"([\w\-]{1,100}):([0-9]{1,18})", re.ASCII)


def read(given: str) -> Batch:
    """Return the batch that the header names; else InvalidValue."""
    match = _FORM.fullmatch(given)
    if match is None:
        raise InvalidValue(f"The header {HEADER} is {given[:120]!r}, not of the form NAME:NUMBER.")
    return Batch(match[1], int(match[2]))
