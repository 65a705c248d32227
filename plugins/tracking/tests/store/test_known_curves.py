"""Curves that are remembered: those of the state that is, and only so many."""

from __future__ import annotations

from array import array

import pytest
from pegboard.config import Config
from pegboard.entities import Metric
from pegboard.host import Host
from pegboard_stores.curves import Curve, Curves, CurveShape
from pegboard_tracking.points.curves_known import KnownCurves


def curve(points: int) -> Curve:
    return Curve(points=points, x=array("d", range(points)), y=array("d", range(points)))


def test_a_curve_of_another_state_is_not_known():
    known = KnownCurves()
    known.put("a", 1, curve(1))
    assert known.get("a", 1) == curve(1)
    assert known.get("a", 2) is None
    assert known.get("b", 1) is None
    known.put("a", 2, curve(2))
    assert known.get("a", 1) is None
    assert known.get("a", 2) == curve(2)


def test_those_not_asked_for_the_longest_are_forgotten():
    known = KnownCurves(most_bytes=3 * (500 + 16 * 100))
    for name in "abc":
        known.put(name, 1, curve(100))
    assert known.get("a", 1) is not None
    known.put("d", 1, curve(100))
    assert [name for name in "abcd" if known.get(name, 1)] == ["a", "c", "d"]
    known.put("large", 1, curve(10_000))
    assert [name for name in "acd" if known.get(name, 1)] == []
    assert known.get("large", 1) is None
    known.put("e", 1, curve(100))
    assert known.get("e", 1) is not None


@pytest.mark.parametrize("axis", ["step", "time", "relative", "metrics.x"])
def test_a_chart_that_is_asked_for_again_reads_no_points(tmp_path, axis):
    host = Host(Config())
    store = host.tracking_store(f"sqlite:{tmp_path}/s.db")
    run_id = store.create_run("0").info.run_id
    points = [Metric(key, float(i), 10 + i, i) for key in ("m", "x") for i in range(3_000)]
    store.log_batch(run_id, metrics=points)
    shape = CurveShape(x=axis, width=20)
    first = store.ability(Curves).curve(run_id, "m", shape)
    with store._database.writing() as connection:
        kept = connection.execute("SELECT id, data FROM chunk").fetchall()
        connection.execute("UPDATE chunk SET data = zeroblob(length(data))")
    assert store.ability(Curves).curve(run_id, "m", shape) == first
    with store._database.writing() as connection:
        connection.executemany("UPDATE chunk SET data = ? WHERE id = ?", [(d, i) for i, d in kept])
    store.log_batch(run_id, metrics=[Metric("m", 5e3, 9_999, 3_000)])
    assert store.ability(Curves).curve(run_id, "m", shape).total == 3_001
    host.close()
