"""Summaries of chunks: a curve with them is the curve without them, and reads less."""

from __future__ import annotations

import math
import random
import sqlite3
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import evolve
from pegboard.config import Config
from pegboard.contracts.tracking import TrackingStore
from pegboard.host import Host
from pegboard_stores.abilities import Batch, PackedPoints
from pegboard_stores.curves import Curve, Curves, CurveShape
from pegboard_tracking.points.series import CHUNK_POINTS
from pegboard_tracking.tables.summaries import FIRST_CHUNK

START = 1_700_000_000_000
CHUNKS = FIRST_CHUNK + 40
Change: TypeAlias = "Callable[[array[int], array[float]], None]"


def plain(steps: array[int], values: array[float]) -> None:
    """Leave all as it is."""


def odd(steps: array[int], values: array[float]) -> None:
    """Put values that are no numbers into some chunks, and ties into others."""
    values[70 * CHUNK_POINTS + 5] = math.nan
    values[75 * CHUNK_POINTS + 5] = math.inf
    values[80 * CHUNK_POINTS : 82 * CHUNK_POINTS] = array("d", [9.0]) * (2 * CHUNK_POINTS)


def resumed(steps: array[int], values: array[float]) -> None:
    """Go back by some chunks, as a run does that begins again at a checkpoint."""
    for i in range(90 * CHUNK_POINTS, len(steps)):
        steps[i] -= 6 * CHUNK_POINTS


def repeated(steps: array[int], values: array[float]) -> None:
    """Log each step some times."""
    for i in range(len(steps)):
        steps[i] //= 1_000


def packed(change: Change) -> bytes:
    chosen = random.Random(5)
    count = CHUNKS * CHUNK_POINTS
    steps = array("q", range(count))
    values = array("d", (chosen.gauss(0, 1) for _ in range(count)))
    change(steps, values)
    whole = array("q", bytes(24 * count))
    whole[0::3], whole[2::3] = steps, array("q", values.tobytes())
    whole[1::3] = array("q", range(START, START + count))
    return whole.tobytes()


def filled(place: Path, change: Change) -> tuple[TrackingStore, str]:
    store = Host(Config()).tracking_store(f"sqlite:{place}/s.db")
    run_id = store.create_run("0", start_time=START).info.run_id
    packing = store.ability(PackedPoints)
    assert packing is not None
    packing.log(Batch("test", 1), run_id, {"m": packed(change)})
    return store, run_id


def curve(store: TrackingStore, run_id: str, **shape: object) -> Curve:
    curves = store.ability(Curves)
    assert curves is not None
    return curves.curve(run_id, "m", CurveShape(**shape))  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [plain, odd, resumed, repeated])
def test_a_curve_is_the_same_with_and_without_summaries(tmp_path: Path, change: Change) -> None:
    store, run_id = filled(tmp_path, change)
    end = CHUNKS * CHUNK_POINTS
    shapes: list[dict[str, object]] = [
        {"x": x, "width": width, "low": low, "high": high, "smooth": smooth}
        for x in ("step", "relative", "time")
        for width, low, high, smooth in (
            (2, None, None, 0.0),
            (7, None, None, 0.0),
            (30, None, None, 0.9),
            (4, None, None, 0.99),
            (5, end * 0.66, end * 0.95, 0.0),
        )
    ]
    found = [curve(store, run_id, **shape) for shape in shapes]
    with sqlite3.connect(tmp_path / "s.db") as connection:
        [(kept,)] = connection.execute("SELECT count(*) FROM chunk_summary").fetchall()
        connection.execute("DELETE FROM chunk_summary")
    assert 30 < kept <= 40
    again = Host(Config()).tracking_store(f"sqlite:{tmp_path}/s.db")
    for shape, with_them in zip(shapes, found, strict=True):
        without = curve(again, run_id, **shape)
        assert list(with_them.smooth_y) == pytest.approx(list(without.smooth_y), rel=1e-12)
        assert evolve(with_them, smooth_y=without.smooth_y) == without, shape


def test_what_a_summary_tells_is_not_read(tmp_path: Path) -> None:
    store, run_id = filled(tmp_path, plain)
    smooth = (0.0, 0.9, 0.99)
    before = [curve(store, run_id, width=3, smooth=each) for each in smooth]
    with sqlite3.connect(tmp_path / "s.db") as connection:
        # In the middle of the second of two stretches; the last chunk is read for its last point.
        connection.execute("UPDATE chunk SET data = x'' WHERE id & 0xffffff BETWEEN 70 AND 100")
    again = Host(Config()).tracking_store(f"sqlite:{tmp_path}/s.db")
    assert [curve(again, run_id, width=3, smooth=each) for each in smooth] == before
    assert {each.points for each in before} == {CHUNKS * CHUNK_POINTS}


def test_a_store_of_an_older_version_gets_them(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, odd)
    host_file = tmp_path / "s.db"
    with sqlite3.connect(host_file) as connection:
        wanted = connection.execute("SELECT * FROM chunk_summary").fetchall()
        connection.execute("DROP TABLE chunk_summary")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'summaries_of_chunks'")
    Host(Config()).tracking_store(f"sqlite:{host_file}").get_experiment("0")
    with sqlite3.connect(host_file) as connection:
        assert connection.execute("SELECT * FROM chunk_summary").fetchall() == wanted
    assert len(wanted) > 30
    del store


def test_they_go_with_their_run(tmp_path: Path) -> None:
    store, run_id = filled(tmp_path, plain)
    store.delete_run(run_id)
    store.purge_run(run_id)
    with sqlite3.connect(tmp_path / "s.db") as connection:
        for table in ("chunk", "chunk_summary"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
