"""The stores for files on this machine and in memory."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard import uris
from pegboard.errors import InvalidValue, NotFound, StoreReadOnly, UnsafePath
from pegboard_testing import ArtifactStoreContract, PartUploadsContract, PieceUploadsContract
from pegboard_tracking.artifacts import content
from pegboard_tracking.artifacts.files import FileArtifactStore, open_files, open_memory


class TestFiles(ArtifactStoreContract, PieceUploadsContract, PartUploadsContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FileArtifactStore:
        return open_files(uris.parse(str(tmp_path / "not" / "yet")), {})


class TestMemory(ArtifactStoreContract):
    in_memory = True

    @pytest.fixture
    def store(self, request):
        store = open_memory(uris.parse(f"memory:{request.node.nodeid.encode().hex()}/a/b"), {})
        yield store
        store.delete()


@pytest.fixture
def store(tmp_path: Path) -> FileArtifactStore:
    return FileArtifactStore(tmp_path / "root")


def write(store, path: str, content: bytes = b"x") -> None:
    store.write(path, io.BytesIO(content))


def every_path(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


@pytest.mark.parametrize("form", ["file://{}", "file:{}", "{}"])
def test_every_form_of_a_local_uri_opens_the_same_directory(tmp_path: Path, form: str) -> None:
    write(FileArtifactStore(tmp_path / "a b"), "x", b"here")
    store = open_files(uris.parse(form.format(tmp_path / "a b")), {})
    assert store.read("x").read() == b"here"


def test_another_host_is_refused() -> None:
    with pytest.raises(InvalidValue, match="names the host 'server'"):
        open_files(uris.parse("file://server/share"), {})


def test_opening_a_directory_makes_nothing(tmp_path: Path) -> None:
    store = open_files(uris.parse(str(tmp_path / "new")), {})
    assert store.list() == []
    assert every_path(tmp_path) == []


def test_files_get_the_permissions_that_the_process_gives(store, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(store, "a")
    finally:
        os.umask(before)
    assert (tmp_path / "root" / "a").stat().st_mode & 0o777 == 0o640


def test_what_a_killed_writer_left_is_not_shown_and_goes_with_its_directory(
    store, tmp_path: Path
) -> None:
    write(store, "a/b")
    for place in ("a", "only"):
        (tmp_path / "root" / place).mkdir(exist_ok=True)
        (tmp_path / "root" / place / ".pegboard-0123.part").write_bytes(b"torn")
    assert [entry.path for entry in store.list()] == ["a"]
    assert [entry.path for entry in store.list("a")] == ["a/b"]
    store.delete()
    assert every_path(tmp_path) == []


def test_the_names_of_unfinished_files_are_reserved(store) -> None:
    with pytest.raises(InvalidValue, match="reserved"):
        write(store, "a/.pegboard-0123.part")


def test_a_failed_write_leaves_no_trace(store, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise ConnectionResetError(errno.ECONNRESET, "the source went away")

    with pytest.raises(Exception, match="went away"):
        store.write("a/b/c", Broken())
    assert every_path(tmp_path) == []


def test_deleting_prunes_directories_up_to_the_root_and_no_further(tmp_path: Path) -> None:
    store = FileArtifactStore(tmp_path / "keep" / "root")
    write(store, "a/b/c")
    store.delete("a/b/c")
    assert every_path(tmp_path) == ["keep"]


def test_a_directory_and_a_file_cannot_have_one_path(store) -> None:
    write(store, "a/b")
    for path in ("a", "a/b/c"):
        with pytest.raises(InvalidValue, match="a file stands where a directory is needed"):
            write(store, path)
    assert [entry.path for entry in store.walk()] == ["a/b"]


def test_links_that_lead_out_are_neither_shown_nor_followed(store, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    write(store, "a/file")
    root = tmp_path / "root"
    (root / "to-directory").symlink_to(outside)
    (root / "to-file").symlink_to(outside / "secret")
    (root / "a" / "up").symlink_to("../..")
    (root / "dangling").symlink_to(root / "nothing")
    assert [entry.path for entry in store.walk()] == ["a/file"]
    for path in ("to-directory/secret", "to-file", "a/up/outside/secret"):
        for action in (store.read, store.list, store.local_path, store.delete):
            with pytest.raises(UnsafePath):
                action(path)
        with pytest.raises(UnsafePath):
            write(store, path)
    store.delete()
    assert (outside / "secret").read_text() == "secret"


def test_a_link_within_the_root_is_a_file_like_any_other(store, tmp_path: Path) -> None:
    write(store, "a/file", b"12345")
    (tmp_path / "root" / "link").symlink_to("a/file")
    assert [(entry.path, entry.file_size) for entry in store.walk()] == [("a/file", 5), ("link", 5)]
    assert store.read("link").read() == b"12345"
    assert store.delete("a") == 5
    with pytest.raises(NotFound):
        store.read("link")


def test_a_loop_of_links_ends(store, tmp_path: Path) -> None:
    write(store, "a/file")
    (tmp_path / "root" / "a" / "loop").symlink_to(tmp_path / "root")
    assert [entry.path for entry in store.walk()] == ["a/file"]


def test_a_full_disk_is_an_error_of_its_own_and_keeps_what_was_there(tmp_path: Path) -> None:
    script = """
import io, resource, signal, sys
from pathlib import Path
from pegboard.errors import StoreFull
from pegboard_tracking.artifacts.files import FileArtifactStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FileArtifactStore(Path(sys.argv[1]))
store.write("kept", io.BytesIO(b"old"))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for path in ("kept", "new/file"):
    try:
        store.write(path, io.BytesIO(bytes(5_000_000)))
    except StoreFull as error:
        print(error)
"""
    root = tmp_path / "root"
    done = subprocess.run([sys.executable, "-c", script, root], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("There is no space left for") == 2
    assert every_path(root) == ["kept"]
    assert (root / "kept").read_bytes() == b"old"


@pytest.fixture
def directory_of_others() -> Iterator[Path]:
    """Yield a directory that all may read and nobody else may write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_directory_is_an_error_of_its_own(directory_of_others: Path) -> None:
    store = FileArtifactStore(directory_of_others)
    write(store, "a")
    directory_of_others.chmod(0o555)
    as_root = os.geteuid() == 0
    if as_root:
        # Permissions do not bind root.
        os.seteuid(65534)
    try:
        assert store.read("a").read() == b"x"
        with pytest.raises(StoreReadOnly):
            write(store, "b")
        with pytest.raises(StoreReadOnly):
            store.delete("a")
    finally:
        if as_root:
            os.seteuid(0)
        directory_of_others.chmod(0o755)


def test_memory_stores_of_one_name_share_their_files() -> None:
    outer = open_memory(uris.parse("memory:shared-name"), {})
    inner = open_memory(uris.parse("memory:shared-name/run/artifacts"), {})
    other = open_memory(uris.parse("memory:another-name/run/artifacts"), {})
    write(inner, "model/a", b"12")
    assert [entry.path for entry in outer.walk()] == ["run/artifacts/model/a"]
    assert list(other.walk()) == []
    assert outer.delete("run") == 2
    assert list(inner.walk()) == []


def test_a_file_that_is_being_written_is_locked(tmp_path: Path) -> None:
    store = FileArtifactStore(tmp_path)
    found = []

    class Slow(io.BytesIO):
        def read(self, size=-1):
            found.append(content.sweep_unfinished(tmp_path, 0.0))
            found.append(len(list(tmp_path.glob(".pegboard-*.part"))))
            return super().read(size)

    store.write("a", Slow(b"text"))
    assert found == [0, 1] * (len(found) // 2)
    assert found
    assert (tmp_path / "a").read_bytes() == b"text"
