"""What an artifact store may be able to do with files that clients send through a server.

Files in pieces and uploads in parts are abilities: a store that has one returns it from
``ArtifactStore.ability``, and passes the tests of it in ``pegboard_testing``.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Sequence

from attrs import frozen

MAX_PARTS = 10_000
"""How many parts an upload has at most; their numbers begin with 1."""


class Incoming(ABC):
    """A file that comes in pieces, hashed as it is written; it is not visible before ``keep``."""

    size: int = 0
    """How many bytes came so far."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """The SHA-256 of the bytes so far, in hexadecimal digits."""

    @abstractmethod
    def write(self, *pieces: bytes) -> None:
        """Append some bytes; nothing if it was discarded meanwhile. StoreFull, StoreError."""

    @abstractmethod
    def keep(self) -> None:
        """Give the file its place, at once; after an error it is discarded."""

    @abstractmethod
    def discard(self) -> None:
        """Remove what came; nothing happens if it was kept before. From any thread."""


class PieceUploads(ABC):
    """Takes files that come in pieces."""

    @abstractmethod
    def incoming(self, path: str) -> Incoming:
        """Begin a file. UnsafePath, InvalidValue: what cannot be its path is refused at once."""


@frozen
class Part:
    """A part that has arrived; the SHA-256 is in hexadecimal digits."""

    number: int
    digest: str
    size: int


class PartUploads(ABC):
    """Uploads in parts, which come in any order and at the same time.

    The id of an upload is a secret: who knows it may send parts. Unknown ids raise NotFound.
    """

    @abstractmethod
    def create(self, path: str) -> str:
        """Begin the upload of a file; return its id. UnsafePath, InvalidValue."""

    @abstractmethod
    def path_of(self, upload_id: str) -> str:
        """Return the path of the file that an upload is for."""

    @abstractmethod
    def receive(self, upload_id: str, number: int) -> Incoming:
        """Begin a part; once it is kept, it takes the place of an earlier one of its number."""

    @abstractmethod
    def list(self, upload_id: str) -> builtins.list[Part]:
        """Return the parts that have arrived, in order."""

    @abstractmethod
    def complete(
        self, upload_id: str, wanted: Sequence[tuple[int, str | None]], digest: str | None = None
    ) -> str:
        """Make the file of the parts with these numbers and digests (None: whatever it is).

        Return its SHA-256. InvalidValue if a part has not arrived as it should have, or the whole
        has another ``digest``: then nothing changes, and parts can be sent again.
        """

    @abstractmethod
    def remove(self, upload_id: str) -> None:
        """Forget an upload and its parts; nothing happens if it is unknown."""
