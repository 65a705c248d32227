"""The contract of curves, as tests: against a reference that looks at each point."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Run
from pegboard.errors import InvalidValue, NotFound
from pegboard_stores import cancellation
from pegboard_stores.curves import METRIC, RELATIVE, STEP, TIME, Curve, Curves, CurveShape

from pegboard_testing._base import StoreTests

Pair = tuple[float, float]


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Return the debiased exponential moving average of finite values, one by one."""
    found, average = [], 0.0
    for count, value in enumerate(values, 1):
        average = weight * average + (1 - weight) * value
        found.append(average / (1 - weight**count))
    return found


def history(count: int, *, seed: int = 0, shuffled: bool = False) -> list[Metric]:
    """Return points of the metric ``m``: noisy, with steps of uneven lengths."""
    chosen = random.Random(seed)  # noqa: S311 (not for secrets)
    steps, step = [], -5
    for _ in range(count):
        step += chosen.randrange(1, 7)
        steps.append(step)
    if shuffled:
        chosen.shuffle(steps)
    return [
        Metric("m", math.exp(-place / count) + chosen.gauss(0, 0.1), 1_000 + 10 * place, step)
        for place, step in enumerate(steps)
    ]


def assert_draws(curve: Curve, pairs: Sequence[Pair], shape: CurveShape) -> None:
    """Check that a curve shows finite points, which are in the order of x, as the shape says."""
    known = set(pairs)
    drawn = list(zip(curve.x, curve.y, strict=True))
    assert drawn == sorted(drawn, key=lambda pair: pair[0])
    assert set(drawn) <= known
    assert len(drawn) <= 2 * shape.width
    if len(pairs) <= 2 * shape.width:
        assert drawn == list(pairs)
        assert curve.is_exact
    if not pairs:
        return
    assert drawn[0][0] == pairs[0][0]
    assert drawn[-1] == pairs[-1]
    assert curve.least == min(y for _, y in pairs)
    assert curve.greatest == max(y for _, y in pairs)
    # No two points that are further apart than two stretches hide a higher or lower one.
    wide = 2 * (pairs[-1][0] - pairs[0][0]) / (shape.width - 1)
    for x, y in pairs:
        near = [other for at, other in drawn if abs(at - x) <= wide]
        assert min(near) <= y <= max(near)


class CurvesContract(StoreTests):
    """What every store does that reduces histories. Derive from it beside the main suite."""

    @pytest.fixture
    def curves(self, store: TrackingStore) -> Curves:
        found = store.ability(Curves)
        assert found is not None
        return found

    @pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "in no order"])
    @pytest.mark.parametrize("count", [1, 2, 39, 40, 41, 700, 10_000])
    def test_a_curve_shows_the_extremes_of_each_stretch(
        self, store: TrackingStore, run: Run, curves: Curves, count: int, shuffled: bool
    ) -> None:
        points = history(count, shuffled=shuffled)
        store.log_batch(run.info.run_id, metrics=points)
        shape = CurveShape(width=20)
        curve = curves.curve(run.info.run_id, "m", shape)
        assert curve.points == curve.total == count
        assert_draws(curve, sorted((float(p.step), p.value) for p in points), shape)
        assert list(curve.span or ()) == [min(p.step for p in points), max(p.step for p in points)]
        assert curve.last == max(points, key=lambda p: p.step)
        assert not curve.smooth_x

    @pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "in no order"])
    @pytest.mark.parametrize("weight", [0.3, 0.9, 0.999])
    @pytest.mark.parametrize("count", [30, 10_000])
    def test_smoothing_is_over_all_points(
        self,
        store: TrackingStore,
        run: Run,
        curves: Curves,
        count: int,
        weight: float,
        shuffled: bool,
    ) -> None:
        points = history(count, shuffled=shuffled)
        store.log_batch(run.info.run_id, metrics=points)
        curve = curves.curve(run.info.run_id, "m", CurveShape(width=20, smooth=weight))
        pairs = sorted((float(p.step), p.value) for p in points)
        right = dict(
            zip((x for x, _ in pairs), smoothed([y for _, y in pairs], weight), strict=True)
        )
        found = dict(zip(curve.smooth_x, curve.smooth_y, strict=True))
        assert found == pytest.approx({x: right[x] for x in found}, rel=1e-9, abs=1e-12)
        assert len(found) == (count if count <= 40 else 19)
        assert max(found) == pairs[-1][0]

    def test_a_window_is_drawn_as_closely_as_the_whole(
        self, store: TrackingStore, run: Run, curves: Curves
    ) -> None:
        points = history(10_000)
        store.log_batch(run.info.run_id, metrics=points)
        low, high = points[3_000].step, points[7_500].step
        shape = CurveShape(width=20, low=low, high=high)
        curve = curves.curve(run.info.run_id, "m", shape)
        pairs = [(float(p.step), p.value) for p in points if low <= p.step <= high]
        assert curve.points == 4_501
        assert curve.total == 10_000
        assert_draws(curve, pairs, shape)
        assert list(curve.span or ()) == [points[0].step, points[-1].step]
        few = CurveShape(width=20, low=low, high=points[3_009].step)
        assert_draws(curves.curve(run.info.run_id, "m", few), pairs[:10], few)
        for empty in (CurveShape(low=high, high=low), CurveShape(low=1e9), CurveShape(high=-1e9)):
            curve = curves.curve(run.info.run_id, "m", empty)
            assert (curve.points, len(curve.x), curve.total) == (0, 0, 10_000)
            assert curve.least is None

    def test_time_is_an_axis(self, store: TrackingStore, run: Run, curves: Curves) -> None:
        # The run began at 1,000 ms.
        points = history(5_000, shuffled=True)
        store.log_batch(run.info.run_id, metrics=points)
        for axis, origin in ((TIME, 0), (RELATIVE, 1_000)):
            shape = CurveShape(x=axis, width=30)
            curve = curves.curve(run.info.run_id, "m", shape)
            pairs = [(float(p.timestamp - origin), p.value) for p in points]
            assert_draws(curve, pairs, shape)
            low, high = pairs[100][0], pairs[4_000][0]
            shape = CurveShape(x=axis, width=30, low=low, high=high)
            curve = curves.curve(run.info.run_id, "m", shape)
            assert curve.points == 3_901
            assert_draws(curve, pairs[100:4_001], shape)
            assert curve.span == (pairs[0][0], pairs[-1][0])

    def test_times_may_go_up_and_down(self, store: TrackingStore, run: Run, curves: Curves) -> None:
        chosen = random.Random(3)  # noqa: S311
        times = [chosen.randrange(10**6) for _ in range(9_000)]
        # Of every few thousand points the first is early and the last is late.
        times[::1_000] = [2] * 9
        times[999::1_000] = [3] * 9
        values = [chosen.random() for _ in times]
        points = [
            Metric("m", value, at, step)
            for step, (at, value) in enumerate(zip(times, values, strict=True))
        ]
        store.log_batch(run.info.run_id, metrics=points)
        pairs = sorted(((float(p.timestamp), p.value) for p in points), key=lambda pair: pair[0])
        for low, high in ((None, None), (250_000, 260_000)):
            shape = CurveShape(x=TIME, width=40, low=low, high=high, smooth=0.5)
            curve = curves.curve(run.info.run_id, "m", shape)
            inside = [pair for pair in pairs if (low or 0) <= pair[0] <= (high or 10**6)]
            assert curve.points == len(inside)
            assert_draws(curve, inside, shape)
            right = smoothed([y for _, y in inside], 0.5)[-1]
            assert curve.smooth_y[-1] == pytest.approx(right)

    def test_relative_time_begins_with_the_first_point_if_that_is_before_the_run(
        self, store: TrackingStore, run: Run, curves: Curves
    ) -> None:
        points = [Metric("m", 0.0, 400, 1), Metric("m", 1.0, 900, 2), Metric("m", 2.0, 1_500, 3)]
        store.log_batch(run.info.run_id, metrics=points)
        curve = curves.curve(run.info.run_id, "m", CurveShape(x=RELATIVE))
        assert list(curve.x) == [0.0, 500.0, 1_100.0]

    @pytest.mark.parametrize("count", [50, 6_000])
    def test_another_metric_is_an_axis(
        self, store: TrackingStore, run: Run, curves: Curves, count: int
    ) -> None:
        points = history(count)
        chosen = random.Random(1)  # noqa: S311
        over = {p.step: float(chosen.randrange(100_000)) for p in points[::2]}
        over |= {points[0].step: math.nan, points[2].step: math.inf}
        metrics = [Metric("x", x, 5, step) for step, x in over.items()]
        # Of two values at a step the later counts; steps that the other one lacks are left out.
        metrics += [Metric("x", 7.5, 6, points[4].step), Metric("x", 3.0, 6, 10**9)]
        store.log_batch(run.info.run_id, metrics=[*points, *metrics])
        over[points[4].step] = 7.5
        pairs = [
            (over[p.step], p.value) for p in points if math.isfinite(over.get(p.step, math.nan))
        ]
        pairs.sort(key=lambda pair: pair[0])
        shape = CurveShape(x=f"{METRIC}x", width=40)
        curve = curves.curve(run.info.run_id, "m", shape)
        assert curve.points == len(pairs)
        assert curve.total == count
        assert_draws(curve, pairs, shape)
        nothing = curves.curve(run.info.run_id, "m", CurveShape(x=f"{METRIC}never"))
        assert (nothing.points, nothing.total) == (0, count)

    @pytest.mark.parametrize("count", [60, 9_000])
    def test_values_that_are_no_numbers_are_told_apart(
        self, store: TrackingStore, run: Run, curves: Curves, count: int
    ) -> None:
        special = [math.nan, math.inf, -math.inf]
        points = [
            Metric("m", special[place // 4 % 3] if place % 4 == 1 else place / count, 10, place)
            for place in range(count)
        ]
        store.log_batch(run.info.run_id, metrics=points)
        shape = CurveShape(width=20, smooth=0.5)
        curve = curves.curve(run.info.run_id, "m", shape)
        assert curve.points == count
        pairs = [(float(p.step), p.value) for p in points if math.isfinite(p.value)]
        assert_draws(curve, pairs, shape)
        assert all(map(math.isfinite, curve.smooth_y))
        assert curve.smooth_y[-1] == pytest.approx(smoothed([y for _, y in pairs], 0.5)[-1])
        for told, value in zip(
            (curve.nan, curve.infinite, curve.negative_infinite), special, strict=True
        ):
            steps = [p.step for p in points if repr(p.value) == repr(value)]
            assert told.count == len(steps)
            assert list(told.x) == steps[:100]

    def test_a_metric_of_nothing_but_nan_has_points_and_no_line(
        self, store: TrackingStore, run: Run, curves: Curves
    ) -> None:
        points = [Metric("m", math.nan, 10, step) for step in range(5)]
        store.log_batch(run.info.run_id, metrics=points)
        curve = curves.curve(run.info.run_id, "m", CurveShape(smooth=0.9))
        assert (curve.points, curve.total, len(curve.x), curve.nan.count) == (5, 5, 0, 5)
        assert (curve.least, curve.greatest) == (None, None)

    @pytest.mark.parametrize("step", [-(2**63), 2**63 - 1, 0])
    def test_all_points_may_have_one_x(
        self, store: TrackingStore, run: Run, curves: Curves, step: int
    ) -> None:
        points = [Metric("m", float(i), i, step) for i in range(100)]
        store.log_batch(run.info.run_id, metrics=points)
        curve = curves.curve(run.info.run_id, "m", CurveShape(width=20, smooth=0.5))
        assert (curve.points, curve.least, curve.greatest) == (100, 0.0, 99.0)
        assert set(curve.x) == {float(step)}
        assert 2 <= len(curve.x) <= 40

    def test_steps_as_far_apart_as_can_be(
        self, store: TrackingStore, run: Run, curves: Curves
    ) -> None:
        steps = [-(2**63), -1, 0, 1, 2**63 - 1]
        points = [Metric("m", float(i), 10, step) for i, step in enumerate(steps)]
        store.log_batch(run.info.run_id, metrics=points)
        curve = curves.curve(run.info.run_id, "m", CurveShape(width=2, smooth=0.5))
        assert (curve.points, curve.least, curve.greatest) == (5, 0.0, 4.0)
        assert list(curve.x) == sorted(curve.x)

    @pytest.mark.parametrize("value", [1e308, -1e308, 5e-324])
    def test_values_as_large_and_small_as_can_be(
        self, store: TrackingStore, run: Run, curves: Curves, value: float
    ) -> None:
        points = [Metric("m", value, 10, step) for step in range(100)]
        store.log_batch(run.info.run_id, metrics=points)
        curve = curves.curve(run.info.run_id, "m", CurveShape(width=20, smooth=0.9))
        assert (curve.points, curve.least, curve.greatest) == (100, value, value)
        assert curve.smooth_y[-1] == pytest.approx(value, rel=1e-9, abs=5e-324)

    def test_a_point_is_part_of_the_curve_once_it_was_taken(
        self, store: TrackingStore, run: Run, curves: Curves
    ) -> None:
        writer = store.metric_writer()
        for step in range(3):
            writer.log(run.info.run_id, "m", float(step), 10, step)
            curve = curves.curve(run.info.run_id, "m", CurveShape())
            assert list(curve.y) == [float(each) for each in range(step + 1)]
        writer.close()

    def test_a_curve_is_that_of_now_however_often_it_was_asked_for(
        self, store: TrackingStore, run: Run, curves: Curves
    ) -> None:
        chosen = random.Random(5)  # noqa: S311
        run_id = run.info.run_id
        shapes = [CurveShape(), CurveShape(x=f"{METRIC}x"), CurveShape(x=RELATIVE, smooth=0.5)]
        points: list[Metric] = []
        for number in range(20):
            # Some of them come before those that are there, or change the other metric alone.
            value = chosen.choice([math.nan, math.inf, 0.0, 1.0])
            point = Metric("m", value, chosen.randrange(900, 1_100), chosen.randrange(-5, 5))
            over = Metric("x", float(number), 1_000 + number, chosen.randrange(-5, 5))
            added = chosen.choice([[point], [over], [point, over]])
            store.log_batch(run_id, metrics=added)
            points += [each for each in added if each.key == "m"]
            for shape in shapes * 2:
                curve = curves.curve(run_id, "m", shape)
                assert curve.total == len({repr(each) for each in points})
                assert curve == curves.curve(run_id, "m", shape) or curve.last != curve.last
                last = store.get_run(run_id).data.latest.get("m")
                assert repr(curve.last) == repr(last)
        other = store.create_run("0").info.run_id
        store.log_batch(other, metrics=[Metric("m", 7.0, 1_000, 1)])
        assert list(curves.curve(other, "m", shapes[0]).y) == [7.0]

    def test_what_is_not_there(self, run: Run, curves: Curves) -> None:
        assert curves.curve(run.info.run_id, "m", CurveShape()) == Curve()
        with pytest.raises(NotFound):
            curves.curve("unknown", "m", CurveShape())

    def test_a_curve_that_nobody_waits_for_is_given_up(
        self, store: TrackingStore, run: Run, curves: Curves
    ) -> None:
        store.log_batch(run.info.run_id, metrics=history(100))
        work = cancellation.Work()
        work.stop()
        with pytest.raises(cancellation.Stopped), cancellation.doing(work):
            curves.curve(run.info.run_id, "m", CurveShape())

    @pytest.mark.parametrize(
        "wrong",
        [
            {"x": "epoch"},
            {"x": "metrics."},
            {"width": 1},
            {"width": 10**6},
            {"smooth": 1.0},
            {"smooth": -0.1},
            {"low": math.nan},
            {"high": math.inf},
        ],
        ids=str,
    )
    def test_a_shape_makes_sense(self, wrong: dict[str, float]) -> None:
        with pytest.raises(InvalidValue):
            CurveShape(**wrong)  # type: ignore[arg-type]

    def test_steps_are_the_axis_by_default(self) -> None:
        assert CurveShape().x == STEP
