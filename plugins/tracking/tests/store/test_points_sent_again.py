"""A series is the set of the points that were sent, whatever comes again and in what order."""

from __future__ import annotations

import math
import sqlite3
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pegboard.config import Config
from pegboard.entities import Metric
from pegboard.host import Host
from pegboard_tracking.points import series

OTHER_NAN = struct.unpack("<d", b"\1\0\0\0\0\0\xf8\xff")[0]
"""Not a number either, but of other bytes."""

POINTS = st.tuples(
    st.integers(0, 6) | st.just(-(2**63)) | st.just(2**63 - 1),
    st.integers(0, 6) | st.just(-(2**63)) | st.just(2**63 - 1),
    st.sampled_from([0.0, -0.0, 0.5, math.nan, OTHER_NAN, math.inf, -math.inf]),
)
RISING = st.integers(1, 40).map(lambda n: [(i, i, i / 2) for i in range(n)])
AT_ONE_STEP = st.integers(1, 40).map(lambda n: [(0, i // 3, i / 2) for i in range(n)])
BATCHES = st.lists(st.lists(POINTS, min_size=1, max_size=30) | RISING | AT_ONE_STEP, max_size=8)


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    path = tmp_path_factory.mktemp("series") / "store.db"
    host = Host(Config())
    run_id = host.tracking_store(f"sqlite:{path}").create_run("0").info.run_id
    host.close()
    made = sqlite3.connect(path, isolation_level=None)
    made.execute("INSERT INTO name (id, text) VALUES (1000, 'm')")
    yield made
    assert made.execute("SELECT run_id FROM run").fetchall() == [(run_id,)]
    made.close()


def kept(connection) -> list[tuple[int, int, float]]:
    found = connection.execute("SELECT id, chunks FROM series WHERE name = 1000").fetchone()
    if found is None:
        return []
    return [
        point
        for part in series.read(connection, *found)
        for point in zip(part.steps, part.timestamps, part.values, strict=True)
    ]


def same(point: tuple[int, int, float]) -> tuple[int, int, float | None]:
    step, time, value = point
    return step, time, None if value != value else value


@given(BATCHES, st.booleans())
def test_any_batches_in_any_order_make_the_set_of_their_points(connection, batches, old) -> None:
    """With small chunks, so that what is held lies in many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series, "CHUNK_POINTS", 8)
        patch.setattr(series, "TAIL_POINTS", 3)
        connection.execute("BEGIN")
        try:
            for batch in batches:
                if old:
                    connection.execute("UPDATE series SET newest = NULL, settled = NULL")
                series.append(connection, 1, 0, 1000, series.pack(batch))
            check(connection, [point for batch in batches for point in batch])
        finally:
            connection.execute("ROLLBACK")


def check(connection, sent) -> None:
    once = list(dict.fromkeys(map(same, sent)))
    assert list(map(same, kept(connection))) == once
    row = connection.execute(
        "SELECT id, chunks, points, step, timestamp, newest, settled FROM series WHERE name = 1000"
    ).fetchone()
    assert (row is None) == (not sent)
    if row is not None:
        series_id, chunks, points, step, timestamp, newest, settled = row
        assert points == len(once)
        assert (step, timestamp) == max(point[:2] for point in sent)
        times = [max(part.timestamps) for part in series.read(connection, series_id, chunks)]
        if newest is not None:
            assert newest == max(times)
            assert settled is None if chunks == 1 else settled >= max(times[:-1])


def test_a_store_of_an_older_version_takes_a_point_again_once(tmp_path) -> None:
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{tmp_path / 'store.db'}")
    run_id = store.create_run("0").info.run_id
    points = [Metric("m", step / 2, step, step) for step in range(10_000)]
    store.log_batch(run_id, metrics=points)
    assert len(store.metric_history(run_id, "m")) == 10_000
    host.close()
    before = sqlite3.connect(tmp_path / "store.db")
    before.execute("ALTER TABLE series DROP COLUMN newest")
    before.execute("ALTER TABLE series DROP COLUMN settled")
    before.execute(
        "DELETE FROM _sqlite_migrations WHERE migration_set = 'tracking' AND name = ?",
        ("times_of_series",),
    )
    before.commit()
    before.close()
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{tmp_path / 'store.db'}")
    store.log_batch(run_id, metrics=[*points[4000:4010], Metric("m", 0.1, 4005, 4005)])
    assert list(store.metric_history(run_id, "m")) == [*points, Metric("m", 0.1, 4005, 4005)]
    host.close()


def test_what_is_sent_again_by_another_process_is_kept_once(tmp_path, children) -> None:
    path = tmp_path / "store.db"
    code = """
    run_id = sys.argv[2]
    for step in range(3000):
        writer.log(run_id, "m", step / 2, step // 7, step % 500)
    store.close()
    """
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{path}")
    run_id = store.create_run("0").info.run_id
    processes = [children.start(code, path, run_id) for _ in range(3)]
    assert [process.communicate(timeout=100)[1] for process in processes] == [""] * 3
    found = sorted((p.value, p.timestamp, p.step) for p in store.metric_history(run_id, "m"))
    assert found == [(step / 2, step // 7, step % 500) for step in range(3000)]
    host.close()
