"""Marks in the names of journals: on which machine and as whom a process logged.

A journal ``WRITER-MARK-NUMBER`` is taken over only by processes that make the same mark: they run
on the same machine, where its lock tells whether its writer lives, and call the server as the same
user. A mark is a keyed hash of both; the key lies beside the journals, for this user alone, so a
mark that others see tells nothing about a token.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_tracking.client import places
from pegboard_tracking.points import journal

if TYPE_CHECKING:
    from pegboard_wire.client.options import Options

_KEY_FILE = "key"
_KEY_BYTES = 32
_DIGEST_BYTES = 6


def mark_of(options: Options) -> str:
    """Return the mark of this machine and of who calls a server with these options."""
    facts = json.dumps([socket.gethostname(), *_caller(options)]).encode()
    return hashlib.blake2b(facts, digest_size=_DIGEST_BYTES, key=_key()).hexdigest()


def _caller(options: Options) -> tuple[object, ...]:
    """Return what tells one caller from another: not the password, which one user may change."""
    is_user = bool(options.username and options.password)
    who = ("user", options.username) if is_user else ("token", options.token)
    return (*who, sorted(options.headers.items()), options.client_certificate)


def name(writer: str, mark: str, number: int) -> str:
    """Return the name of a writer's journal."""
    return f"{writer}-{mark}-{number:08}"


def names(directory: Path, mark: str) -> list[str]:
    """Return the names of the journals in a directory that have a mark."""
    return [found for found in journal.names(directory) if found.split("-")[1:-1] == [mark]]


def _key() -> bytes:
    """Return the key of this user, made at the first use."""
    file = places.root() / _KEY_FILE
    try:
        return file.read_bytes()
    except FileNotFoundError:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = file.with_name(f"{_KEY_FILE}.{os.getpid()}.new")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(os.urandom(_KEY_BYTES))
    with contextlib.suppress(FileExistsError):
        # Unlike a rename, a link keeps the key of a process that was faster.
        os.link(made, file)
    made.unlink()
    return file.read_bytes()
