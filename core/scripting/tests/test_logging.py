from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pegboard
import pytest
from pegboard.entities import Dataset, Metric
from pegboard.errors import InvalidValue, NotFound


def run_id() -> str:
    run = pegboard.active_run()
    assert run is not None
    return run.info.run_id


def history(key: str) -> list[Metric]:
    return list(pegboard.Client().get_metric_history(run_id(), key))


def test_the_first_logging_call_starts_a_run() -> None:
    assert pegboard.active_run() is None
    pegboard.log_metric("a", 1)
    first = run_id()
    pegboard.log_param("b", 2)
    assert run_id() == first
    assert pegboard.get_run(first).data.metrics == {"a": 1.0}


def test_metrics_have_steps_and_times() -> None:
    with pegboard.start_run():
        pegboard.log_metric("a", 1.5)
        pegboard.log_metric("a", 2.5, step=7, timestamp=123)
        pegboard.log_metric("a", 3.5, -2, None, 456)
        points = history("a")
    assert [(p.value, p.step) for p in points] == [(1.5, 0), (2.5, 7), (3.5, -2)]
    assert [p.timestamp for p in points[1:]] == [123, 456]
    assert points[0].timestamp > 1_600_000_000_000


def test_metrics_logged_together_share_step_and_time() -> None:
    with pegboard.start_run():
        pegboard.log_metrics({"a": 1, "b": math.inf}, step=3)
        (a,), (b,) = history("a"), history("b")
    assert (a.step, a.timestamp) == (b.step, b.timestamp)
    assert b.value == math.inf


def test_metrics_go_to_a_run_that_is_not_active_when_it_is_named() -> None:
    with pegboard.start_run() as done:
        pass
    with pegboard.start_run() as active:
        pegboard.log_metric("a", 1, run_id=done.info.run_id)
        pegboard.log_metrics({"b": 2}, run_id=done.info.run_id)
        pegboard.log_params({"c": 3}, run_id=done.info.run_id)
    found = pegboard.get_run(done.info.run_id).data
    assert (found.metrics, found.params) == ({"a": 1.0, "b": 2.0}, {"c": "3"})
    assert not pegboard.get_run(active.info.run_id).data.metrics
    with pytest.raises(NotFound):
        pegboard.log_metric("a", 1, run_id="0" * 32)


def test_naming_a_run_starts_none() -> None:
    with pegboard.start_run() as done:
        pass
    pegboard.log_metric("a", 1, run_id=done.info.run_id)
    pegboard.log_text("x", "x.txt", run_id=done.info.run_id)
    assert pegboard.active_run() is None


def test_logging_returns_to_the_outer_run_when_the_inner_one_ends() -> None:
    with pegboard.start_run() as outer:
        pegboard.log_metric("a", 1)
        with pegboard.start_run(nested=True) as inner:
            pegboard.log_metric("a", 2)
        pegboard.log_metric("a", 3)
    assert pegboard.get_run(outer.info.run_id).data.metrics == {"a": 3.0}
    assert pegboard.get_run(inner.info.run_id).data.metrics == {"a": 2.0}


def test_a_bad_metric_is_refused_and_the_run_goes_on() -> None:
    with pegboard.start_run():
        with pytest.raises(InvalidValue):
            pegboard.log_metric("a", "text")  # type: ignore[arg-type]
        with pytest.raises(InvalidValue):
            pegboard.log_metric("a?", 1)
        pegboard.log_metric("a", 1)
        assert [p.value for p in history("a")] == [1.0]


def test_params_are_text_and_set_once() -> None:
    with pegboard.start_run() as run:
        assert pegboard.log_param("lr", 0.1) == 0.1
        pegboard.log_params({"a": None, "b": [1]})
        pegboard.log_param("lr", 0.1)
        with pytest.raises(InvalidValue, match="lr"):
            pegboard.log_param("lr", 0.2)
    assert pegboard.get_run(run.info.run_id).data.params == {"lr": "0.1", "a": "None", "b": "[1]"}


def test_tags_are_set_changed_and_removed() -> None:
    with pegboard.start_run() as run:
        pegboard.set_tag("a", 1)
        pegboard.set_tags({"a": 2, "b": 3})
        pegboard.delete_tag("b")
        with pytest.raises(NotFound):
            pegboard.delete_tag("b")
    tags = pegboard.get_run(run.info.run_id).data.tags
    assert tags["a"] == "2"
    assert "b" not in tags


@pytest.mark.parametrize(
    "call",
    [
        lambda s: pegboard.log_metric("a", 1, synchronous=s),
        lambda s: pegboard.log_metrics({"a": 1}, synchronous=s),
        lambda s: pegboard.log_params({"a": 1}, synchronous=s),
        lambda s: pegboard.set_tag("a", 1, synchronous=s),
        lambda s: pegboard.set_tags({"a": 1}, synchronous=s),
        lambda s: pegboard.Client().log_metric(run_id(), "a", 1, synchronous=s),
        lambda s: pegboard.Client().log_batch(run_id(), synchronous=s),
        lambda s: pegboard.Client().set_tag(run_id(), "a", 1, synchronous=s),
    ],
)
def test_t14_calls_that_need_not_wait_return_something_to_wait_for(
    call: Callable[[bool | None], Any],
) -> None:
    with pegboard.start_run():
        assert call(None) is None
        assert call(True) is None
        operation = call(False)
        assert isinstance(operation, pegboard.RunOperations)
        operation.wait()
        pegboard.flush_async_logging()


def test_t14_log_param_returns_an_operation_instead_of_the_value() -> None:
    with pegboard.start_run():
        assert isinstance(pegboard.log_param("a", 1, synchronous=False), pegboard.RunOperations)
        assert pegboard.log_param("a", 1, synchronous=True) == 1


def test_t9_inputs_are_data_or_descriptions_of_it() -> None:
    with pegboard.start_run() as run:
        pegboard.log_input("raw data", context="training", tags={"split": 1})  # type: ignore[dict-item]
        pegboard.log_input(Dataset("own", "d2", "text", "there"))
        pegboard.log_input()
        pegboard.log_inputs(["more"], ["testing"], [None])
    first, second = pegboard.get_run(run.info.run_id).inputs.dataset_inputs
    assert (first.dataset.name, first.dataset.digest) == ("text", "d1")
    assert {tag.key: tag.value for tag in first.tags} == {
        "mlflow.data.context": "training",
        "split": "1",
    }
    assert second.dataset.name == "own"


def test_t9_lists_of_inputs_have_one_length() -> None:
    with pegboard.start_run(), pytest.raises(InvalidValue, match="one length"):
        pegboard.log_inputs(["a", "b"], ["training"], [None, None])


def test_t9_data_that_no_plugin_knows_is_refused() -> None:
    with pegboard.start_run(), pytest.raises(InvalidValue, match="text"):
        pegboard.log_input(object())


def test_t9_plugins_add_constructors_of_datasets() -> None:
    assert pegboard.data.from_text("x", name="mine").name == "mine"
    with pytest.raises(AttributeError, match="from_nothing"):
        pegboard.data.from_nothing("x")
    with pytest.raises(InvalidValue, match="pandas"):
        pegboard.data.from_pandas(object())


def test_a_chart_asks_for_fewer_points_than_there_are() -> None:
    with pegboard.start_run():
        for step in range(500):
            pegboard.log_metric("a", 100 if step == 250 else 0, step=step)
        points = pegboard.Client().metric_history(run_id(), "a", points=20, start_step=100)
    assert len(points) <= 20
    assert points[0].step == 100
    assert max(point.value for point in points) == 100


def test_many_threads_log_to_one_run_through_the_client() -> None:
    from concurrent.futures import ThreadPoolExecutor

    client = pegboard.Client()
    run = client.create_run("0")
    with ThreadPoolExecutor(8) as pool:
        for worker in range(8):
            for step in range(50):
                pool.submit(client.log_metric, run.info.run_id, f"m{worker}", step, step=step)
    assert client.get_run(run.info.run_id).data.metrics == {f"m{w}": 49.0 for w in range(8)}
