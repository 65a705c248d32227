"""Big files in parts: after a break only the part is sent again that was on its way."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from attrs import frozen
from pegboard.errors import NotFound, NotSupported, PegboardError

from pegboard_tracking.content_parts import MAX_PARTS
from pegboard_tracking.rest import errors
from pegboard_tracking.rest.bodies import Part
from pegboard_tracking.wire.artifacts import PROXY

if TYPE_CHECKING:
    from pegboard_tracking.rest.connection import Connection

_BASE = f"{PROXY}/mpu"
_TRIES = 3
"""How often an upload is completed whose answer is lost."""


def send(connection: Connection, path: str, content: BinaryIO, size: int) -> bool:
    """Send a file, from where it stands, to a path behind a server.

    Returns False if the server does not take it so. What broke off is taken up again, each part as
    patiently as any other request.
    """
    try:
        if not posixpath.dirname(path) or not connection.abilities().resumable_uploads:
            return False
    except errors.Unreachable:
        # Whoever sends the file whole waits for the server as well.
        return False
    try:
        upload = _begin(connection, path)
    except (NotFound, NotSupported, errors.UnknownPath):
        return False
    start, length = content.tell(), max(connection.options.part_bytes, -(-size // MAX_PARTS))
    try:
        parts = [
            upload.put(number, Part(content, start + offset, min(length, size - offset)))
            for number, offset in enumerate(range(0, size, length), start=1)
        ]
        upload.complete(parts, size)
    except errors.Unreachable:
        # The server forgets it in time.
        raise
    except BaseException:
        upload.abort()
        raise
    return True


@frozen
class _Upload:
    """An upload that was begun."""

    connection: Connection
    directory: str
    name: str
    id: str

    def call(self, action: str, **fields: Any) -> dict[str, Any]:
        return self.connection.call(
            "POST",
            f"{_BASE}/{action}/{quote(self.directory)}",
            {"path": self.name, "upload_id": self.id, **fields},
        )

    def put(self, number: int, part: Part) -> dict[str, Any]:
        """Send a part; return what names it."""
        response = self.connection.send(
            "PUT",
            f"{_BASE}/part",
            params={"upload_id": self.id, "part_number": number},
            data=part,
            headers={"Content-Type": "application/octet-stream"},
        )
        if response.status_code != 200:
            raise errors.error_of(response, self.connection.server.url)
        return {"part_number": number, "etag": response.headers.get("ETag", "")}

    def complete(self, parts: list[dict[str, Any]], size: int) -> None:
        """Make a file of the parts."""
        for tries_left in reversed(range(_TRIES)):
            try:
                self.call("complete", parts=parts)
            except errors.Unreachable as error:
                if not error.maybe_done or not tries_left:
                    raise
                if self.is_forgotten():
                    if self.stored_size() != size:
                        raise
                    return
            else:
                return

    def is_forgotten(self) -> bool:
        """Whether the server does not know the upload any more, as it is complete."""
        try:
            self.connection.call("GET", f"{_BASE}/parts", {"upload_id": self.id})
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


def _begin(connection: Connection, path: str) -> _Upload:
    directory, name = posixpath.split(path)
    upload = _Upload(connection, directory, name, "")
    answer = upload.call("create", num_parts=1)
    return _Upload(connection, directory, name, str(answer["upload_id"]))
