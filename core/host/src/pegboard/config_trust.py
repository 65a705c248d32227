"""Which of the configuration files that were found may be used: those that only we can have made.

A file in a directory above the working directory decides where runs go, and credentials with them.
If another user put it there, it would say so for everybody who works below. As git does with
repositories (safe.directory), such a file is not used until its path is given.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

_told: set[Path] = set()
"""The files of which was said that they are not used: once is enough."""


def distrust(file: Path, environ: Mapping[str, str]) -> str:
    """Return why a file that was found is not to be trusted, "" if it is.

    Its owner, and that of a link to it, has to be the user of this process or root, who can do all
    that the file could; under sudo, also the user who called it. Neither the file nor its directory
    may be open for all to write, unless the directory keeps files from being replaced (the sticky
    bit, as on /tmp). A directory that a group may write to is trusted: somebody set it up so.
    """
    if not hasattr(os, "geteuid"):
        return ""
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0 and environ.get("SUDO_UID", "").isdecimal():
        trusted.add(int(environ["SUDO_UID"]))
    try:
        found = [file.lstat(), file.stat()]
        directories = {place: place.stat() for place in (file.parent, file.resolve().parent)}
    except OSError as error:
        return f"it cannot be examined ({error.strerror})"
    for status in found:
        if status.st_uid not in trusted:
            return f"it belongs to another user ({_user(status.st_uid)})"
    if found[1].st_mode & stat.S_IWOTH:
        return "every user may write to it"
    for place, status in directories.items():
        if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            return f"every user may replace it, as {place} is open for all to write"
    return ""


def tell(file: Path, why: str) -> None:
    """Say once, on the standard error, that a file is not used, why, and how to trust it."""
    if file in _told:
        return
    _told.add(file)
    print(
        f"pegboard: {file} is not used: {why}. If you trust it, set PEGBOARD_CONFIG={file}",
        file=sys.stderr,
    )


def _user(uid: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(uid).pw_name}, uid {uid}"
    except KeyError:
        return f"uid {uid}"
