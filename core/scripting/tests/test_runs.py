from __future__ import annotations

import os
import threading
from itertools import pairwise
from typing import Any

import pegboard
import pytest
from pegboard.entities import LifecycleStage, Run, RunStatus
from pegboard.errors import InvalidState, InvalidValue, NotFound, PegboardError


def status_of(run: Run) -> RunStatus:
    return pegboard.get_run(run.info.run_id).info.status


def test_a_with_block_runs_and_finishes() -> None:
    with pegboard.start_run(run_name="first") as run:
        assert pegboard.active_run() is run
        assert status_of(run) == "RUNNING"
    assert pegboard.active_run() is None
    ended = pegboard.get_run(run.info.run_id)
    assert ended.info.status == "FINISHED"
    assert ended.info.run_name == "first"
    assert ended.info.end_time is not None


def test_an_active_run_is_a_run() -> None:
    with pegboard.start_run() as run:
        assert isinstance(run, Run)
        assert run.info.experiment_id == "0"
        assert run.info.user_id == "unknown"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(3), "FAILED"),
        (SystemExit("message"), "FAILED"),
        (SystemExit(0), "FINISHED"),
        (SystemExit(), "FINISHED"),
    ],
)
def test_what_leaves_the_with_block_decides_how_the_run_ends(
    error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), pegboard.start_run() as run:
        raise error
    assert status_of(run) == status


def test_leaving_a_with_block_also_ends_runs_left_open_in_it() -> None:
    with pytest.raises(ValueError, match="boom"), pegboard.start_run() as outer:
        inner = pegboard.start_run(nested=True)
        raise ValueError("boom")
    assert status_of(outer) == status_of(inner) == "FAILED"
    assert pegboard.active_run() is None


def test_a_run_ended_within_its_with_block_keeps_its_status() -> None:
    with pegboard.start_run() as run:
        pegboard.end_run("KILLED")
    assert status_of(run) == "KILLED"


def test_a_second_run_needs_to_be_nested() -> None:
    with pegboard.start_run(), pytest.raises(InvalidState, match="is active"):
        pegboard.start_run()


def test_runs_nest_to_any_depth() -> None:
    runs = [pegboard.start_run()]
    runs += [pegboard.start_run(nested=True) for _ in range(20)]
    for parent, child in pairwise(runs):
        found = pegboard.get_parent_run(child.info.run_id)
        assert found is not None
        assert found.info.run_id == parent.info.run_id
    assert pegboard.get_parent_run(runs[0].info.run_id) is None
    for run in reversed(runs):
        assert pegboard.active_run() is run
        pegboard.end_run()


def test_a_parent_can_be_named_that_is_not_active() -> None:
    with pegboard.start_run() as parent:
        pass
    with pegboard.start_run(parent_run_id=parent.info.run_id) as child:
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_parent_other_than_the_active_run_is_refused() -> None:
    with pegboard.start_run() as other:
        pass
    with pegboard.start_run(), pytest.raises(InvalidState):
        pegboard.start_run(nested=True, parent_run_id=other.info.run_id)


def test_a_deleted_parent_is_refused() -> None:
    with pegboard.start_run() as parent:
        pass
    pegboard.delete_run(parent.info.run_id)
    with pytest.raises(InvalidState, match="deleted"):
        pegboard.start_run(parent_run_id=parent.info.run_id)
    with pytest.raises(NotFound):
        pegboard.start_run(parent_run_id="0" * 32)


def test_a_run_is_resumed_by_its_id() -> None:
    with pegboard.start_run() as first:
        pegboard.log_param("a", 1)
    with pegboard.start_run(first.info.run_id, description="again", tags={"n": 2}) as second:
        assert second.info.run_id == first.info.run_id
        assert second.info.status == "RUNNING"
        assert second.data.tags["mlflow.note.content"] == "again"
        assert second.data.tags["n"] == "2"
        assert second.data.params == {"a": "1"}
    assert status_of(first) == "FINISHED"


@pytest.mark.parametrize("variable", ["MLFLOW_RUN_ID", "PEGBOARD_RUN_ID"])
def test_the_environment_names_a_run_to_resume_once(variable: str) -> None:
    with pegboard.start_run() as first:
        pass
    os.environ[variable] = first.info.run_id
    with pegboard.start_run() as resumed:
        assert resumed.info.run_id == first.info.run_id
    with pegboard.start_run() as other:
        assert other.info.run_id != first.info.run_id


def test_a_deleted_run_is_not_resumed() -> None:
    with pegboard.start_run() as run:
        pass
    pegboard.delete_run(run.info.run_id)
    with pytest.raises(InvalidState, match="deleted"):
        pegboard.start_run(run.info.run_id)
    pegboard.restore_run(run.info.run_id)
    with pegboard.start_run(run.info.run_id):
        pass


def test_a_run_of_another_experiment_than_the_chosen_is_not_resumed() -> None:
    with pegboard.start_run() as run:
        pass
    pegboard.set_experiment("other")
    with pytest.raises(InvalidState, match="experiment"):
        pegboard.start_run(run.info.run_id)


def test_description_and_its_tag_exclude_each_other() -> None:
    with pytest.raises(InvalidValue):
        pegboard.start_run(description="a", tags={"mlflow.note.content": "b"})
    assert pegboard.active_run() is None


def test_end_run_without_a_run_does_nothing() -> None:
    pegboard.end_run()


def test_end_run_refuses_an_unknown_status_and_leaves_the_run_open() -> None:
    with pegboard.start_run() as run:
        with pytest.raises(InvalidValue, match="DONE"):
            pegboard.end_run("DONE")
        assert pegboard.active_run() is run


def test_the_last_active_run_is_read_anew() -> None:
    assert pegboard.last_active_run() is None
    with pegboard.start_run() as run:
        assert pegboard.last_active_run() is run
        pegboard.log_param("a", 1)
    last = pegboard.last_active_run()
    assert last is not None
    assert (last.info.run_id, last.info.status) == (run.info.run_id, "FINISHED")
    assert last.data.params == {"a": "1"}


def test_each_thread_has_active_runs_of_its_own() -> None:
    seen: list[Any] = []

    def work() -> None:
        seen.append(pegboard.active_run())
        with pegboard.start_run() as run:
            pegboard.log_metric("x", 1)
            seen.append(run)

    with pegboard.start_run() as mine:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        pegboard.log_metric("y", 1)
    assert seen[0] is None
    assert pegboard.get_run(seen[1].info.run_id).data.metrics == {"x": 1.0}
    assert pegboard.get_run(mine.info.run_id).data.metrics == {"y": 1.0}


def test_an_exception_that_ends_a_thread_fails_its_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pegboard_scripting.fluent import lifetime

    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)
    lifetime._chain_thread_hook()
    seen: list[Run] = []

    def work() -> None:
        seen.append(pegboard.start_run())
        raise ValueError("boom")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert status_of(seen[0]) == "FAILED"
    assert [str(arguments.exc_value) for arguments in reported] == ["boom"]


def test_the_writer_is_shared_attached_flushed_and_detached(store: Any) -> None:
    with pegboard.start_run():
        with pegboard.start_run(nested=True):
            pegboard.log_metric("a", 1)
        pegboard.log_metrics({"a": 1, "b": 2})
    assert store.calls == ["attach", "attach", "flush", "detach", "flush", "detach"]
    assert store.writers == 1


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_a_run_that_cannot_be_ended_is_detached_and_a_warning_says_so(
    store: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise PegboardError("no space")

    run = pegboard.start_run()
    monkeypatch.setattr(store, "update_run", fail)
    pegboard.end_run()
    assert store.calls[-1] == "detach"
    assert pegboard.active_run() is None
    (warning,) = warnings_of(caplog)
    assert run.info.run_id in warning
    assert "no space" in warning


@pytest.mark.parametrize("end", ["end_run", "with", "error"])
@pytest.mark.parametrize("gone", ["run", "experiment"])
def test_ending_a_run_that_was_deleted_warns_once_and_the_next_one_starts(
    end: str, gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = pegboard.set_experiment("doomed").experiment_id

    def delete(run: Run) -> None:
        if gone == "run":
            pegboard.delete_run(run.info.run_id)
        else:
            pegboard.delete_experiment(experiment)

    if end == "end_run":
        delete(pegboard.start_run())
        pegboard.end_run()
    elif end == "with":
        with pegboard.start_run() as run:
            delete(run)
    else:
        with pytest.raises(ZeroDivisionError), pegboard.start_run() as run:
            delete(run)
            raise ZeroDivisionError
    assert len(warnings_of(caplog)) == 1
    assert "deleted" in caplog.text
    with pegboard.start_run(experiment_id="0") as run:
        pegboard.log_metric("a", 1)
    assert status_of(run) == "FINISHED"
    assert len(warnings_of(caplog)) == 1


def test_runs_write_to_the_store_they_were_started_in() -> None:
    with pegboard.start_run() as run:
        pegboard.set_tracking_uri("dict:other")
        pegboard.log_metric("a", 1)
        pegboard.log_param("b", 2)
    pegboard.set_tracking_uri("dict:main")
    found = pegboard.get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.metrics == {"a": 1.0}
    assert found.data.params == {"b": "2"}


def test_a_deleted_run_is_still_found_by_its_id() -> None:
    with pegboard.start_run() as run:
        pass
    pegboard.delete_run(run.info.run_id)
    assert pegboard.get_run(run.info.run_id).info.lifecycle_stage is LifecycleStage.DELETED
