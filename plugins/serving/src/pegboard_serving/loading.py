"""Models are loaded with the trust that the command line states."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.contracts.models import Trust
from pegboard.errors import Refused

if TYPE_CHECKING:
    from pegboard_models import PyFuncModel

PICKLE = "pickle"
"""The value of ``--trust`` that allows files which can run any code."""


def load(directory: Path, trusted: Sequence[str]) -> PyFuncModel:
    """Load the model in a directory; Refused says which option allows what it needs."""
    from pegboard_models import load_pyfunc, trust_of

    names = [name for name in trusted if name != PICKLE]
    trust = Trust(True, tuple(names)) if PICKLE in trusted else trust_of(names)
    try:
        return load_pyfunc(directory, trust)
    except Refused as error:
        hint = f"{error.hint} For a command: --trust {PICKLE}, or --trust package.Type."
        raise Refused(error.message, hint=hint) from error
