"""The contracts of what artifact stores may be able to do with files that come in, as tests."""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.uploads import Incoming, Part, PartUploads
from pegboard.errors import InvalidValue, NotFound, UnsafePath


def sha256(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


class UploadTests:
    """Files of this system, and what a store can do is under contract."""

    def test_every_ability_of_the_store_is_under_contract(self, store: ArtifactStore) -> None:
        incoming = store.incoming("a")
        if incoming is not None:
            incoming.discard()
        for ability, suite in (
            (incoming, IncomingContract),
            (store.part_uploads(), PartUploadsContract),
        ):
            assert ability is None or isinstance(self, suite), f"derive from {suite.__name__} too"

    def test_a_file_that_lies_on_this_machine_is_opened_as_such(self, store: ArtifactStore) -> None:
        store.write("a/b", io.BytesIO(b"content"))
        with store.read("a/b") as stream:
            if (local := store.local_path("a/b")) is not None:
                assert local.read_bytes() == b"content"
                assert os.fstat(stream.fileno()).st_size == 7
            assert stream.read() == b"content"


class IncomingContract:
    """What every store does that takes files in pieces. Derive from it beside the main suite."""

    def test_a_file_in_pieces_is_seen_once_it_is_kept(self, store: ArtifactStore) -> None:
        store.write("a/b", io.BytesIO(b"old"))
        for path in ("a/b", "new/c"):
            incoming = _begun(store, path)
            incoming.write(b"one", b"two")
            incoming.write(b"three")
            assert incoming.size == 11
            assert incoming.digest == sha256(b"onetwothree")
            assert [file.path for file in store.walk(path)] in ([], ["a/b"])
            incoming.keep()
            incoming.discard()
            with store.read(path) as stream:
                assert stream.read() == b"onetwothree"
        with store.read("a/b") as stream:
            assert stream.read() == b"onetwothree"
        assert [file.path for file in store.walk()] == ["a/b", "new/c"]

    def test_a_file_in_pieces_that_is_discarded_leaves_nothing(self, store: ArtifactStore) -> None:
        incoming = _begun(store, "a/b")
        incoming.write(b"x")
        incoming.discard()
        incoming.write(b"y")
        incoming.discard()
        assert list(store.walk()) == []
        assert store.list() == []

    @pytest.mark.parametrize("path", ["", "../x", "a/../../x", "/etc/passwd", "a\0b"])
    def test_a_file_in_pieces_has_a_path_below_the_root(
        self, store: ArtifactStore, path: str
    ) -> None:
        with pytest.raises((InvalidValue, UnsafePath)):
            _begun(store, path)


class PartUploadsContract:
    """What every store does that takes uploads in parts. Derive from it beside the main suite."""

    @pytest.fixture
    def parts(self, store: ArtifactStore) -> PartUploads:
        found = store.part_uploads()
        assert found is not None
        return found

    def test_parts_come_in_any_order_and_again(
        self, store: ArtifactStore, parts: PartUploads
    ) -> None:
        upload = parts.create("a/whole")
        assert parts.path_of(upload) == "a/whole"
        for number, content in ((3, b"three"), (1, b"wrong"), (2, b"two"), (1, b"one")):
            _send(parts, upload, number, content)
        contents = (b"one", b"two", b"three")
        expected = [Part(n, sha256(c), len(c)) for n, c in enumerate(contents, 1)]
        assert parts.list(upload) == expected
        assert list(store.walk()) == []
        wanted = [(part.number, part.digest) for part in expected]
        assert parts.complete(upload, wanted) == sha256(b"onetwothree")
        with store.read("a/whole") as stream:
            assert stream.read() == b"onetwothree"
        with pytest.raises(NotFound):
            parts.list(upload)

    def test_parts_may_come_at_the_same_time(
        self, store: ArtifactStore, parts: PartUploads
    ) -> None:
        upload = parts.create("whole")
        contents = [bytes([n]) * 10_000 for n in range(1, 33)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: _send(parts, upload, n, contents[n - 1]), range(1, 33)))
        parts.complete(upload, [(n, None) for n in range(1, 33)], sha256(b"".join(contents)))
        with store.read("whole") as stream:
            assert stream.read() == b"".join(contents)

    def test_what_is_not_as_named_is_refused_and_can_be_sent_again(
        self, store: ArtifactStore, parts: PartUploads
    ) -> None:
        upload = parts.create("whole")
        _send(parts, upload, 1, b"one")
        good = [(1, sha256(b"one"))]
        for wanted, digest in (
            ([], None),
            ([(1, None), (2, None)], None),
            ([(1, sha256(b"other"))], None),
            ([*good, *good], None),
            (good, sha256(b"other")),
        ):
            with pytest.raises(InvalidValue):
                parts.complete(upload, wanted, digest)
        assert list(store.walk()) == []
        assert [part.number for part in parts.list(upload)] == [1]
        assert parts.complete(upload, good, sha256(b"one")) == sha256(b"one")

    def test_an_upload_that_is_unknown_takes_no_parts(self, parts: PartUploads) -> None:
        gone = parts.create("whole")
        parts.remove(gone)
        parts.remove(gone)
        for upload in (gone, "unknown", "", "../x"):
            for use in (
                parts.path_of,
                parts.list,
                lambda upload_id: parts.receive(upload_id, 1),
                lambda upload_id: parts.complete(upload_id, [(1, None)]),
            ):
                with pytest.raises(NotFound):
                    use(upload)

    @pytest.mark.parametrize("number", [0, -1, 10_001])
    def test_parts_are_numbered_from_1(self, parts: PartUploads, number: int) -> None:
        upload = parts.create("whole")
        with pytest.raises(InvalidValue):
            _send(parts, upload, number, b"x")

    @pytest.mark.parametrize("path", ["", "../x", "/etc/passwd"])
    def test_an_upload_has_a_path_below_the_root(self, parts: PartUploads, path: str) -> None:
        with pytest.raises((InvalidValue, UnsafePath)):
            parts.create(path)


def _begun(store: ArtifactStore, path: str) -> Incoming:
    found = store.incoming(path)
    assert found is not None
    return found


def _send(parts: PartUploads, upload: str, number: int, content: bytes) -> None:
    incoming = parts.receive(upload, number)
    incoming.write(content)
    incoming.keep()
