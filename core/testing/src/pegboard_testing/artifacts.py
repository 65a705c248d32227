"""Contract tests for artifact stores.

Subclass ``ArtifactStoreContract`` in a test module of your plugin, and override ``store``::

    class TestMyStore(ArtifactStoreContract):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(tmp_path)
"""

from __future__ import annotations

import contextlib
import io
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, ClassVar, cast

import pytest
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.entities import FileInfo
from pegboard.errors import NotFound, UnsafePath

from pegboard_testing._uploads import UploadTests

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HOSTILE_PATHS = (
    "..",
    "../x",
    "a/../../x",
    "a/b/../../../x",
    "/etc/passwd",
    "//host/share",
    "~/x",
    "~root/x",
    "C:/x",
    "C:",
    "file:///etc/passwd",
    "a\\..\\..\\x",
    "..\\x",
    "%2e%2e/x",
    "%2E%2E%2Fx",
    "%252e%252e%252fx",
    "a/%2e%2e/%2e%2e/x",
    "..%2fx",
    "%2fetc%2fpasswd",
    "a\0b",
    "a%00b",
    "a\nb",
    "a\x7fb",
)
"""Paths that no store may touch."""

_LARGE = 64 << 20


class ArtifactStoreContract(UploadTests):
    """What every artifact store must do."""

    in_memory: ClassVar[bool] = False
    """Whether the store keeps the contents of its files in memory."""

    @pytest.fixture
    def store(self) -> Iterator[ArtifactStore]:
        """Yield an empty store; override this."""
        raise NotImplementedError

    # -- writing and reading -------------------------------------------------------------------

    def test_a_file_is_read_as_it_was_written(self, store: ArtifactStore) -> None:
        info = store.write("model.bin", io.BytesIO(b"\x00\xffpeg\r\nboard"))
        assert info == FileInfo("model.bin", is_dir=False, file_size=12)
        assert _content(store, "model.bin") == b"\x00\xffpeg\r\nboard"

    def test_a_file_may_be_empty(self, store: ArtifactStore) -> None:
        assert store.write("empty", io.BytesIO()).file_size == 0
        assert _content(store, "empty") == b""
        assert store.list() == [FileInfo("empty", is_dir=False, file_size=0)]

    @pytest.mark.parametrize(
        "path",
        ["a b.txt", "größe/数据.csv", "a%b", "100%", "#x?y=z&", ".hidden", "a" * 200, "ab:c"],
    )
    def test_odd_names_are_kept(self, store: ArtifactStore, path: str) -> None:
        store.write(path, io.BytesIO(b"x"))
        assert _content(store, path) == b"x"
        assert [entry.path for entry in store.walk()] == [path]

    def test_paths_are_brought_into_normal_form(self, store: ArtifactStore) -> None:
        assert store.write("./a//b/./c.txt", io.BytesIO(b"x")).path == "a/b/c.txt"
        assert _content(store, "a/b//c.txt") == b"x"
        assert [entry.path for entry in store.list("./a/")] == ["a/b"]

    def test_content_may_come_in_small_pieces_from_a_stream_without_seek(
        self, store: ArtifactStore
    ) -> None:
        store.write("streamed", _source(100_000, piece=777))
        assert _content(store, "streamed") == _source(100_000).read()

    def test_the_content_is_left_open_for_the_caller(self, store: ArtifactStore) -> None:
        content = io.BytesIO(b"x")
        store.write("a", content)
        assert not content.closed

    def test_reading_what_is_no_file_is_an_error(
        self, store: ArtifactStore, subtests: pytest.Subtests
    ) -> None:
        store.write("a/b.txt", io.BytesIO(b"x"))
        for path in ["missing", "a", "a/missing", "a/b.txt/c"]:
            with subtests.test(path=path), pytest.raises(NotFound):
                store.read(path)

    def test_a_range_is_read_up_to_but_without_its_end(
        self, store: ArtifactStore, subtests: pytest.Subtests
    ) -> None:
        store.write("digits", io.BytesIO(b"0123456789"))
        for start, end in [
            (0, 4),
            (3, 7),
            (3, None),
            (0, None),
            (9, 10),
            (10, None),
            (25, 30),
            (3, 999),
            (5, 5),
        ]:
            with (
                subtests.test(start=start, end=end),
                store.read("digits", start=start, end=end) as stream,
            ):
                assert stream.read() == b"0123456789"[start:end]

    def test_a_range_is_read_piece_by_piece(self, store: ArtifactStore) -> None:
        store.write("digits", io.BytesIO(b"0123456789"))
        with store.read("digits", start=2, end=9) as stream:
            assert [stream.read(3), stream.read(3), stream.read(3)] == [b"234", b"567", b"8"]
            assert stream.read(3) == b""

    # -- replacing -----------------------------------------------------------------------------

    def test_writing_again_replaces_the_file(self, store: ArtifactStore) -> None:
        store.write("a", io.BytesIO(b"a long first version"))
        store.write("a", io.BytesIO(b"short"))
        assert _content(store, "a") == b"short"
        assert store.list() == [FileInfo("a", is_dir=False, file_size=5)]

    def test_a_reader_that_is_open_while_a_file_is_replaced_sees_one_version(
        self, store: ArtifactStore
    ) -> None:
        old, new = b"o" * 500_000, b"n" * 500_000
        store.write("a", io.BytesIO(old))
        with store.read("a") as stream:
            first = stream.read(10)
            store.write("a", io.BytesIO(new))
            assert first + stream.read() in (old, new)
        assert _content(store, "a") == new

    def test_readers_never_see_half_a_file(self, store: ArtifactStore) -> None:
        versions = [bytes([65 + n]) * (100_000 + n) for n in range(20)]
        store.write("a", io.BytesIO(versions[0]))
        done = threading.Event()

        def write() -> None:
            for version in versions:
                store.write("a", io.BytesIO(version))
            done.set()

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write)
            while not done.is_set() and not writer.done():
                assert _content(store, "a") in versions
            writer.result()
        assert _content(store, "a") == versions[-1]

    def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
        self, store: ArtifactStore
    ) -> None:
        store.write("a", io.BytesIO(b"old"))
        for path in ("a", "new", "some/deep/new"):
            with pytest.raises(ZeroDivisionError):
                store.write(path, _source(5_000_000, fails_at=3_000_000))
        assert _content(store, "a") == b"old"
        assert store.list() == [FileInfo("a", is_dir=False, file_size=3)]

    def test_a_file_is_not_listed_before_it_is_complete(self, store: ArtifactStore) -> None:
        seen: list[list[FileInfo]] = []
        source = _source(3_000_000, halfway=lambda: seen.append(list(store.walk())))
        store.write("dir/a", source)
        assert seen == [[]]
        assert [entry.path for entry in store.walk()] == ["dir/a"]

    # -- many at once --------------------------------------------------------------------------

    def test_many_writers_to_one_path_leave_one_whole_version(self, store: ArtifactStore) -> None:
        versions = [bytes([65 + n]) * 200_000 for n in range(16)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda data: store.write("a/b", io.BytesIO(data)), versions))
        assert _content(store, "a/b") in versions
        assert [entry.path for entry in store.walk()] == ["a/b"]

    def test_many_writers_to_many_paths_lose_nothing(self, store: ArtifactStore) -> None:
        paths = [f"d{n % 7}/e{n % 3}/f{n:03}" for n in range(200)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda path: store.write(path, io.BytesIO(path.encode())), paths))
        assert sorted(entry.path for entry in store.walk()) == sorted(paths)
        assert all(_content(store, path) == path.encode() for path in paths)

    def test_writing_beside_a_file_that_is_deleted_at_the_same_time_works(
        self, store: ArtifactStore
    ) -> None:
        def delete_and_write(n: int) -> None:
            store.write(f"shared/dir/{n}", io.BytesIO(b"x"))
            store.delete(f"shared/dir/{n}")
            store.write(f"shared/dir/kept-{n}", io.BytesIO(b"y"))
            store.delete(f"shared/dir/kept-{n}")
            store.write(f"kept/{n:03}", io.BytesIO(b"z"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(delete_and_write, range(100)))
        assert [entry.path for entry in store.walk()] == [f"kept/{n:03}" for n in range(100)]

    def test_a_large_file_passes_through_little_memory(self, store: ArtifactStore) -> None:
        if self.in_memory:
            # Its contents count as memory, so only their integrity can be checked.
            store.write("large", _source(_LARGE))
            assert len(_content(store, "large")) == _LARGE
            return
        tracemalloc.start()
        try:
            store.write("large", _source(_LARGE))
            with store.read("large", start=1) as stream:
                size = 1 + sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert size == _LARGE
        assert peak < _LARGE // 4

    # -- listing -------------------------------------------------------------------------------

    def test_a_new_store_is_empty(self, store: ArtifactStore) -> None:
        assert store.list() == []
        assert list(store.walk()) == []

    def test_a_listing_shows_what_is_directly_below_sorted_by_path(
        self, store: ArtifactStore
    ) -> None:
        for path in ("b.txt", "a/y/z", "a/x", "a.txt", "a/y/w", "ab/c"):
            store.write(path, io.BytesIO(b"12"))
        assert store.list() == [
            FileInfo("a", is_dir=True),
            FileInfo("a.txt", is_dir=False, file_size=2),
            FileInfo("ab", is_dir=True),
            FileInfo("b.txt", is_dir=False, file_size=2),
        ]
        assert store.list("a") == [
            FileInfo("a/x", is_dir=False, file_size=2),
            FileInfo("a/y", is_dir=True),
        ]

    def test_a_listing_of_a_file_or_of_nothing_is_empty(
        self, store: ArtifactStore, subtests: pytest.Subtests
    ) -> None:
        store.write("a/b.txt", io.BytesIO(b"x"))
        for path in ["missing", "a/missing", "a/b.txt", "a/b.txt/c", "a/b"]:
            with subtests.test(path=path):
                assert store.list(path) == []

    def test_walking_yields_every_file_at_or_below(self, store: ArtifactStore) -> None:
        for path in ("a/x", "a/y/z", "a/y/w/v", "b", "ab"):
            store.write(path, io.BytesIO(b"1"))
        assert sorted(entry.path for entry in store.walk()) == [
            "a/x",
            "a/y/w/v",
            "a/y/z",
            "ab",
            "b",
        ]
        assert sorted(entry.path for entry in store.walk("a/y")) == ["a/y/w/v", "a/y/z"]
        assert list(store.walk("a/x")) == [FileInfo("a/x", is_dir=False, file_size=1)]
        assert list(store.walk("missing")) == []

    # -- deleting ------------------------------------------------------------------------------

    def test_deleting_a_file_frees_its_bytes(self, store: ArtifactStore) -> None:
        store.write("a", io.BytesIO(b"123"))
        store.write("b", io.BytesIO(b"45"))
        assert store.delete("a") == 3
        assert [entry.path for entry in store.list()] == ["b"]
        with pytest.raises(NotFound):
            store.read("a")

    def test_deleting_a_directory_frees_all_below_and_nothing_beside(
        self, store: ArtifactStore
    ) -> None:
        for path in ("a/x", "a/y/z", "ab", "a.txt"):
            store.write(path, io.BytesIO(b"123"))
        assert store.delete("a") == 6
        assert [entry.path for entry in store.walk()] == ["a.txt", "ab"]

    def test_deleting_the_root_frees_everything_and_the_store_lives_on(
        self, store: ArtifactStore
    ) -> None:
        for path in ("a/x", "b"):
            store.write(path, io.BytesIO(b"123"))
        assert store.delete() == 6
        assert store.list() == []
        store.write("again", io.BytesIO(b"1"))
        assert [entry.path for entry in store.list()] == ["again"]

    @pytest.mark.parametrize("path", ["", "missing", "a/missing", "a/b/c"])
    def test_deleting_nothing_frees_nothing(self, store: ArtifactStore, path: str) -> None:
        if path:
            store.write("a/b", io.BytesIO(b"1"))
        assert store.delete(path) == 0

    def test_a_directory_goes_with_its_last_file(self, store: ArtifactStore) -> None:
        store.write("a/b/c/d", io.BytesIO(b"1"))
        store.write("a/e", io.BytesIO(b"1"))
        store.delete("a/b/c/d")
        assert [entry.path for entry in store.list("a")] == ["a/e"]
        store.delete("a/e")
        assert store.list() == []

    # -- safety --------------------------------------------------------------------------------

    def test_a_path_that_would_climb_out_is_refused(
        self, store: ArtifactStore, subtests: pytest.Subtests
    ) -> None:
        for path in HOSTILE_PATHS:
            with subtests.test(path=path):
                with pytest.raises(UnsafePath):
                    store.write(path, io.BytesIO(b"x"))
                with pytest.raises(UnsafePath):
                    store.read(path)
                with pytest.raises(UnsafePath):
                    store.list(path)
                with pytest.raises(UnsafePath):
                    list(store.walk(path))
                with contextlib.suppress(UnsafePath):
                    assert store.local_path(path) is None

    def test_deleting_outside_is_refused(
        self, store: ArtifactStore, subtests: pytest.Subtests
    ) -> None:
        # Few paths, none of which names anything of value: a store under test may be wrong.
        for path in ["x/../../y", "%2e%2e/y", "..", "a\\..\\y"]:
            with subtests.test(path=path), pytest.raises(UnsafePath):
                store.delete(path)

    # -- this machine --------------------------------------------------------------------------

    def test_a_local_path_leads_to_the_very_file(self, store: ArtifactStore) -> None:
        store.write("a/b", io.BytesIO(b"x"))
        assert store.local_path("missing") is None
        file, directory = store.local_path("a/b"), store.local_path("a")
        if file is None:
            assert directory is None
        else:
            assert file.read_bytes() == b"x"
            assert directory == file.parent


def _content(store: ArtifactStore, path: str) -> bytes:
    with store.read(path) as stream:
        return stream.read()


_PATTERN = bytes(range(251)) * 4200
"""Longer than any piece that is asked for at once."""


def _source(
    size: int,
    *,
    piece: int = 1 << 20,
    fails_at: int | None = None,
    halfway: Callable[[], None] | None = None,
) -> BinaryIO:
    """Return a stream that cannot seek, of ``size`` bytes, at most ``piece`` at a time.

    It fails with ZeroDivisionError at an offset, or calls ``halfway`` once past the middle.
    """
    return cast("BinaryIO", _Source(size, piece, fails_at, halfway))


class _Source(io.RawIOBase):
    def __init__(
        self, size: int, piece: int, fails_at: int | None, halfway: Callable[[], None] | None
    ) -> None:
        self._size, self._piece, self._fails_at = size, piece, fails_at
        self._halfway = halfway
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        count = min(len(view), self._piece, self._size - self._position)
        if self._fails_at is not None and self._position + count > self._fails_at:
            raise ZeroDivisionError
        if self._halfway is not None and self._position > self._size // 2:
            self._halfway()
            self._halfway = None
        offset = self._position % 251
        view[:count] = _PATTERN[offset : offset + count]
        self._position += count
        return count
