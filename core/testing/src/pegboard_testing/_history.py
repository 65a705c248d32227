"""The contract of tracking stores: metric histories, writers and use from many threads."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Param, Run, RunStatus, RunTag
from pegboard.errors import InvalidState, InvalidValue, NotFound

from pegboard_testing._base import StoreTests, log

THREADS = 8


def in_threads(work: Callable[[int], None]) -> None:
    """Call ``work`` with 0, 1… in THREADS threads at once; the first error is raised."""
    interval = sys.getswitchinterval()
    # Threads that take turns often find what is not guarded by a lock.
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(work, range(THREADS)):
                pass
    finally:
        sys.setswitchinterval(interval)


def _once(points: Iterable[Metric]) -> list[str]:
    """Return what tells points apart, each once, in the order it came first."""
    return list(dict.fromkeys(repr((p.key, p.timestamp, p.step, float(p.value))) for p in points))


def _assert_history(store: TrackingStore, run: Run, key: str, sent: Sequence[Metric]) -> None:
    """Check that every way to read a history shows each point that was sent once."""
    run_id, expected = run.info.run_id, _once(sent)
    found = list(store.metric_history(run_id, key))
    assert _once(found) == expected
    assert len(found) == len(expected)
    pages: list[Metric] = []
    token: str | None = None
    while not pages or token:
        page = store.metric_history(run_id, key, max_results=7, page_token=token)
        pages += page
        token = page.token
    assert list(map(repr, pages)) == list(map(repr, found))
    for by_time in (False, True):
        assert len(store.metric_columns(run_id, key, by_time=by_time).steps) == len(expected)
    whole = store.sampled_history(run_id, key, len(expected))
    assert sorted(_once(whole)) == sorted(expected)
    assert len(whole) == len(expected)
    latest = store.get_run(run_id).data.latest[key]
    assert latest.step == max(point.step for point in sent)


class HistoryTests(StoreTests):
    """Read what was logged, whole and reduced."""

    def test_history_is_in_the_order_of_logging(self, store: TrackingStore, run: Run) -> None:
        points = [Metric("m", float(i), 100 - i, step) for i, step in enumerate([5, 3, 9, 0, 3])]
        for point in points[:2]:
            store.log_batch(run.info.run_id, metrics=[point])
        store.log_batch(run.info.run_id, metrics=points[2:])
        assert list(store.metric_history(run.info.run_id, "m")) == points

    @pytest.mark.parametrize("value", [0.5, 0.0, -1e300, math.nan, math.inf, -math.inf], ids=str)
    def test_a_point_sent_twice_is_kept_once(
        self, store: TrackingStore, run: Run, value: float
    ) -> None:
        batch = [Metric("m", value, 10, 1), Metric("m", 0.25, 5, 0), Metric("n", value, 10, 1)]
        for _ in range(3):
            store.log_batch(run.info.run_id, metrics=batch)
        store.log_batch(run.info.run_id, metrics=batch + batch, tags=[RunTag("sent", "again")])
        _assert_history(store, run, "m", batch[:2])
        _assert_history(store, run, "n", batch[2:])

    def test_points_that_differ_in_anything_are_all_kept(
        self, store: TrackingStore, run: Run
    ) -> None:
        points = [
            *(Metric("m", 0.5, 10, 1), Metric("m", 0.5, 11, 1), Metric("m", 0.5, 10, 2)),
            *(Metric("m", 0.75, 10, 1), Metric("m", math.nan, 10, 1), Metric("m", 0.0, 10, 1)),
            *(Metric("m", -math.inf, 10, 1), Metric("m", math.inf, 10, 1)),
        ]
        for batch in (points, points[::-1]):
            store.log_batch(run.info.run_id, metrics=batch)
        _assert_history(store, run, "m", points)

    @pytest.mark.parametrize("seed", range(6))
    def test_whatever_is_sent_again_the_history_is_the_set_of_points(
        self, store: TrackingStore, run: Run, seed: int
    ) -> None:
        chosen = random.Random(seed)  # noqa: S311 (not for secrets)
        steps, times = chosen.choice([(1, 400), (400, 1), (30, 3), (400, 400)])
        values = [0.5, -1.0, math.nan, math.inf, -math.inf]
        sent: list[Metric] = []
        writer = store.metric_writer()
        for _ in range(40):
            batch = [
                Metric("m", chosen.choice(values), chosen.randrange(times), chosen.randrange(steps))
                for _ in range(chosen.randrange(1, 30))
            ]
            batch += chosen.sample(sent, min(len(sent), chosen.randrange(20)))
            way = chosen.randrange(3)
            if way == 0:
                store.log_batch(run.info.run_id, metrics=batch)
            elif way == 1:
                for point in batch:
                    writer.log(run.info.run_id, "m", point.value, point.timestamp, point.step)
            else:
                for point in batch:
                    values_of = {"m": point.value, "other": point.value}
                    writer.log_many(run.info.run_id, values_of, point.timestamp, point.step)
            sent += batch
            if chosen.random() < 0.3:
                writer.flush()
        writer.close()
        _assert_history(store, run, "m", sent)

    def test_a_metric_never_logged_has_no_history(self, store: TrackingStore, run: Run) -> None:
        log(store, run.info.run_id, metrics={"other": 1.0})
        assert list(store.metric_history(run.info.run_id, "m")) == []
        assert store.sampled_history(run.info.run_id, "m", 100) == []

    def test_columns_hold_the_same_as_a_history(self, store: TrackingStore, run: Run) -> None:
        points = [Metric("m", i / 3, 100 - i, i * 2) for i in range(9)]
        store.log_batch(run.info.run_id, metrics=points)
        first = store.metric_columns(run.info.run_id, "m", max_results=5)
        rest = store.metric_columns(run.info.run_id, "m", page_token=first.token)
        assert rest.token is None
        assert [*first.values, *rest.values] == [point.value for point in points]
        assert [*first.steps, *rest.steps] == [point.step for point in points]
        assert [*first.timestamps, *rest.timestamps] == [point.timestamp for point in points]
        assert list(store.metric_columns(run.info.run_id, "none").values) == []

    def test_columns_can_be_had_in_the_order_of_time(self, store: TrackingStore, run: Run) -> None:
        rows = [
            *((1, 9, 0.5), (2, 0, -1.0), (2, 0, math.nan), (2, 0, 1.0)),
            *((2, 3, -5.0), (7, -2, 0.0), (9, 0, 0.0)),
        ]
        points = [Metric("m", value, time, step) for time, step, value in rows]
        logged = [points[i] for i in (4, 6, 1, 5, 3, 0, 2)]

        def found(**more: Any) -> tuple[list[str], str | None]:
            page = store.metric_columns(run.info.run_id, "m", by_time=True, **more)
            columns = zip(page.timestamps, page.steps, page.values, strict=True)
            return [repr(row) for row in columns], page.token

        assert found() == ([], None)
        store.log_batch(run.info.run_id, metrics=logged[:2])
        assert found() == ([repr(rows[4]), repr(rows[6])], None)
        # What comes late is put in its place.
        store.log_batch(run.info.run_id, metrics=logged[2:])
        for _ in range(2):
            assert found() == (list(map(repr, rows)), None)
            first, token = found(max_results=3)
            second, token = found(max_results=3, page_token=token)
            third, token = found(max_results=3, page_token=token)
            assert ([*first, *second, *third], token) == (list(map(repr, rows)), None)

    def test_columns_logged_in_the_order_of_time_are_had_in_it_page_by_page(
        self, store: TrackingStore, run: Run
    ) -> None:
        points = [Metric("m", i / 2, 100 + i // 3, i) for i in range(9)]
        for part in (points[:4], points[4:]):
            store.log_batch(run.info.run_id, metrics=part)
            for _ in range(2):
                first = store.metric_columns(run.info.run_id, "m", by_time=True, max_results=3)
                rest = store.metric_columns(
                    run.info.run_id, "m", by_time=True, page_token=first.token
                )
                known = points[: 4 if part == points[:4] else 9]
                assert [*first.steps, *rest.steps] == [point.step for point in known]

    def test_pages_of_a_history_make_the_whole(self, store: TrackingStore, run: Run) -> None:
        points = [Metric("m", float(i), i, i) for i in range(25)]
        store.log_batch(run.info.run_id, metrics=points)
        seen: list[Metric] = []
        sizes: list[int] = []
        token: str | None = None
        while not sizes or token:
            page = store.metric_history(run.info.run_id, "m", max_results=10, page_token=token)
            seen += page
            sizes.append(len(page))
            token = page.token
        assert seen == points
        assert sizes == [10, 10, 5]
        assert store.metric_history(run.info.run_id, "m").token is None
        assert store.metric_history(run.info.run_id, "m", max_results=25).token is None

    def test_a_bad_page_of_a_history_is_an_error(self, store: TrackingStore, run: Run) -> None:
        with pytest.raises(InvalidValue):
            store.metric_history(run.info.run_id, "m", max_results=0)
        with pytest.raises(InvalidValue):
            store.metric_history(run.info.run_id, "m", page_token="not a token")  # noqa: S106

    def test_a_short_history_is_not_reduced(self, store: TrackingStore, run: Run) -> None:
        points = [Metric("m", float(i), i, i) for i in range(50)]
        store.log_batch(run.info.run_id, metrics=points)
        assert store.sampled_history(run.info.run_id, "m", 50) == points
        assert store.sampled_history(run.info.run_id, "m", 1000) == points

    def test_a_reduced_history_keeps_ends_and_extremes(
        self, store: TrackingStore, run: Run
    ) -> None:
        values = [math.sin(i / 100) for i in range(5000)]
        values[1234], values[3210] = 1e6, -1e6
        store.log_batch(
            run.info.run_id, metrics=[Metric("m", v, 1, i) for i, v in enumerate(values)]
        )
        reduced = store.sampled_history(run.info.run_id, "m", 100)
        assert 50 <= len(reduced) <= 100
        steps = [point.step for point in reduced]
        assert steps == sorted(set(steps))
        assert {0, 1234, 3210, 4999} <= set(steps)
        assert all(point == Metric("m", values[point.step], 1, point.step) for point in reduced)

    def test_a_reduced_history_is_ordered_by_step(self, store: TrackingStore, run: Run) -> None:
        points = [Metric("m", float(step), 1, step) for step in (9, 2, 7, 0, 5)]
        store.log_batch(run.info.run_id, metrics=points)
        reduced = store.sampled_history(run.info.run_id, "m", 10)
        assert [point.step for point in reduced] == [0, 2, 5, 7, 9]

    def test_a_reduced_history_stays_within_its_steps(self, store: TrackingStore, run: Run) -> None:
        store.log_batch(run.info.run_id, metrics=[Metric("m", float(i), 1, i) for i in range(1000)])
        for start, end, first, last in (
            (100, 200, 100, 200),
            (None, 200, 0, 200),
            (900, None, 900, 999),
            (-5, 5, 0, 5),
        ):
            reduced = store.sampled_history(
                run.info.run_id, "m", 50, start_step=start, end_step=end
            )
            assert (reduced[0].step, reduced[-1].step) == (first, last)
            assert len(reduced) <= 50
        assert store.sampled_history(run.info.run_id, "m", 50, start_step=2000) == []

    def test_reducing_does_not_stumble_over_nan(self, store: TrackingStore, run: Run) -> None:
        values = [math.nan if i % 3 else float(i) for i in range(3000)]
        store.log_batch(
            run.info.run_id, metrics=[Metric("m", v, 1, i) for i, v in enumerate(values)]
        )
        reduced = store.sampled_history(run.info.run_id, "m", 100)
        assert len(reduced) <= 100
        assert 2997.0 in [point.value for point in reduced]

    def test_reopening_keeps_histories(
        self, store: TrackingStore, run: Run, reopen: Callable[[], TrackingStore]
    ) -> None:
        points = [Metric("m", i / 7, i, -i) for i in range(100)]
        store.log_batch(run.info.run_id, metrics=points)
        with closing(reopen()) as again:
            assert list(again.metric_history(run.info.run_id, "m")) == points


class _OneElement:
    """What NumPy's and PyTorch's arrays of one element are to a store."""

    shape = (1,)

    def __init__(self, value: object) -> None:
        self._value = value

    def item(self) -> object:
        """Return the element."""
        return self._value


class WriterTests(StoreTests):
    """Log through a writer, the way of training loops."""

    def test_what_a_writer_logged_is_read_at_once(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id
        writer = store.metric_writer()
        writer.attach(run_id)
        writer.log(run_id, "loss", 0.5, 10, 0)
        assert list(store.metric_history(run_id, "loss")) == [Metric("loss", 0.5, 10, 0)]
        writer.log_many(run_id, {"loss": 0.25, "acc": 0.75}, 20, 1)
        assert store.get_run(run_id).data.metrics == {"loss": 0.25, "acc": 0.75}
        [found] = store.search_runs(["0"], filter="metrics.acc > 0.7")
        assert found.info.run_id == run_id
        writer.detach(run_id)
        writer.close()
        assert [p.value for p in store.metric_history(run_id, "loss")] == [0.5, 0.25]

    def test_writers_and_batches_add_to_one_history(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id
        writer = store.metric_writer()
        writer.attach(run_id)
        writer.log(run_id, "m", 1.0, 1, 0)
        log(store, run_id, metrics={"m": 2.0})
        writer.log(run_id, "m", 3.0, 3, 0)
        writer.flush()
        assert [p.value for p in store.metric_history(run_id, "m")] == [1.0, 2.0, 3.0]
        writer.close()

    def test_a_writer_keeps_special_values(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id
        writer = store.metric_writer()
        writer.attach(run_id)
        for step, value in enumerate((math.nan, math.inf, -math.inf, 1e-320)):
            writer.log(run_id, "Ünïcödé 1", value, 1, step)
        writer.close()
        points = store.metric_history(run_id, "Ünïcödé 1")
        assert [repr(p.value) for p in points] == ["nan", "inf", "-inf", "1e-320"]

    def test_a_value_may_be_an_array_of_one_element_or_text(
        self, store: TrackingStore, run: Run
    ) -> None:
        run_id, given = run.info.run_id, [_OneElement(0.5), "0.5", 0.5]
        writer = store.metric_writer()
        writer.attach(run_id)
        for step, value in enumerate(given):
            writer.log(run_id, "one", value, 1, step)  # type: ignore[arg-type]
            writer.log_many(run_id, {"many": value, "other": 1}, 1, step)  # type: ignore[dict-item]
        points = [Metric("batch", value, 1, step) for step, value in enumerate(given)]  # type: ignore[arg-type]
        store.log_batch(run_id, metrics=points)
        for key in ("one", "many", "batch"):
            assert [p.value for p in store.metric_history(run_id, key)] == [0.5] * 3
        for bad in (_OneElement("text"), _OneElement(None), "half", ""):
            with pytest.raises(InvalidValue):
                store.log_batch(run_id, metrics=[Metric("m", bad, 1)])  # type: ignore[arg-type]
        writer.close()

    def test_a_writer_refuses_what_a_batch_refuses(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id
        writer = store.metric_writer()
        writer.attach(run_id)
        for key, value, step in (("../m", 1.0, 0), ("", 1.0, 0), ("m", 1.0, 2**63)):
            with pytest.raises(InvalidValue):
                writer.log(run_id, key, value, 1, step)
        with pytest.raises(InvalidValue):
            writer.log(run_id, "m", "text", 1, 0)  # type: ignore[arg-type]
        with pytest.raises(InvalidValue):
            writer.log_many(run_id, {"good": 1.0, "../bad": 1.0}, 1, 0)
        writer.close()
        assert store.get_run(run_id).data.metrics == {}

    def test_a_writer_refuses_unknown_and_deleted_runs(
        self, store: TrackingStore, run: Run
    ) -> None:
        writer = store.metric_writer()
        with pytest.raises(NotFound):
            writer.attach("0" * 32)
            writer.log("0" * 32, "m", 1.0, 1, 0)
        store.delete_run(run.info.run_id)
        with pytest.raises(InvalidState):
            writer.attach(run.info.run_id)
            writer.log(run.info.run_id, "m", 1.0, 1, 0)
        writer.close()
        assert list(store.metric_history(run.info.run_id, "m")) == []

    def test_threads_share_a_writer(self, store: TrackingStore) -> None:
        run_ids = [store.create_run("0").info.run_id for _ in range(2)]
        writer = store.metric_writer()
        for run_id in run_ids:
            writer.attach(run_id)

        def work(thread: int) -> None:
            for step in range(50):
                writer.log(run_ids[thread % 2], f"m{thread}", float(step), step, step)
                writer.log_many(run_ids[0], {f"x{thread}": 1.0, f"y{thread}": 2.0}, step, step)

        in_threads(work)
        writer.close()
        for thread in range(THREADS):
            own = store.metric_history(run_ids[thread % 2], f"m{thread}")
            assert [p.value for p in own] == [float(step) for step in range(50)]
            for key, value in (("x", 1.0), ("y", 2.0)):
                many = store.metric_history(run_ids[0], f"{key}{thread}")
                assert [(p.step, p.value) for p in many] == [(s, value) for s in range(50)]

    def test_reopening_keeps_what_a_writer_logged(
        self, store: TrackingStore, run: Run, reopen: Callable[[], TrackingStore]
    ) -> None:
        writer = store.metric_writer()
        writer.attach(run.info.run_id)
        for step in range(10):
            writer.log(run.info.run_id, "m", float(step), step, step)
        writer.close()
        with closing(reopen()) as again:
            assert [p.step for p in again.metric_history(run.info.run_id, "m")] == list(range(10))
            assert again.get_run(run.info.run_id).data.metrics == {"m": 9.0}


class ConcurrencyTests(StoreTests):
    """Use one store from many threads."""

    def test_threads_create_runs_and_log_to_them(self, store: TrackingStore) -> None:
        def work(thread: int) -> None:
            for number in range(3):
                run = store.create_run("0", run_name=f"{thread}-{number}")
                for step in range(5):
                    store.log_batch(
                        run.info.run_id,
                        metrics=[Metric("m", float(step), step, step)],
                        params=[Param(f"p{step}", str(thread))],
                    )
                store.update_run(run.info.run_id, status=RunStatus.FINISHED, end_time=1)

        in_threads(work)
        runs = store.search_runs(["0"])
        expected = {f"{thread}-{number}" for thread in range(THREADS) for number in range(3)}
        assert {run.info.run_name for run in runs} == expected
        for run in runs:
            thread = run.info.run_name.partition("-")[0]
            assert run.info.status is RunStatus.FINISHED
            assert run.data.params == {f"p{step}": thread for step in range(5)}
            assert run.data.metrics == {"m": 4.0}

    def test_threads_log_to_one_run(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id

        def work(thread: int) -> None:
            for step in range(20):
                store.log_batch(
                    run_id,
                    metrics=[Metric("shared", float(thread), 1, step)],
                    tags=[RunTag(f"t{thread}", str(step))],
                )

        in_threads(work)
        values = [p.value for p in store.metric_history(run_id, "shared")]
        assert sorted(values) == sorted([float(t) for t in range(THREADS)] * 20)
        tags = store.get_run(run_id).data.tags
        assert {f"t{t}": tags[f"t{t}"] for t in range(THREADS)} == {
            f"t{t}": "19" for t in range(THREADS)
        }

    def test_of_threads_that_set_one_param_differently_one_wins(
        self, store: TrackingStore, run: Run
    ) -> None:
        refused: list[int] = []

        def work(thread: int) -> None:
            try:
                log(store, run.info.run_id, params={"p": str(thread)})
            except InvalidValue:
                refused.append(thread)

        in_threads(work)
        assert len(refused) == THREADS - 1
        assert int(store.get_run(run.info.run_id).data.params["p"]) not in refused

    def test_of_threads_that_create_one_experiment_one_wins(self, store: TrackingStore) -> None:
        made: list[str] = []

        def work(_: int) -> None:
            try:
                made.append(store.create_experiment("wanted").experiment_id)
            except Exception as error:
                if type(error).__name__ != "AlreadyExists":
                    raise

        in_threads(work)
        found = store.get_experiment_by_name("wanted")
        assert found is not None
        assert made == [found.experiment_id]

    def test_reading_goes_on_while_others_write(self, store: TrackingStore, run: Run) -> None:
        run_id = run.info.run_id

        def work(thread: int) -> None:
            for step in range(15):
                if thread % 2:
                    pair = [
                        Metric("a", float(step), thread, step),
                        Metric("b", float(step), thread, step),
                    ]
                    store.log_batch(run_id, metrics=pair)
                else:
                    metrics = store.get_run(run_id).data.metrics
                    # Both come with one batch, so no reader sees one without the other.
                    assert metrics.get("a") == metrics.get("b")
                    store.search_runs(["0"])

        in_threads(work)
        assert len(store.metric_history(run_id, "a")) == THREADS // 2 * 15
