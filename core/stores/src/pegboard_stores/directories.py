"""The directories of stores: whose they are when a store makes them."""

from __future__ import annotations

import stat
from pathlib import Path


def make_store_directory(path: Path) -> None:
    """Make a directory for a store, with those above it; nothing happens if it is there.

    A new directory is open to its owner alone, whatever the umask says: it holds command lines and
    unpublished changes. In a directory that people share, which a group may write to or which
    passes its group on, the umask decides. A directory for everybody's files, such as ``/tmp``,
    does not count as shared. Files inside follow the umask, so that opening the directory shares
    them all.
    """
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    if not missing:
        return
    mode = path.stat().st_mode
    is_shared = mode & (stat.S_IWGRP | stat.S_ISGID) and not mode & stat.S_ISVTX
    missing[-1].mkdir(0o777 if is_shared else 0o700, exist_ok=True)
    missing[0].mkdir(parents=True, exist_ok=True)
