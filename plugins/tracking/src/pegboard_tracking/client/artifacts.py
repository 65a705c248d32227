"""Artifacts behind a server: the client of MLflow's artifact proxy."""

from __future__ import annotations

import builtins
import io
import posixpath
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import quote, unquote, urlsplit

from pegboard import uris
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.entities import FileInfo
from pegboard.errors import InvalidValue, NotFound, UnknownScheme
from pegboard.paths import safe_relative
from pegboard_wire.client import bodies, errors
from pegboard_wire.client.connection import FILES, Connection, connect, connect_to_found
from pegboard_wire.client.options import Server, without_user
from pegboard_wire.pages import read_page

from pegboard_tracking.wire import codec

if TYPE_CHECKING:
    import requests
    from _typeshed import WriteableBuffer
    from pegboard.uris import Uri

    from pegboard_tracking.settings import Settings

ENDPOINT = FILES

_PIECE = 1 << 20
_NO_FILE = (400, 404)
"""How servers answer the reading of something that is not there, or is a directory."""


def resolve(uri: str, server: Server, userinfo: str = "") -> str:
    """Return where the artifacts of a URI from a server can be read.

    ``mlflow-artifacts:/path`` is behind the server itself, so it gets the credentials; other URIs
    come back as they are.
    """
    parts = urlsplit(uri)
    if parts.scheme != uris.PROXIED:
        return uri
    host, path = parts.netloc or server.netloc, parts.path.strip("/")
    user = f"{userinfo}@" if userinfo and host == server.netloc else ""
    return f"{server.scheme}://{user}{host}{server.prefix}{ENDPOINT}/{path}".rstrip("/")


def open_proxied(uri: Uri, settings: Settings) -> HttpArtifactStore:
    """Open ``http(s)://SERVER/api/2.0/mlflow-artifacts/artifacts/PATH``.

    The creator of an experiment or a version chooses such a URI, so a server that the user did
    not name is sent no credentials.
    """
    base, mark, path = uri.text.partition(ENDPOINT)
    if not mark or (path and not path.startswith("/")):
        raise InvalidValue(
            f"{without_user(uri.text)!r} does not name artifacts behind a tracking server.",
            hint=f"Such a URI is https://HOST{ENDPOINT}/PATH.",
        )
    root = safe_relative(unquote(path.strip("/")))
    return HttpArtifactStore(connect_to_found(base, settings.http, settings.artifacts), root)


def open_relative(uri: Uri, settings: Settings) -> HttpArtifactStore:
    """Open ``mlflow-artifacts:/PATH``: behind the server that this process tracks to."""
    from pegboard_scripting.client import location

    tracking_uri = location.get_tracking_uri()
    if urlsplit(tracking_uri).scheme not in ("http", "https"):
        raise UnknownScheme(
            f"{uri.text!r} lies behind a tracking server, but runs are tracked to "
            f"{tracking_uri!r} here.",
            hint="Set the tracking URI to that of the server.",
        )
    connection = connect(tracking_uri, settings.http)
    there = resolve(uri.text, connection.server, connection.options.userinfo)
    return open_proxied(uris.parse(there), settings)


class HttpArtifactStore(ArtifactStore):
    """Files below a path of the artifact proxy of a tracking server."""

    def __init__(self, connection: Connection, root: str) -> None:
        """``root`` is the path, ``""`` for all the server keeps."""
        self._connection = connection
        self._root = root

    def write(self, path: str, content: BinaryIO) -> FileInfo:
        """Send a file, in pieces; a big one, if the server takes it so, in parts."""
        relative = _file_path(path)
        if not bodies.is_seekable(content):
            stream = bodies.Stream(content)
            self._put(relative, stream)
            return FileInfo(relative, is_dir=False, file_size=stream.count)
        start, whole = content.tell(), bodies.rest_of(content)
        if not self._sent_in_parts(relative, content, whole.len):
            content.seek(start)
            self._put(relative, whole)
        return FileInfo(relative, is_dir=False, file_size=whole.len)

    def _sent_in_parts(self, relative: str, content: BinaryIO, size: int) -> bool:
        if size < self._connection.options.parts_from:
            return False
        from pegboard_tracking.client import uploads

        place = posixpath.join(self._root, relative)
        return uploads.send(self._connection, place, content, size)

    def _put(self, relative: str, body: bodies.Part | bodies.Stream) -> None:
        response = self._connection.send(
            "PUT",
            self._url_path(relative),
            data=body,
            headers={"Content-Type": "application/octet-stream"},
        )
        self._check(response)

    def read(self, path: str, *, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file, or a range of its bytes, for reading; it comes in pieces."""
        if start < 0 or (end is not None and end < 0):
            raise InvalidValue(f"A range of bytes cannot begin or end before 0: {start} to {end}.")
        relative = _file_path(path)
        empty = end is not None and end <= start
        # For an empty range, ask for one byte to learn whether the file exists.
        last = start if empty else None if end is None else end - 1
        headers = {"Accept-Encoding": "identity"}
        if start or last is not None:
            headers["Range"] = f"bytes={start}-{'' if last is None else last}"
        response = self._connection.send(
            "GET", self._url_path(relative), headers=headers, stream=True
        )
        if response.status_code == 416:
            response.close()
            return io.BytesIO()
        if response.status_code in _NO_FILE:
            response.close()
            raise NotFound(f"There is no artifact {path!r} in {self._described}.")
        self._check(response)
        # A server that knows no ranges sends all of it.
        skipped = start if response.status_code == 200 else 0
        length = 0 if empty else None if end is None else end - start
        return io.BufferedReader(_Stream(response, self._connection, skipped, length), _PIECE)

    def list(self, path: str = "") -> builtins.list[FileInfo]:
        """Return what is directly below a directory."""
        relative = safe_relative(path)
        asked = posixpath.join(self._root, relative)
        response = self._connection.send("GET", ENDPOINT, params={"path": asked} if asked else {})
        if response.status_code == 404:
            return []
        self._check(response)
        found = []
        for item in read_page(errors.error_body(response), "files")[0]:
            file = codec.read_file(item)
            name = safe_relative(file.path)
            joined = posixpath.join(relative, name)
            # MLflow's servers leave out a size of 0.
            size = None if file.is_dir else file.file_size or 0
            found.append(FileInfo(joined, file.is_dir, size))
        if len(found) == 1 and self._is_file_itself(relative, found[0]):
            return []
        return sorted(found, key=lambda file: file.path)

    @staticmethod
    def _is_file_itself(relative: str, only: FileInfo) -> bool:
        """Whether a server answered the listing of a file with the file."""
        name = posixpath.basename(relative)
        return not only.is_dir and bool(name) and only.path == f"{relative}/{name}"

    def delete(self, path: str = "") -> int:
        """Remove a file, or all below a directory; return the bytes that it had."""
        relative = safe_relative(path)
        size = sum(file.file_size or 0 for file in self.walk(relative))
        response = self._connection.send("DELETE", self._url_path(relative))
        if response.status_code == 404:
            return 0
        self._check(response)
        return size

    def _url_path(self, relative: str) -> str:
        whole = posixpath.join(self._root, relative).rstrip("/")
        return f"{ENDPOINT}/{quote(whole)}"

    @property
    def _described(self) -> str:
        return uris.join(self._connection.server.url + ENDPOINT, self._root)

    def _check(self, response: requests.Response) -> None:
        if response.status_code not in (200, 201, 204, 206):
            with response:
                raise self._connection.error_of(response)


class _Stream(io.RawIOBase):
    """The body of an answer, without what comes before and after the range that is wanted."""

    def __init__(
        self, response: requests.Response, connection: Connection, skip: int, length: int | None
    ) -> None:
        self._response = response
        self._connection = connection
        self._skip = skip
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while self._skip:
            passed = len(self._take(min(self._skip, _PIECE)))
            if not passed:
                return 0
            self._skip -= passed
        wanted = len(view) if self._left is None else min(len(view), self._left)
        data = self._take(wanted) if wanted else b""
        view[: len(data)] = data
        if self._left is not None:
            self._left -= len(data)
        return len(data)

    def _take(self, size: int) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            return cast("bytes", self._response.raw.read(size, decode_content=True))
        except (HTTPError, OSError) as error:
            raise errors.unreachable(error, self._connection.server.url) from None

    def close(self) -> None:
        self._response.close()
        super().close()


def _file_path(path: str) -> str:
    relative = safe_relative(path)
    if not relative:
        raise InvalidValue(f"{path!r} names the root, not a file.")
    return relative
