"""Many runs of projects: how many at a time, what is tried again, and how all of them end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard.errors import InvalidState, InvalidValue, StoreError
from pegboard_projects import (
    Place,
    Request,
    Result,
    Scheduler,
    Session,
    Task,
    check_request,
    recording,
    scheduling,
)
from pegboard_projects.cancelling import by_signals
from pegboard_projects.errors import ProjectError
from pegboard_projects.recording import outer_run
from pegboard_projects.running import session
from pegboard_scripting.client import Client

from .conftest import project

MLPROJECT = """
entry_points:
  say: {parameters: {word: string}, command: "echo {word}"}
  bad: {command: "exit 3"}
  second: {command: "test -e once || {{ touch once; exit 4; }}"}
  meet:
    parameters: {me: string, other: string}
    command: "touch {me}; until test -e {other}; do sleep 0.02; done"
  make: {parameters: {n: {default: 1}}, command: "echo made > $PEGBOARD_OUTPUTS/made"}
  endless: {command: "sleep 600"}
"""


@pytest.fixture
def within(place: Path) -> Iterator[Session]:
    project(place / "p", MLproject=MLPROJECT)
    with session() as found:
        yield found


def task(key: str, entry_point: str, *, timeout: float | None = None, retries: int = 0) -> Task:
    parameters = {"word": key} if entry_point == "say" else {}
    request = Request(
        uri="p", entry_point=entry_point, parameters=parameters, timeout_seconds=timeout
    )
    return Task(key=key, request=request, place=Place(run_name=key), retries=retries)


def test_tasks_end_as_they_do_and_more_are_added_meanwhile(within: Session) -> None:
    client, said, begun = within.client, [], []
    with (
        outer_run(client, Place(run_name="all"), {"n": "4"}) as outer,
        Scheduler(
            within,
            concurrency=2,
            show=lambda each, piece: said.append((each.key, piece)),
            began=lambda each, plan, run_id: begun.append((each.key, run_id)),
        ) as scheduler,
    ):
        nested = Place(run_name="a", parent_run_id=outer.run_id)
        request = Request(uri="p", entry_point="say", parameters={"word": "hello"})
        scheduler.add(Task(key="a", request=request, place=nested))
        scheduler.add(task("bad", "bad", retries=1))
        with pytest.raises(InvalidState, match="'bad'"):
            scheduler.add(task("bad", "bad"))
        found: dict[object, Result] = {}
        for result in scheduler:
            found[result.task.key] = result
            if len(found) == 2:
                scheduler.add(task("second", "second", retries=2))
                scheduler.add(task("slow", "endless", timeout=0.2))
                scheduler.add(task("nowhere", "nowhere"))
    ends = {key: (str(each.status), each.attempts) for key, each in found.items()}
    assert ends == {
        "a": ("FINISHED", 1),
        "bad": ("FAILED", 2),
        "second": ("FINISHED", 2),
        "slow": ("FAILED", 1),
        "nowhere": ("FAILED", 0),
    }
    assert [key for key, each in found.items() if each.timed_out] == ["slow"]
    assert found["slow"].reason == "It ran for longer than 0.2 s, its limit."
    assert found["bad"].reason == "Its exit code is 3."
    assert "no entry point 'nowhere'" in found["nowhere"].reason
    assert ("a", b"hello\n") in said
    assert len(begun) == 6
    assert begun.count(("a", found["a"].run_id)) == 1
    runs = {run.info.run_id: run for run in client.search_runs(["0"])}
    assert len(runs) == 7
    assert runs[found["a"].run_id or ""].data.tags["mlflow.parentRunId"] == outer.run_id
    assert runs[outer.run_id].info.status == "FINISHED"
    attempts = [
        runs[run_id].data.tags.get("pegboard.project.attempt") for run_id in found["second"].run_ids
    ]
    assert attempts == [None, "2"]
    statuses = sorted(run.info.status for run in runs.values())
    assert statuses == ["FAILED"] * 4 + ["FINISHED"] * 3


def test_no_more_run_at_a_time_than_there_is_room_for(within: Session) -> None:
    with Scheduler(within, concurrency=2) as scheduler:
        for me, other in ("ab", "ba"):
            request = Request(uri="p", entry_point="meet", parameters={"me": me, "other": other})
            scheduler.add(Task(key=me, request=request))
        for key in "cde":
            scheduler.add(task(key, "say"))
        keys = [str(result.task.key) for result in scheduler if result.status == "FINISHED"]
    assert sorted(keys) == list("abcde")
    times = [run.info for run in within.client.search_runs(["0"])]
    for each in times:
        begun = [other for other in times if other.start_time <= each.start_time]
        assert sum((other.end_time or 0) > each.start_time for other in begun) <= 2
    with pytest.raises(InvalidValue, match="1 or more"):
        Scheduler(within, concurrency=0)


def test_one_is_cancelled_or_all_are_by_a_signal(within: Session) -> None:
    with by_signals() as cancelling, Scheduler(within, concurrency=2) as scheduler:
        cancelling.aim(scheduler)
        for key in ("a", "b", "c"):
            scheduler.add(task(key, "endless", retries=3))
        assert scheduler.next(0) is None
        scheduler.cancel("a")
        scheduler.cancel("c")
        ended = {str(each.task.key): each for each in (scheduler.next(), scheduler.next()) if each}
        assert {key: str(each.status) for key, each in ended.items()} == {
            "a": "KILLED",
            "c": "KILLED",
        }
        assert ended["c"].run_id is None
        assert scheduler.next(0) is None
        signal.raise_signal(signal.SIGTERM)
        scheduler.add(task("d", "say"))
        rest = {result.task.key: str(result.status) for result in scheduler}
    assert rest == {"b": "KILLED", "d": "KILLED"}
    assert [run.info.status for run in within.client.search_runs(["0"])] == ["KILLED"] * 2


def test_an_error_of_the_caller_ends_all(within: Session) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        outer_run(within.client, Place(), {}),
        Scheduler(within, concurrency=2) as scheduler,
    ):
        scheduler.add(task("a", "endless"))
        assert scheduler.next(0) is None
        raise ZeroDivisionError
    statuses = sorted(run.info.status for run in within.client.search_runs(["0"]))
    assert statuses == ["FAILED", "KILLED"]


AWAY = ("create_run", "log_text", "log_batch", "log_artifacts", "set_terminated")


@pytest.mark.parametrize("method", AWAY)
def test_a_store_that_is_out_of_reach_is_waited_for(
    method: str, within: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is to be recorded when it is away, nothing is lost or left as running."""
    monkeypatch.setattr(scheduling, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(recording, "_PAUSE_SECONDS", 0.0)
    call, faults = getattr(Client, method), iter([True, True])

    def away(*args: object, **kwargs: object) -> object:
        if next(faults, False):
            raise StoreError("The server cannot be reached.")
        return call(*args, **kwargs)

    monkeypatch.setattr(Client, method, away)
    request = Request(uri="p", entry_point="make")
    with Scheduler(within, concurrency=1) as scheduler:
        scheduler.add(Task(key="a", request=request))
        (result,) = scheduler
    assert next(faults, None) is None
    assert (result.status, result.reason) == ("FINISHED", "")
    run = within.client.get_run(result.run_id or "")
    assert run.info.status == "FINISHED"
    assert run.data.tags["pegboard.project.exit_code"] == "0"
    assert pegboard.artifacts.load_text(f"runs:/{result.run_id}/made") == "made\n"
    others = [
        each for each in within.client.search_runs(["0"]) if each.info.run_id != result.run_id
    ]
    assert {each.info.status for each in others} <= {"FAILED"}


def test_a_request_is_checked_before_there_is_a_run(within: Session) -> None:
    plan = check_request(within, task("a", "say").request)
    assert plan.values == {"word": "a"}
    with pytest.raises(ProjectError, match="no entry point"):
        check_request(within, task("a", "nowhere").request)
    assert within.client.search_runs(["0"]) == []
