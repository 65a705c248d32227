"""Safe paths: relative, below their root, whatever the caller sent."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path, PurePath
from typing import TypeAlias
from urllib.parse import unquote

from pegboard.errors import InvalidValue, UnsafePath, quoted, with_article

RelativePath: TypeAlias = str | os.PathLike[str]
"""A path below some root: text with ``/`` between its parts, or a path object."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:(?:/|$)")
_DRIVE_ON_WINDOWS = re.compile(r"[A-Za-z]:")
"""``C:/x`` and ``C:`` are absolute on some machine that may read them, so they are refused on every
machine. ``c:x`` leaves its root only where Windows joins paths; elsewhere it is a file's name, such
as ``a:b.txt``. ``C:\\x`` holds a backslash, which is refused anyway."""


def text(path: RelativePath) -> str:
    """Return a path as text with ``/`` between its parts; InvalidValue if it is not a path."""
    if isinstance(path, str):
        return path
    if isinstance(path, PurePath):
        return path.as_posix()
    if isinstance(path, os.PathLike):
        found: object = os.fspath(path)
        if isinstance(found, str):
            return found.replace(os.sep, "/")
    raise InvalidValue(
        f"The path is {quoted(path)}, {with_article(type(path).__name__)}, not text.",
        hint="Pass text with '/' between its parts, or a pathlib.Path.",
    )


def safe_relative(path: RelativePath) -> str:
    """Return a relative path in normal form; UnsafePath if it could leave its root.

    Refused are absolute paths, drive letters, ``..`` parts, backslashes, control characters, and
    any of these hidden behind percent-encoding, however often it was applied.
    """
    path = text(path)
    decoded = path
    for _ in range(8):
        # In normal form too, since './~' reads as '~' there.
        for read in (decoded, posixpath.normpath(decoded)):
            _refuse_climbing(path, read)
        once_more = unquote(decoded)
        if once_more == decoded:
            break
        decoded = once_more
    else:
        raise UnsafePath(f"The path {path!r} is percent-encoded too often.")
    normal = posixpath.normpath(path) if path else ""
    return "" if normal == "." else normal


def _refuse_climbing(original: str, path: str) -> None:
    drive, reason = _DRIVE_ON_WINDOWS if os.name == "nt" else _DRIVE, ""
    if _CONTROL.search(path):
        reason = "holds a control character"
    elif "\\" in path:
        reason = "holds a backslash"
    elif path.startswith(("/", "~")) or drive.match(path) or path.lower().startswith("file:"):
        reason = "is not relative"
    elif ".." in path.split("/"):
        reason = "climbs with '..'"
    if reason:
        raise UnsafePath(
            f"The path {original!r} {reason}.",
            hint="Use a relative path with '/' between its parts.",
        )


def below(root: Path, path: str) -> Path:
    """Return ``root/path``; UnsafePath if it could leave ``root``, through links too."""
    relative = safe_relative(path)
    target = root / relative
    try:
        resolved, resolved_root = target.resolve(), root.resolve()
    except (OSError, RuntimeError):
        raise UnsafePath(f"The links in the path {path!r} lead to no end.") from None
    if resolved != resolved_root and resolved_root not in resolved.parents:
        # The place of the root may be confidential.
        raise UnsafePath(f"The path {path!r} leads out of its directory through a link.")
    return target
