"""What ``pegboard doctor`` checks for the stores on this machine: SQLite, and where files lie."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard import uris
from pegboard.hookspecs import FAIL, OK, WARN, Finding
from pegboard_stores.formats import size

if TYPE_CHECKING:
    from pegboard.host import Host

_LEAST_SQLITE = (3, 37, 0)
"""The first with STRICT tables."""
_LITTLE_SPACE, _NO_SPACE = 1_000_000_000, 20_000_000
"""Free bytes below which to warn, and below which to call it a fault."""


def findings(host: Host) -> Iterator[Finding]:
    """Yield what was found about SQLite, and about the place of the configured store."""
    yield _sqlite()
    uri = uris.parse(host.config.pegboard.tracking_uri)
    if uri.scheme in ("sqlite", "file", uris.PLAIN_PATH):
        yield from _medium(uri.local_path())


def _sqlite() -> Finding:
    fine = sqlite3.sqlite_version_info >= _LEAST_SQLITE
    least = ".".join(map(str, _LEAST_SQLITE))
    advice = "" if fine else f"The store needs {least} or newer: use a newer Python or system."
    return Finding("sqlite", OK if fine else FAIL, sqlite3.sqlite_version, advice)


def _medium(path: Path) -> Iterator[Finding]:
    """Check what a local store lies on: may it be written, is there space."""
    directory = next(place for place in (path, *path.parents) if place.is_dir())
    fault = _write_fault(directory, path)
    if fault:
        yield Finding(
            "store directory", FAIL, fault, "Check permissions and owner, or choose another store."
        )
    else:
        yield Finding("store directory", OK, f"{directory} can be written")
    free = shutil.disk_usage(directory).free
    text = f"{size(free)} free on the disk of {directory}"
    if free >= _LITTLE_SPACE:
        yield Finding("disk space", OK, text)
    else:
        advice = "Free some space, for instance with 'pegboard gc'."
        yield Finding("disk space", FAIL if free < _NO_SPACE else WARN, text, advice)


def _write_fault(directory: Path, file: Path) -> str:
    """Say why a store cannot be written; "" if it can be.

    Writes a file to the directory, since permission bits do not show read-only disks.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".pegboard-doctor-"):
            pass
    except OSError as error:
        return f"{directory} cannot be written: {error.strerror}"
    if file.is_file() and not os.access(file, os.W_OK):
        return f"{file} cannot be written: no permission"
    return ""
