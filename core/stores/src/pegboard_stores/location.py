"""Which SQLite file a URI names, and how it is to be opened."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

from attrs import frozen
from pegboard import uris
from pegboard.errors import ConfigError

DEFAULT_FILE = "pegboard.db"

_PARAMETERS = frozenset({"artifacts", "destination", "patience", "synchronous"})
_FILE_ENDINGS = (".db", ".sqlite", ".sqlite3")


@frozen
class Location:
    """A SQLite file, with ``synchronous`` and ``patience`` of ``pegboard_stores.sqlite``."""

    file: Path
    synchronous: str
    patience: float | None


def locate(uri: uris.Uri, *, synchronous: str) -> Location:
    """Return what a ``sqlite:`` or ``file:`` URI or a plain path names.

    A path that ends in .db, .sqlite or .sqlite3, or is a file, is the SQLite file; any other is a
    directory that holds ``pegboard.db``. ``sqlite:`` always names the file. ``synchronous`` holds
    unless the URI says otherwise. ConfigError for parameters that are unknown or wrong.
    """
    path = uri.local_path()
    named = uri.scheme == "sqlite" or path.suffix.lower() in _FILE_ENDINGS
    # Unlike Path.is_file this raises no error if the directory may not be entered.
    is_file = named or os.path.isfile(path)  # noqa: PTH113
    unknown = set(uri.query) - _PARAMETERS
    if unknown:
        raise ConfigError(
            f"{uri.text!r} has the unknown parameter {', '.join(sorted(unknown))}.",
            hint=f"Known are: {', '.join(sorted(_PARAMETERS))}.",
        )
    chosen = uri.query.get("synchronous", synchronous)
    if chosen not in ("normal", "full"):
        raise ConfigError(
            f"synchronous = {chosen!r} is not known.",
            hint="Use 'normal' (survives the death of a process) or 'full' (a power cut too).",
        )
    patience = _seconds(uri.query["patience"]) if "patience" in uri.query else None
    return Location(path if is_file else path / DEFAULT_FILE, chosen, patience)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise ConfigError(f"patience = {text!r} is not a number of seconds.")
