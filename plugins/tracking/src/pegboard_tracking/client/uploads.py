"""Big files in parts: what has arrived is not sent again, also not by another process.

The client hashes what it reads, and names the SHA-256 of each part and of the whole when it
completes an upload. The server makes a file of the parts only if it finds the same, so whatever
another process sent is part of it only if it is what the file holds now.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from attrs import evolve, frozen
from pegboard.errors import NotFound, NotSupported, PegboardError
from pegboard_stores.uploads import MAX_PARTS
from pegboard_wire.client import errors
from pegboard_wire.client.bodies import Part
from pegboard_wire.scalars import integer, items, message, string

from pegboard_tracking.client import upload_notes
from pegboard_tracking.client.upload_notes import Begun, Note
from pegboard_tracking.wire.artifacts import PROXY

if TYPE_CHECKING:
    from hashlib import _Hash

    from pegboard_wire.client.connection import Connection

_BASE = f"{PROXY}/mpu"
_TRIES = 3
"""How often an upload is completed whose answer is lost."""


def send(connection: Connection, path: str, content: BinaryIO, size: int) -> bool:
    """Send a file, from where it stands, to a path behind a server.

    Returns False if the server does not take it so. What broke off is taken up again, each part as
    patiently as any other request. An upload of the same file to the same path that another
    process began, and did not live to end, is gone on with.
    """
    try:
        if not posixpath.dirname(path) or not connection.abilities().resumable_uploads:
            return False
    except errors.Unreachable:
        # Sending the file as a whole would wait for the server as well.
        return False
    source = _Source(content, content.tell(), size)
    file, length = source.identity(), max(connection.options.part_bytes, -(-size // MAX_PARTS))
    if file is None or size <= length:
        return _send_anew(_Upload.at(connection, path), source, length, None)
    with upload_notes.held(connection.server.url, path) as note:
        begun = None if note is None else note.begun
        if note is not None and begun is not None:
            earlier = _Upload.at(connection, path, begun.upload_id)
            if begun.file == file and _send_rest(earlier, source, begun.part_bytes, note):
                return True
            earlier.abort()
            note.forget()
        return _send_anew(_Upload.at(connection, path), source, length, note)


def _send_anew(upload: _Upload, source: _Source, length: int, note: Note | None) -> bool:
    """Send all of a file; False if the server takes no parts."""
    try:
        upload = upload.begin()
    except (NotFound, NotSupported, errors.UnknownPath):
        return False
    file = source.identity()
    if note is not None and file is not None:
        note.keep(Begun(upload.id, length, file))
    with _given_up(upload, note):
        upload.complete(*upload.fill(source, length, {}), source.size)
    if note is not None:
        note.forget()
    return True


def _send_rest(upload: _Upload, source: _Source, length: int, note: Note) -> bool:
    """Send what has not arrived.

    False if the server does not know the upload any more, or the file is changed meanwhile: then
    parts may be those of before and others those of after.
    """
    file = source.identity()
    try:
        arrived = upload.arrived()
        with _given_up(upload, note):
            parts, digest = upload.fill(source, length, arrived)
            if source.identity() != file:
                return False
            upload.complete(parts, digest, source.size)
    except NotFound:
        return False
    note.forget()
    return True


@contextmanager
def _given_up(upload: _Upload, note: Note | None) -> Iterator[None]:
    """Give an upload up that fails, unless another process may go on with it."""
    try:
        yield
    except (errors.Unreachable, errors.AccessDenied):
        # The server forgets it in time.
        raise
    except BaseException as error:
        if note is None or isinstance(error, Exception):
            upload.abort()
            if note is not None:
                note.forget()
        raise


@frozen
class _Source:
    """The bytes of a file that are sent."""

    content: BinaryIO
    start: int
    size: int

    def identity(self) -> upload_notes.Identity | None:
        return upload_notes.identity(self.content, self.start, self.size)

    def parts(self, length: int, whole: _Hash) -> Iterator[_HashedPart]:
        """Yield the parts; ``whole`` is updated with what is read of them."""
        for offset in range(0, self.size, length):
            size = min(length, self.size - offset)
            yield _HashedPart(self.content, self.start + offset, size, whole)


class _HashedPart(Part):
    """A part whose bytes are hashed as they are read: once, however often it is sent."""

    def __init__(self, content: BinaryIO, start: int, length: int, whole: _Hash) -> None:
        super().__init__(content, start, length)
        self._hash = hashlib.sha256()
        self._whole = whole
        self._hashed = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``."""
        position = self.tell()
        data = super().read(size)
        if new := data[self._hashed - position :]:
            self._hash.update(new)
            self._whole.update(new)
            self._hashed += len(new)
        return data

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal digits; what was not sent is read."""
        self.seek(self._hashed)
        for _ in self:
            pass
        return self._hash.hexdigest()


@frozen
class _Upload:
    """An upload of a file to a directory."""

    connection: Connection
    directory: str
    name: str
    id: str = ""

    @classmethod
    def at(cls, connection: Connection, path: str, upload_id: str = "") -> _Upload:
        return cls(connection, *posixpath.split(path), upload_id)

    def call(self, action: str, **fields: Any) -> dict[str, Any]:
        return self.connection.call(
            "POST",
            f"{_BASE}/{action}/{quote(self.directory)}",
            {"path": self.name, "upload_id": self.id, **fields},
        )

    def begin(self) -> _Upload:
        answer = self.call("create", num_parts=1)
        return evolve(self, id=str(answer["upload_id"]))

    def fill(
        self, source: _Source, length: int, arrived: Mapping[int, str]
    ) -> tuple[list[dict[str, Any]], str]:
        """Send the parts that have not arrived; return what names each, and the whole's SHA-256."""
        whole, parts = hashlib.sha256(), []
        for number, part in enumerate(source.parts(length, whole), start=1):
            if number not in arrived or part.digest() != arrived[number]:
                part.seek(0)
                self.put(number, part)
            parts.append({"part_number": number, "etag": f'"{part.digest()}"'})
        return parts, whole.hexdigest()

    def put(self, number: int, part: Part) -> None:
        """Send a part."""
        response = self.connection.send(
            "PUT",
            f"{_BASE}/part",
            params={"upload_id": self.id, "part_number": number},
            data=part,
            headers={"Content-Type": "application/octet-stream"},
        )
        if response.status_code != 200:
            raise self.connection.error_of(response)

    def complete(self, parts: list[dict[str, Any]], digest: str, size: int) -> None:
        """Make a file of the parts, if that is one of this SHA-256."""
        lost = False
        for tries_left in reversed(range(_TRIES)):
            try:
                self.call("complete", parts=parts, sha256=digest)
            except NotFound:
                # A try before this one took longer than we waited for its answer.
                if not lost or self.stored_size() != size:
                    raise
                return
            except errors.Unreachable as error:
                if not error.maybe_done or not tries_left:
                    raise
                lost = True
                if self.is_forgotten():
                    if self.stored_size() != size:
                        raise
                    return
            else:
                return

    def arrived(self) -> dict[int, str]:
        """Return the numbers and the SHA-256 of the parts that the server has; NotFound."""
        answer = self.connection.call("GET", f"{_BASE}/parts", {"upload_id": self.id})
        found = {}
        for item in items(answer.get("parts"), "parts"):
            part = message(item, "parts")
            number = integer(part.get("part_number"), "part_number")
            found[number] = string(part.get("etag"), "etag").strip('"')
        return found

    def is_forgotten(self) -> bool:
        """Whether the server does not know the upload any more, as it is complete."""
        try:
            self.arrived()
        except NotFound:
            return True
        return False

    def stored_size(self) -> int | None:
        """Return the size of the file as it is stored."""
        listed = self.connection.call("GET", f"{PROXY}/artifacts", {"path": self.directory})
        found = (file for file in listed.get("files") or () if file.get("path") == self.name)
        return next((int(file.get("file_size") or 0) for file in found), None)

    def abort(self) -> None:
        try:
            self.call("abort")
        except PegboardError:
            # What went wrong before is what there is to say.
            return
