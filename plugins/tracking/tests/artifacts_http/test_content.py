"""Equal files share their content."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pegboard_tracking.artifacts.content import DIRECTORY, Content
from pegboard_tracking.artifacts.files import FileArtifactStore
from pegboard_tracking.store.gc import Collector

from .conftest import Files

MODEL = b"weights" * 100_000


def taken(root: Path) -> int:
    """Return the bytes that the files below a directory take, shared ones once."""
    status = [path.stat() for path in root.rglob("*") if path.is_file()]
    return sum({each.st_ino: each.st_size for each in status}.values())


def receive(store: FileArtifactStore, path: str, content: bytes) -> None:
    received = store.incoming(path)
    received.write(content)
    received.keep()


def test_the_same_model_logged_a_hundred_times_takes_its_space_once(files: Files) -> None:
    for number in range(100):
        files.put(f"1/{number}/artifacts/model.bin", MODEL)
    assert taken(files.root) == len(MODEL)
    assert files.get("1/99/artifacts/model.bin").body == MODEL


def test_a_file_is_a_plain_one_that_any_tool_reads(files: Files) -> None:
    files.put("1/r/model.bin", MODEL)
    path = files.artifacts.local_path("1/r/model.bin")
    assert path == files.root / "1/r/model.bin"
    assert path.read_bytes() == MODEL
    assert not path.is_symlink()


def test_files_that_share_cannot_be_changed_in_place(files: Files) -> None:
    files.put("a", MODEL)
    assert (files.root / "a").stat().st_mode & 0o222 == 0


def test_replacing_or_deleting_one_file_leaves_its_twin(files: Files) -> None:
    for path in ("a", "b", "c"):
        files.put(path, MODEL)
    files.put("a", b"other")
    assert files.artifacts.delete("b") == 0
    assert files.get("c").body == MODEL
    assert files.artifacts.reclaim() == 0
    assert files.get("c").body == MODEL


def test_the_space_is_free_when_the_last_twin_is_gone(files: Files) -> None:
    for path in ("a", "b"):
        files.put(path, MODEL)
        files.artifacts.delete(path)
    assert taken(files.root) == len(MODEL)
    assert files.artifacts.reclaim() == len(MODEL)
    assert files.on_disk() == []
    assert files.artifacts.reclaim() == 0


def test_content_that_somebody_damaged_is_not_shared_further(files: Files) -> None:
    files.put("a", MODEL)
    os.truncate(files.root / "a", 5)
    files.put("b", MODEL)
    assert files.get("b").body == MODEL


def test_the_stores_own_files_are_neither_listed_nor_walked(files: Files) -> None:
    files.put("a", MODEL)
    assert files.listed() == ["a"]
    assert [file.path for file in files.artifacts.walk()] == ["a"]
    assert (files.root / DIRECTORY).is_dir()
    outer = FileArtifactStore(files.root.parent)
    assert files.root.name in [file.path for file in outer.list()]


def test_uploads_that_go_on_are_kept_and_those_given_up_are_swept(files: Files) -> None:
    store = files.artifacts
    old, fresh = store.incoming("old"), store.incoming("a")
    old.write(b"x" * 1000)
    fresh.write(b"y" * 1000)
    long_ago = time.time() - 25 * 3600
    os.utime(old.path, (long_ago, long_ago))
    assert store.reclaim() == 1000
    assert not old.path.exists()
    fresh.keep()
    assert files.get("a").body == b"y" * 1000


def test_uploads_lose_nothing_to_a_sweep_at_the_same_time(tmp_path: Path) -> None:
    store = FileArtifactStore(tmp_path / "root")
    done = threading.Event()

    def sweep() -> None:
        while not done.is_set():
            store.reclaim()

    def upload(number: int) -> None:
        # The last twin goes and comes again and again, while the sweep looks for it.
        for turn in range(20):
            receive(store, f"{number}/{turn}", b"%d" % (turn % 3) * 1000)
            if turn % 2:
                store.delete(f"{number}/{turn}")

    with ThreadPoolExecutor(5) as pool:
        sweeper = pool.submit(sweep)
        uploads = [pool.submit(upload, number) for number in range(8)]
        for each in uploads:
            each.result()
        done.set()
        sweeper.result()
    left = sorted(file.path for file in store.walk())
    assert left == sorted(f"{n}/{turn}" for n in range(8) for turn in range(0, 20, 2))
    for path in left:
        turn = int(path.partition("/")[2])
        assert store.read(path).read() == b"%d" % (turn % 3) * 1000


def test_many_equal_uploads_at_once_share_one_content(tmp_path: Path) -> None:
    store = FileArtifactStore(tmp_path / "root")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: receive(store, f"d/{n}", MODEL), range(50)))
    assert {store.read(f"d/{n}").read() for n in range(50)} == {MODEL}
    assert taken(tmp_path) == len(MODEL)


def test_a_sweep_of_a_directory_that_was_never_used_frees_nothing(tmp_path: Path) -> None:
    assert Content(tmp_path / "none").sweep() == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("keeps_other", [True, False])
def test_gc_frees_the_files_of_deleted_runs_unless_others_need_them(
    files: Files, keeps_other: bool
) -> None:
    gone, other = files.run(), files.run()
    for run_id in (gone, other):
        uri = files.store.get_run(run_id).info.artifact_uri
        assert uri.startswith("mlflow-artifacts:/")
        files.put(f"{uri.partition(':/')[2]}/model.bin", MODEL)
    files.store.delete_run(gone)
    if not keeps_other:
        files.store.delete_run(other)
    collector = Collector(files.store, files.host.artifact_store)
    removed = [collector.remove(info) for info in list(collector.runs())]
    freed = sum(each.bytes for each in removed) + collector.reclaim()
    assert all(each.purged and not each.note for each in removed)
    assert freed == (0 if keeps_other else len(MODEL))
    assert taken(files.root) == (len(MODEL) if keeps_other else 0)
