"""Where journals for servers lie: in the user's directory for state, one directory per server."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_SERVER_FILE = "server"
_UNSAFE = re.compile(r"[^A-Za-z0-9.\-]+")
_MOST_OF_NAME = 80


def root(environ: Mapping[str, str] | None = None) -> Path:
    """Return the directory of all servers."""
    env = os.environ if environ is None else environ
    base = env.get("XDG_STATE_HOME") or Path(env.get("HOME") or "~").expanduser() / ".local/state"
    return Path(base) / "pegboard" / "journal"


def directory_of(url: str) -> Path:
    """Return the directory of a server's journals; it need not exist."""
    name = _UNSAFE.sub("_", url.partition("://")[2]).strip(".")[:_MOST_OF_NAME]
    return root() / f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def prepare(directory: Path, url: str) -> None:
    """Make a server's directory, for this user alone, and note whose it is."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(directory / _SERVER_FILE, url)


def known() -> Iterator[tuple[str, Path]]:
    """Yield the URL and the directory of each server that something was logged to."""
    base = root()
    if base.is_dir():
        for directory in sorted(base.iterdir()):
            file = directory / _SERVER_FILE
            if file.is_file():
                yield file.read_text(encoding="utf-8"), directory


def write(file: Path, text: str) -> None:
    """Write a small file: readers see the old text or the new."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
