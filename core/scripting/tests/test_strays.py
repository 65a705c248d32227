"""Threads that log without a run of their own, and experiments after a change of the store."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pegboard
import pytest
from pegboard.errors import InvalidState
from pegboard_scripting.fluent import experiments


def in_thread(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1, "worker") as pool:
        return pool.submit(work).result()


def all_runs() -> list[Any]:
    return pegboard.Client().search_runs(["0"], order_by=["start_time ASC"])


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


LOGGING: dict[str, Callable[[], Any]] = {
    "log_metric": lambda: pegboard.log_metric("a", 1),
    "log_metrics": lambda: pegboard.log_metrics({"a": 1}),
    "log_param": lambda: pegboard.log_param("a", 1),
    "log_params": lambda: pegboard.log_params({"a": 1}),
    "set_tag": lambda: pegboard.set_tag("a", 1),
    "set_tags": lambda: pegboard.set_tags({"a": 1}),
    "log_text": lambda: pegboard.log_text("x", "a.txt"),
    "log_dict": lambda: pegboard.log_dict({}, "a.json"),
    "log_input": lambda: pegboard.log_input("data"),
    "get_artifact_uri": pegboard.get_artifact_uri,
}


def is_logged(run: Any) -> bool:
    data = pegboard.get_run(run.info.run_id)
    kept = [data.data.metrics, data.data.params, data.data.tags.get("a")]
    return any(kept) or bool(data.inputs.dataset_inputs) or bool(files_of(run))


def files_of(run: Any) -> list[Any]:
    return list(pegboard.Client().list_artifacts(run.info.run_id))


@pytest.mark.parametrize("name", LOGGING)
def test_a_thread_logs_to_the_one_run_that_is_open(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pegboard.start_run() as run:
        answer = in_thread(LOGGING[name])
    assert [found.info.run_id for found in all_runs()] == [run.info.run_id]
    assert is_logged(run) or run.info.run_id in answer
    assert warnings_of(caplog) == []


def test_a_thread_does_not_end_the_run_it_shares_and_has_none_itself() -> None:
    with pegboard.start_run() as run:
        in_thread(pegboard.end_run)
        assert in_thread(pegboard.active_run) is None
        assert pegboard.get_run(run.info.run_id).info.status == "RUNNING"


def test_a_thread_follows_the_runs_that_begin_and_end_around_it() -> None:
    with ThreadPoolExecutor(1) as pool:
        runs = []
        for number in range(3):
            with pegboard.start_run() as run:
                pool.submit(pegboard.log_metric, "a", number).result()
                runs.append(run.info.run_id)
    assert [pegboard.get_run(each).data.metrics for each in runs] == [
        {"a": 0.0},
        {"a": 1.0},
        {"a": 2.0},
    ]
    assert len(all_runs()) == 3


def test_many_threads_that_log_at_once_share_the_run(caplog: pytest.LogCaptureFixture) -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait(30)
        pegboard.log_metric(f"m{number}", number)

    with pegboard.start_run() as run, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert pegboard.get_run(run.info.run_id).data.metrics == {f"m{n}": float(n) for n in range(8)}
    assert len(all_runs()) == 1
    assert warnings_of(caplog) == []


def test_threads_that_log_at_once_without_any_run_start_one_and_are_warned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> str:
        barrier.wait(30)
        pegboard.log_metric(f"m{number}", number)
        # Its thread must not end before the others have logged.
        barrier.wait(30)
        pegboard.end_run()
        return ""

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    (run,) = all_runs()
    assert run.data.metrics == {f"m{n}": float(n) for n in range(8)}
    assert run.info.status == "FINISHED"
    (warning,) = warnings_of(caplog)
    assert run.info.run_id in warning
    assert "run_id=" in warning


def test_a_thread_among_several_open_runs_is_warned_of_the_run_it_gets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work() -> str:
        pegboard.log_metric("a", 1)
        found = pegboard.active_run()
        assert found is not None
        pegboard.end_run()
        return found.info.run_id

    with pegboard.start_run() as outer, pegboard.start_run(nested=True) as inner:
        made = in_thread(work)
    assert made not in (outer.info.run_id, inner.info.run_id)
    (warning,) = warnings_of(caplog)
    assert made in warning
    assert "2 runs are open" in warning


def test_a_script_that_logs_without_a_run_is_not_warned(caplog: pytest.LogCaptureFixture) -> None:
    pegboard.log_metric("a", 1)
    pegboard.end_run()
    assert len(all_runs()) == 1
    assert warnings_of(caplog) == []


def test_a_thread_that_names_a_run_writes_to_the_store_of_that_run() -> None:
    with pegboard.start_run() as run:
        pegboard.set_tracking_uri("dict:other")
        in_thread(lambda: pegboard.log_metric("a", 1, run_id=run.info.run_id))
        pegboard.set_tracking_uri("dict:main")
    assert pegboard.get_run(run.info.run_id).data.metrics == {"a": 1.0}


# -- experiments after a change of the store -------------------------------------------------------


@pytest.mark.parametrize("by_id", [False, True])
def test_the_chosen_experiment_is_found_by_its_name_in_another_store(by_id: bool) -> None:
    other = pegboard.Client("dict:other")
    wrong = other.create_experiment("somebody else's")
    there = other.create_experiment("mine")
    here = pegboard.create_experiment("mine")
    assert here == wrong != there
    pegboard.set_experiment(**({"experiment_id": here} if by_id else {"experiment_name": "mine"}))
    pegboard.set_tracking_uri("dict:other")
    with pegboard.start_run() as run:
        assert run.info.experiment_id == there
    pegboard.set_experiment_tag("a", 1)
    assert pegboard.get_experiment(there).tags == {"a": "1"}
    pegboard.set_tracking_uri("dict:main")
    with pegboard.start_run() as run:
        assert run.info.experiment_id == here


def test_the_chosen_experiment_is_created_in_a_store_that_has_none_of_its_name() -> None:
    pegboard.set_experiment("mine")
    pegboard.set_tracking_uri("dict:empty")
    with pegboard.start_run() as run:
        assert pegboard.get_experiment(run.info.experiment_id).name == "mine"


def test_the_chosen_experiment_that_is_deleted_in_the_other_store_is_refused() -> None:
    other = pegboard.Client("dict:other")
    other.delete_experiment(other.create_experiment("mine"))
    pegboard.set_experiment("mine")
    pegboard.set_tracking_uri("dict:other")
    with pytest.raises(InvalidState, match="deleted"):
        pegboard.start_run()


def test_processes_started_after_it_get_the_experiment_by_name_whatever_else_is_set() -> None:
    os.environ["MLFLOW_EXPERIMENT_ID"] = "0"
    pegboard.set_experiment("mine")
    # As in a new process, which knows the environment only.
    experiments._active_id = None
    with pegboard.start_run() as run:
        assert pegboard.get_experiment(run.info.experiment_id).name == "mine"
