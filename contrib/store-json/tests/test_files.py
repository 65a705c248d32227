"""The files hold what they should, and survive what files meet."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import threading
from pathlib import Path

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Experiment, Metric
from pegboard.errors import InvalidValue, StoreCorrupt, StoreError
from pegboard.uris import parse
from pegboard_store_json.files import JsonFiles
from pegboard_store_json.settings import Settings
from pegboard_store_json.store import open_store


def opened(directory: Path) -> TrackingStore:
    return open_store(parse(f"json:{directory}"), Settings(indent=0))


def test_a_run_is_a_file_of_json(tmp_path: Path) -> None:
    store = opened(tmp_path)
    run = store.create_run("0", run_id="first")
    store.log_batch("first", metrics=[Metric("loss", 0.5, 10, 1)])
    content = json.loads((tmp_path / "runs" / "first.json").read_text())
    assert content["info"]["run_name"] == run.info.run_name
    assert content["history"]["loss"][0]["value"] == 0.5


def test_waiting_for_the_disk_changes_nothing_else(tmp_path: Path) -> None:
    store = open_store(parse(f"json:{tmp_path}"), Settings(fsync=True))
    run = store.create_run("0", run_id="first")
    assert opened(tmp_path).get_run("first") == run
    assert '\n  "info": {' in (tmp_path / "runs" / "first.json").read_text()


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for text in ("{", "[]", '{"info": 3}'):
        (tmp_path / "runs" / "broken.json").write_text(text)
        with pytest.raises(StoreCorrupt, match=r"broken\.json"):
            store.get_run("broken")


def test_a_draft_left_by_a_crash_does_no_harm(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.create_run("0", run_id="first")
    (tmp_path / "runs" / "first.draft").write_text('{"half')
    assert [run.info.run_id for run in store.search_runs(["0"])] == ["first"]


def test_an_id_too_long_for_a_file_name_is_refused(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(InvalidValue, match="200"):
        store.create_run("0", run_id="x" * 201)
    assert store.create_run("0", run_id="x" * 200).info.run_id == "x" * 200


def log_some(directory: Path, number: int) -> None:
    store = opened(directory)
    for step in range(20):
        store.log_batch("shared", metrics=[Metric(f"m{number}", float(step), step, step)])


def test_processes_log_to_one_run_without_loss(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.create_run("0", run_id="shared")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=log_some, args=(tmp_path, n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    for number in range(4):
        points = store.metric_history("shared", f"m{number}")
        assert [point.step for point in points] == list(range(20))


def test_a_lock_that_cannot_be_taken_is_an_error_and_keeps_nobody_out(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    lock = tmp_path / "store" / ".lock"
    lock.unlink()
    lock.mkdir()
    with pytest.raises(StoreError, match="lock"):
        store.get_experiment("0")
    lock.rmdir()
    found: list[str] = []
    other = threading.Thread(target=lambda: found.append(store.get_experiment("0").name))
    other.daemon = True
    other.start()
    other.join(20)
    assert found == ["Default"]


def test_a_directory_that_is_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    with pytest.raises(StoreError, match="runs"):
        store.search_runs(["0"])


def test_a_file_that_cannot_be_removed_is_an_error_that_names_it(tmp_path: Path) -> None:
    files = JsonFiles(tmp_path, Experiment, indent=0, fsync=False)
    (tmp_path / "first.json").mkdir()
    with pytest.raises(StoreError, match=r"first\.json"):
        del files["first"]
