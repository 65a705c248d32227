"""Uploads in parts, which arrive in any order and may be taken up again after a break."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import frozen
from pegboard.errors import InvalidValue, NotFound

from pegboard_tracking.artifacts.content import Content, Incoming

MAX_PARTS = 10_000

_ID = re.compile(r"[A-Za-z0-9_-]{32}")
_PART = re.compile(r"(\d{5})-([0-9a-f]{64})")
_TARGET = "target"
_COPY_BYTES = 1 << 20


@frozen
class Part:
    """A part that has arrived; the SHA-256 is in hexadecimal digits."""

    number: int
    digest: str
    size: int
    file: Path


class Parts:
    """The uploads in parts below a directory of files.

    The id of an upload is a secret: who knows it may send parts.
    """

    def __init__(self, content: Content) -> None:
        self._content = content

    def create(self, path: str) -> str:
        """Begin the upload of the file ``path``; return its id."""
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

    def receive(self, upload_id: str) -> Incoming:
        """Begin a part of an upload."""
        self.path_of(upload_id)
        return self._content.receive(self._directory(upload_id))

    def keep(self, received: Incoming, upload_id: str, number: int) -> None:
        """Make what was received a part of an upload, in place of an earlier one."""
        if not 1 <= number <= MAX_PARTS:
            raise InvalidValue(f"The number of a part is {number}, not from 1 to {MAX_PARTS}.")
        received.close()
        old = [part.file for part in self.list(upload_id) if part.number == number]
        target = received.path.with_name(f"{number:05}-{received.digest}")
        try:
            received.path.replace(target)
        except FileNotFoundError:
            raise _unknown() from None
        for file in old:
            if file != target:
                file.unlink(missing_ok=True)

    def list(self, upload_id: str) -> list[Part]:
        """Return the parts that have arrived, in order."""
        self.path_of(upload_id)
        found = []
        for file in sorted(self._directory(upload_id).iterdir()):
            if match := _PART.fullmatch(file.name):
                found.append(Part(int(match[1]), match[2], file.stat().st_size, file))
        return found

    def join(
        self, upload_id: str, wanted: Sequence[tuple[int, str | None]], digest: str | None = None
    ) -> Incoming:
        """Return the whole, of the parts with these numbers and digests (None: not given).

        InvalidValue if one has not arrived as it should have, or the whole has another ``digest``;
        the parts stay where they are.
        """
        parts = {part.number: part for part in self.list(upload_id)}
        chosen = []
        for number, named in sorted(wanted, key=lambda item: item[0]):
            part = parts.get(number)
            if part is None or named not in (None, part.digest):
                what = "has not arrived" if part is None else "is another than the one named"
                raise InvalidValue(
                    f"Part {number} of the upload {what}.", hint="Send this part again."
                )
            chosen.append(part)
        if not chosen or len({part.number for part in chosen}) != len(wanted):
            raise InvalidValue("An upload is completed by naming each of its parts once.")
        whole = self._content.receive()
        try:
            for piece in _pieces(chosen):
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


def _pieces(parts: Sequence[Part]) -> Iterator[bytes]:
    for part in parts:
        with part.file.open("rb") as stream:
            while piece := stream.read(_COPY_BYTES):
                yield piece


def _check_digest(whole: Incoming, digest: str | None) -> None:
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
