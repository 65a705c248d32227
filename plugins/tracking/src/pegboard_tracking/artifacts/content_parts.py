"""Uploads in parts, which arrive in any order and may be taken up again after a break."""

from __future__ import annotations

import builtins
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from pegboard.errors import InvalidValue, NotFound
from pegboard_stores.uploads import MAX_PARTS, Part, PartUploads

from pegboard_tracking.artifacts.content import Content, IncomingFile

_ID = re.compile(r"[A-Za-z0-9_-]{32}")
_PART = re.compile(r"(\d{5})-([0-9a-f]{64})")
_TARGET = "target"
_COPY_BYTES = 1 << 20


class Parts(PartUploads):
    """The uploads in parts below a directory of files."""

    def __init__(self, content: Content, begin: Callable[[str], IncomingFile]) -> None:
        """Use the content of a directory; ``begin`` begins a file of a path in it."""
        self._content = content
        self._begin = begin

    def create(self, path: str) -> str:
        """Begin the upload of the file ``path``; return its id."""
        # Refuses what cannot be written there.
        self._begin(path).discard()
        upload_id = secrets.token_urlsafe(24)
        directory = self._content.incoming / upload_id
        directory.mkdir(mode=0o700, parents=True)
        (directory / _TARGET).write_text(path, encoding="utf-8")
        return upload_id

    def path_of(self, upload_id: str) -> str:
        """Return the path of the file that an upload is for; NotFound."""
        try:
            return (self._directory(upload_id) / _TARGET).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise _unknown() from None

    def receive(self, upload_id: str, number: int) -> IncomingFile:
        """Begin a part of an upload."""
        if not 1 <= number <= MAX_PARTS:
            raise InvalidValue(f"The number of a part is {number}, not from 1 to {MAX_PARTS}.")
        self.path_of(upload_id)
        place = partial(self._keep, upload_id, number)
        return self._content.receive(place, self._directory(upload_id))

    def _keep(self, upload_id: str, number: int, received: IncomingFile) -> None:
        received.close()
        old = [file for part, file in self._arrived(upload_id) if part.number == number]
        target = received.path.with_name(f"{number:05}-{received.digest}")
        try:
            received.path.replace(target)
        except FileNotFoundError:
            raise _unknown() from None
        for file in old:
            if file != target:
                file.unlink(missing_ok=True)

    def list(self, upload_id: str) -> builtins.list[Part]:
        """Return the parts that have arrived, in order."""
        return [part for part, _ in self._arrived(upload_id)]

    def _arrived(self, upload_id: str) -> builtins.list[tuple[Part, Path]]:
        self.path_of(upload_id)
        found = []
        for file in sorted(self._directory(upload_id).iterdir()):
            if match := _PART.fullmatch(file.name):
                found.append((Part(int(match[1]), match[2], file.stat().st_size), file))
        return found

    def complete(
        self, upload_id: str, wanted: Sequence[tuple[int, str | None]], digest: str | None = None
    ) -> str:
        """Make the file of the parts with these numbers and digests; return its SHA-256."""
        path = self.path_of(upload_id)
        whole = self._joined(path, self._chosen(upload_id, wanted), digest)
        whole.keep()
        self.remove(upload_id)
        return whole.digest

    def _chosen(
        self, upload_id: str, wanted: Sequence[tuple[int, str | None]]
    ) -> builtins.list[Path]:
        parts = {part.number: (part, file) for part, file in self._arrived(upload_id)}
        chosen: dict[int, Path] = {}
        for number, named in sorted(wanted, key=lambda item: item[0]):
            part, file = parts.get(number, (None, None))
            if part is None or file is None or named not in (None, part.digest):
                what = "has not arrived" if part is None else "is another than the one named"
                raise InvalidValue(
                    f"Part {number} of the upload {what}.", hint="Send this part again."
                )
            chosen[number] = file
        if not chosen or len(chosen) != len(wanted):
            raise InvalidValue("An upload is completed by naming each of its parts once.")
        return [*chosen.values()]

    def _joined(self, path: str, parts: Sequence[Path], digest: str | None) -> IncomingFile:
        whole = self._begin(path)
        try:
            for piece in _pieces(parts):
                whole.write(piece)
            _check_digest(whole, digest)
        except FileNotFoundError:
            # Completed or given up by another request just now.
            whole.discard()
            raise _unknown() from None
        except BaseException:
            whole.discard()
            raise
        return whole

    def remove(self, upload_id: str) -> None:
        """Forget an upload and its parts; nothing happens if it is unknown."""
        shutil.rmtree(self._directory(upload_id), ignore_errors=True)

    def _directory(self, upload_id: str) -> Path:
        if _ID.fullmatch(upload_id) is None:
            raise _unknown()
        return self._content.incoming / upload_id


def _pieces(parts: Sequence[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as stream:
            while piece := stream.read(_COPY_BYTES):
                yield piece


def _check_digest(whole: IncomingFile, digest: str | None) -> None:
    if digest not in (None, whole.digest):
        raise InvalidValue(
            "The parts of the upload make up another file than the SHA-256 says; nothing was kept.",
            hint="Send the file again.",
        )


def _unknown() -> NotFound:
    return NotFound(
        "There is no such upload: it was completed, aborted, or given up for too long.",
        hint="Begin a new one.",
    )
