"""The journal of calls: an append-only file of each process, in front of tables and ledgers.

A call is written down before it is sent and when it is over, each with one ``write`` and no fsync:
what is written survives the death of the process. A call that is over stays in the journal until
its counters are settled and its record is in the table. Who finds the journal of a dead process
does for it what was left (``control.recovery``).

File: the bytes ``PEGCALL1``, then entries. Entry: length and CRC-32 of the body as two uint32, then
the body, a JSON array: what it is, the call, and

====== ==========================================================================================
BEGIN  a row of what is known (``control.rows``), and the charges of the admission
MORE   what the attempt before took (null if it is the first), what this one may cost (null: nobody
       knows its price), its charges
END    the record's row (null: the call came to nothing), and per reservation its charges, settled
====== ==========================================================================================

A charge is an array: counter, start and end of the window in milliseconds, amount.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from attrs import define, field
from pegboard.errors import translate_os_error

from pegboard_gateway.control.rows import Row

MAGIC = b"PEGCALL1"
SUFFIX = ".calls"
BEGIN, MORE, END = 0, 1, 2
ROTATE_BYTES = 4 << 20
"""A file longer than this is followed by a new one."""

Charged: TypeAlias = "tuple[str, int, int, int] | list[Any]"
"""Counter, start and end of the window, amount."""

_HEAD = struct.Struct("<II")


@define(eq=False)
class _File:
    """One file, and the calls that ended in it and are not done."""

    path: Path
    descriptor: int
    size: int = len(MAGIC)
    open_ends: set[str] = field(factory=set)


class Journal:
    """The journal of this process. It is used by one thread; only ``done`` is for others too."""

    def __init__(self, directory: Path) -> None:
        """Make a file in a directory, which is made too; StoreError if that fails."""
        self._directory = directory
        self._id = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._begun: dict[str, bytes] = {}
        """By call what is to be written with its first attempt."""
        self._running: dict[str, bytes] = {}
        """By call what was written of it and is not over."""
        self._files: list[_File] = []
        self._start_file()

    @property
    def id(self) -> str:
        """The name of this process among all that write here: 16 hexadecimal digits."""
        return self._id

    def begin(self, call: str, row: Row, charges: Sequence[Charged], *, now: bool) -> None:
        """Write a call down that is, or is about to be, admitted.

        Without ``now`` it is written with its first attempt: before, nothing was done for it that
        outlives this process.
        """
        entry = _entry([BEGIN, call, row, charges])
        if now:
            self._append(entry)
            self._running[call] = entry
        else:
            self._begun[call] = entry

    def more(
        self, call: str, before: int | None, cost: int | None, charges: Sequence[Charged]
    ) -> None:
        """Write an attempt down that is about to be made."""
        entry = self._begun.pop(call, b"") + _entry([MORE, call, before, cost, charges])
        self._append(entry)
        self._running[call] = self._running.get(call, b"") + entry

    def end(self, call: str, row: Row | None, reservations: Sequence[Sequence[Charged]]) -> None:
        """Write down that a call is over."""
        if self._files[-1].size > ROTATE_BYTES:
            self._start_file()
        self._append(_entry([END, call, row, reservations]))
        self._begun.pop(call, None)
        self._running.pop(call, None)
        self._files[-1].open_ends.add(call)

    def done(self, calls: Iterable[str]) -> None:
        """Forget calls whose counters are settled and whose records are in the table."""
        files = list(self._files)
        done = set(calls)
        for file in files:
            file.open_ends.difference_update(done)
        for file in files[:-1]:
            if not file.open_ends:
                self._remove(file)

    def close(self) -> None:
        """Remove what nobody needs any more; the rest is found by the next process."""
        for file in list(self._files):
            if file.open_ends or (self._running and file is self._files[-1]):
                self._files.remove(file)
                os.close(file.descriptor)
            else:
                self._remove(file)

    def _append(self, data: bytes) -> None:
        file = self._files[-1]
        try:
            written = os.write(file.descriptor, data)
        except OSError as error:
            raise translate_os_error(error, file.path) from error
        if written != len(data):
            # The disk filled up amid the entry: take back its first part.
            os.ftruncate(file.descriptor, file.size)
            raise translate_os_error(OSError(28, ""), file.path)
        file.size += written

    def _start_file(self) -> None:
        """Go on in a new file, with what is known of the calls that still run."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            path = self._directory / f"{self._id}-{next(self._numbers):08}{SUFFIX}"
            descriptor = _create(path, MAGIC + b"".join(self._running.values()))
        except OSError as error:
            raise translate_os_error(error, self._directory) from error
        self._files.append(_File(path, descriptor, os.fstat(descriptor).st_size))
        self.done(())

    def _remove(self, file: _File) -> None:
        # Another thread may have removed it at the same time.
        with contextlib.suppress(ValueError):
            self._files.remove(file)
            file.path.unlink(missing_ok=True)
            os.close(file.descriptor)


def _create(path: Path, data: bytes) -> int:
    """Create a file with its first bytes, locked: it gets its name when that is done."""
    hidden = path.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(hidden, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write_all(descriptor, data)
        hidden.rename(path)
    except BaseException:
        os.close(descriptor)
        hidden.unlink(missing_ok=True)
        raise
    return descriptor


def _write_all(descriptor: int, data: bytes) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(28, "")


def _entry(body: list[Any]) -> bytes:
    data = orjson.dumps(body)
    return _HEAD.pack(len(data), zlib.crc32(data)) + data


def read(data: bytes) -> Iterator[list[Any]]:
    """Yield the entries of a file, up to its end or to where it is damaged.

    The last entry of a process that was killed may be cut.
    """
    if not data.startswith(MAGIC):
        return
    at = len(MAGIC)
    while at + _HEAD.size <= len(data):
        length, check = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(body) < length or zlib.crc32(body) != check:
            return
        yield orjson.loads(body)
        at += _HEAD.size + length
