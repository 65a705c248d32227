"""Reads answer from tables and journals together where the journals cannot be moved."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import random
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pegboard import paging
from pegboard.config import Config
from pegboard.entities import Metric, Run
from pegboard.errors import StoreBusy
from pegboard.host import Host
from pegboard_tracking.points import journal
from pegboard_tracking.points import journal_writer as writer

FILTERS = [
    "",
    "metrics.m0 > 0.5",
    "metrics.m0 <= 0.5 AND metrics.m1 != 3",
    "metrics.m2 = 7",
    "metrics.new IS NOT NULL",
    "metrics.m1 IS NULL OR metrics.new > 2",
    "NOT (metrics.m0 > 0.5) AND attributes.run_name LIKE 'run%'",
    "metrics.unknown > 1",
]
ORDERS: list[list[str]] = [
    [],
    ["metrics.m0"],
    ["metrics.m0 DESC", "metrics.new"],
    ["metrics.new DESC"],
    ["metrics.unknown"],
]


@pytest.fixture
def path() -> Iterator[Path]:
    """Yield the path of a store that other users can read; pytest's directories are closed."""
    with tempfile.TemporaryDirectory(prefix="pegboard-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Any]:
    """Yield a store that waits for others for a moment only."""
    host = Host(Config())
    yield host.tracking_store(f"sqlite:{path}?patience=0.02")
    host.close()


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the store as another process that writes for long."""
    descriptor = os.open(path.with_name("store.db.lock"), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def everything(store: Any, run_ids: list[str]) -> list[Any]:
    """Return what all ways of reading tell, in a form in which NaN equals NaN."""
    told: list[Any] = []
    for run_id in run_ids:
        run = store.get_run(run_id)
        told += [
            run.info,
            _data(run),
            [store.metric_history(run_id, key) for key in ("m0", "m1", "m2", "new")],
        ]
        for key in sorted(run.data.metrics):
            for by_time in (False, True):
                found = store.metric_columns(run_id, key, by_time=by_time)
                told.append([list(found.steps), list(found.timestamps), list(found.values)])
            page = store.metric_history(run_id, key, max_results=9)
            told += [page, page.token, store.sampled_history(run_id, key, 20)]
            told.append(store.sampled_history(run_id, key, 20, start_step=3, end_step=30))
    for text in FILTERS:
        for order in ORDERS:
            found = store.search_runs(["0"], filter=text, order_by=order)
            told.append([run.info.run_id for run in found])
            search = partial(store.search_runs, ["0"], filter=text, order_by=order, max_results=4)
            told.append([_data(run) for run in paging.items(search)])
    return [repr(each) for each in told]


def _data(run: Run) -> list[Any]:
    return [sorted(run.data.latest.items()), run.data.params, run.data.tags]


def some_points(chosen: random.Random, key: str, count: int) -> list[Metric]:
    values = [0.5, 0.25, 7.0, 3.0, math.nan, math.inf, -math.inf]
    return [
        Metric(key, chosen.choice(values), chosen.randrange(50), chosen.randrange(50))
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_reads_tell_the_same_before_and_after_journals_are_moved(path, store, seed) -> None:
    chosen = random.Random(seed)
    run_ids = [store.create_run("0", run_name=f"run {i}").info.run_id for i in range(11)]
    sent: list[Metric] = []
    for run_id in run_ids:
        for key in ("m0", "m1", "m2"):
            points = some_points(chosen, key, chosen.choice([0, 1, 30, 300, 5000]))
            store.log_batch(run_id, metrics=points)
            sent += points
    store.search_runs(["0"])
    logged = store.metric_writer()
    with held(path):
        for run_id in run_ids:
            again = chosen.sample(sent, 20)
            for key in ("m0", "m1", "new"):
                points = some_points(chosen, key, chosen.choice([0, 1, 30, 500]))
                logged.log_points(run_id, points + again)
        with pytest.raises(StoreBusy):
            logged.flush()
        before = everything(store, run_ids)
        # Twice: what was laid in front is kept as long as nothing changes.
        assert everything(store, run_ids) == before
        logged.log(run_ids[0], "m0", 99.0, 1, 1000)
        assert store.get_run(run_ids[0]).data.metrics["m0"] == 99.0
        assert [p.value for p in store.metric_history(run_ids[0], "m0")][-1] == 99.0
        before = everything(store, run_ids)
    logged.flush()
    assert journal.names(path.with_name("store.db.journal")) != []
    assert everything(store, run_ids) == before


def test_a_search_finds_runs_by_what_only_a_journal_holds(path, store) -> None:
    run_id, other = (store.create_run("0").info.run_id for _ in range(2))
    with held(path):
        store.metric_writer().log(run_id, "loss", 0.25, 10, 1)
        store.metric_writer().log(other, "loss", 0.75, 10, 1)
        found = store.search_runs(["0"], filter="metrics.loss < 0.5")
        assert [run.info.run_id for run in found] == [run_id]
        found = store.search_runs(["0"], order_by=["metrics.loss DESC"])
        assert [run.info.run_id for run in found] == [other, run_id]


FULL = """
import resource
from pegboard.entities import Metric
from pegboard.errors import StoreFull

run_id = store.create_run("0").info.run_id
writer.log(run_id, "loss", 0.5, 1, 0)
writer.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
for step in range(1, 20):
    writer.log(run_id, "loss", step / 2, step, step)
    assert store.get_run(run_id).data.metrics == {"loss": step / 2}
    assert [p.step for p in store.metric_history(run_id, "loss")] == list(range(step + 1))
    assert len(store.sampled_history(run_id, "loss", 100)) == step + 1
    assert len(store.search_runs(["0"], filter=f"metrics.loss = {step / 2}")) == 1
store.log_batch(run_id, metrics=[Metric("loss", 99.0, 99, 99)])
assert store.get_run(run_id).data.metrics == {"loss": 99.0}
try:
    writer.flush()
except StoreFull:
    print(run_id)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.close()
"""


def test_reads_go_on_when_no_file_can_grow(path, children) -> None:
    run_id = children.run(FULL, path).strip()
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{path}")
    assert [p.step for p in store.metric_history(run_id, "loss")] == [*range(20), 99]
    host.close()


READ_AS_ASKED = """
for line in sys.stdin:
    run_id, key = line.split()
    run = store.get_run(run_id)
    history = store.metric_history(run_id, key)
    found = store.search_runs(["0"], filter=f"metrics.{key} = {len(history) - 1}")
    print(run.data.metrics[key], *(p.step for p in history), len(found), flush=True)
"""


def test_a_reader_that_may_not_write_sees_what_a_writer_logs(path, store, children, monkeypatch):
    """Also while journals are moved, followed by others and removed."""
    monkeypatch.setattr(writer, "ROTATE_BYTES", 200)
    run_id = store.create_run("0").info.run_id
    reader = children.start(READ_AS_ASKED, path, as_nobody=True)
    for step in range(60):
        store.metric_writer().log(run_id, "m", float(step), step, step)
        if step % 7 == 6:
            store.metric_writer().flush()
        print(run_id, "m", file=reader.stdin, flush=True)
        found = children.read_line(reader).split()
        assert found == [str(float(step)), *map(str, range(step + 1)), "1"]
    assert reader.communicate()[1] == ""


def test_a_reader_that_may_not_write_sees_what_a_killed_writer_left(path, children) -> None:
    run_id = children.run(
        """
        run_id = store.create_run("0").info.run_id
        for step in range(10):
            writer.log(run_id, "m", step, step, step)
        print(run_id, flush=True)
        os._exit(0)
        """,
        path,
    ).strip()
    before = {file: file.stat().st_size for file in path.parent.rglob("*")}
    reader = children.start(READ_AS_ASKED, path, as_nobody=True)
    out, err = reader.communicate(f"{run_id} m\n")
    assert (out.split(), err) == (["9.0", *map(str, range(10)), "1"], "")
    if os.getuid() == 0:
        assert {file: file.stat().st_size for file in path.parent.rglob("*")} == before


GET = """
from pegboard.errors import StoreError
try:
    print(store.get_run(sys.argv[2]).data.metrics["m"])
except StoreError as error:
    print(error.message)
"""


def test_a_journal_that_may_not_be_read_is_an_error(path, store, children) -> None:
    run_id = store.create_run("0").info.run_id
    with held(path):
        store.metric_writer().log(run_id, "m", 1.0, 1, 1)
        directory = path.with_name("store.db.journal")
        (file,) = directory.iterdir()
        for closed in (file, directory):
            closed.chmod(0o200)
            said = children.run(GET, path, run_id, as_nobody=True)
            assert said == f"{closed} cannot be read, so the last logged points are not known.\n"
            closed.chmod(0o755)
        assert children.run(GET, path, run_id, as_nobody=True) == "1.0\n"
