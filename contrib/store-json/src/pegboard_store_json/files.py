"""A mapping whose values are JSON files, and a lock for the directory they are in."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import IO, Generic, TypeVar

import cattrs
from pegboard.errors import InvalidValue, StoreCorrupt, translate_os_error
from pegboard_stores.directories import make_store_directory

T = TypeVar("T")

MAX_KEY = 200
"""File systems allow 255 bytes for a file's name."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class JsonFiles(MutableMapping[str, T], Generic[T]):
    """One file per record; its name is the key.

    A record is written beside its file and then takes the file's place, so that a reader, or a
    process that starts after a crash, finds the old record or the new one, never half of one.
    """

    def __init__(self, directory: Path, kind: type[T], *, indent: int, fsync: bool) -> None:
        self._directory = directory
        self._kind = kind
        self._indent = indent or None
        self._fsync = fsync
        try:
            make_store_directory(directory)
        except OSError as error:
            raise translate_os_error(error, directory) from error

    def __getitem__(self, key: str) -> T:
        file = self._file(key)
        try:
            return cattrs.structure(json.loads(file.read_bytes()), self._kind)
        except FileNotFoundError:
            raise KeyError(key) from None
        except OSError as error:
            raise translate_os_error(error, file) from error
        except (ValueError, cattrs.BaseValidationError) as error:
            raise StoreCorrupt(
                f"{file} is damaged.", hint="Repair it in an editor, or remove it."
            ) from error

    def __setitem__(self, key: str, record: T) -> None:
        try:
            file = self._file(key)
        except KeyError:
            raise InvalidValue(
                f"This store cannot keep the id {key[:60]!r}.",
                hint=f"An id is of letters, digits, '_' and '-', {MAX_KEY} at most.",
            ) from None
        draft = file.with_suffix(".draft")
        text = json.dumps(cattrs.unstructure(record), indent=self._indent)
        try:
            draft.write_text(text, encoding="utf-8")
            if self._fsync:
                _sync(draft)
            draft.replace(file)
            if self._fsync:
                _sync(self._directory)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise translate_os_error(error, file) from error

    def __delitem__(self, key: str) -> None:
        file = self._file(key)
        try:
            file.unlink()
        except FileNotFoundError:
            raise KeyError(key) from None
        except OSError as error:
            raise translate_os_error(error, file) from error

    def __iter__(self) -> Iterator[str]:
        try:
            files = [file for file in self._directory.iterdir() if file.suffix == ".json"]
        except OSError as error:
            raise translate_os_error(error, self._directory) from error
        return iter(sorted(file.stem for file in files))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _file(self, key: str) -> Path:
        # Keys come from outside: what could be a path is the name of no record.
        if not _KEY.fullmatch(key) or len(key) > MAX_KEY:
            raise KeyError(key)
        return self._directory / f"{key}.json"


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DirectoryLock:
    """A lock for one thread of one process at a time, which that thread may take again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._threads = threading.RLock()
        self._depth = 0
        self._stream: IO[str] | None = None

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            if self._depth == 0:
                self._stream = _locked(self._file)
        except BaseException:
            # ``__exit__`` does not run after a failure here, so the lock would stay taken.
            self._threads.release()
            raise
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._stream is not None:
            self._stream.close()
        self._threads.release()


def _locked(file: Path) -> IO[str]:
    """Open a file and wait until no other process has it locked; closing it unlocks it."""
    try:
        stream = file.open("a")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
        except BaseException:
            stream.close()
            raise
    except OSError as error:
        raise translate_os_error(error, file) from error
    return stream
