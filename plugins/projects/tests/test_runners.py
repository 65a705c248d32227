"""The runner of this machine, under contract and with its limits."""

from __future__ import annotations

from pathlib import Path

import pytest
from pegboard.host import Host
from pegboard_projects import Runner, RunnerContract
from pegboard_projects.contract import Job
from pegboard_projects.runners.local import Local, Settings


class TestLocal(RunnerContract):
    def runner(self) -> Runner:
        return Local()


def test_the_runners_under_contract_are_those_declared() -> None:
    assert set(Host().declared("project runner")) == {"local"}


@pytest.mark.parametrize(
    ("settings", "command", "code", "reason"),
    [
        (Settings(time_seconds=0.2), "sleep 600", 143, "longer than 0.2 s"),
        (Settings(memory_megabytes=64), "x=$(head -c 200M /dev/zero | tr '\\0' x)", None, ""),
    ],
)
def test_limits_are_held(
    settings: Settings, command: str, code: int | None, reason: str, tmp_path: Path
) -> None:
    job = Job(
        run_id="0" * 32,
        name="greedy",
        command=command,
        directory=tmp_path,
        variables={"PATH": "/usr/bin:/bin"},
        settings=settings,
        grace_seconds=1.0,
    )
    outcome = Local().submit(job, lambda _: None).wait(60)
    assert outcome is not None
    assert outcome.code != 0
    assert code is None or outcome.code == code
    assert reason in outcome.reason
    assert not outcome.cancelled
