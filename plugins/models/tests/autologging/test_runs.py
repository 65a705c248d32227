"""The runs that autologgers log to: the user's, or their own."""

from __future__ import annotations

import pegboard
import pytest
from pegboard.entities import RunStatus
from pegboard_models.autologging import Integration, PointBuffer, RunLog, Switches, training_run


def made(switches: Switches | None = None) -> Integration:
    integration = Integration("pluggy", "pluggy", ("1.0", "99.0"))
    integration.enable(switches or Switches(), lambda: None)
    return integration


def test_without_an_active_run_one_is_made_and_ended() -> None:
    with training_run(made(Switches(extra_tags={"team": "a", "mlflow.autologging": "x"}))) as run:
        assert run is not None
        run.metrics({"loss": 0.5})
        assert pegboard.active_run() is not None
    assert pegboard.active_run() is None
    ended = pegboard.get_run(run.run_id)
    assert ended.info.status == RunStatus.FINISHED
    assert ended.data.tags["mlflow.autologging"] == "pluggy"
    assert ended.data.tags["team"] == "a"


def test_a_training_that_raises_makes_the_run_fail() -> None:
    with pytest.raises(LookupError), training_run(made()) as run:
        raise LookupError
    assert run is not None
    assert pegboard.get_run(run.run_id).info.status == RunStatus.FAILED


def test_runs_that_the_training_left_open_are_ended() -> None:
    with training_run(made()) as run:
        inner = pegboard.start_run(nested=True)
    assert run is not None
    assert pegboard.get_run(inner.info.run_id).info.status == RunStatus.FINISHED
    assert pegboard.active_run() is None


def test_the_active_run_is_used_and_left_open() -> None:
    with pegboard.start_run() as mine:
        with training_run(made(Switches(extra_tags={"team": "a"}))) as run:
            assert run is not None
            assert run.run_id == mine.info.run_id
        assert pegboard.active_run() is mine
    assert "team" not in pegboard.get_run(mine.info.run_id).data.tags


def test_exclusive_leaves_the_runs_of_the_user_alone_but_not_its_own() -> None:
    exclusive = made(Switches(exclusive=True))
    with pegboard.start_run(), training_run(exclusive) as run:
        assert run is None
    with training_run(exclusive) as outer, training_run(exclusive) as inner:
        assert outer is not None
        assert inner is not None
        assert outer.run_id == inner.run_id


def test_a_store_that_does_not_work_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    pegboard.set_tracking_uri("nothing://here")
    integration = made()
    for _ in range(2):
        with training_run(integration) as run:
            assert run is None
    assert len(caplog.records) == 1
    assert "starting a run" in caplog.text


def test_what_is_too_long_is_shortened_and_what_is_too_much_goes_in_parts() -> None:
    with training_run(made()) as run:
        assert run is not None
        run.params({**{f"p{index}": index for index in range(250)}, "k" * 300: "v" * 7000})
    params = pegboard.get_run(run.run_id).data.params
    assert len(params) == 251
    assert params["p249"] == "249"
    assert len(params["k" * 247 + "..."]) == 6000


def test_points_are_kept_together_until_they_are_flushed() -> None:
    with training_run(made()) as run:
        assert isinstance(run, RunLog)
        points = PointBuffer(run)
        for step in range(2500):
            points.add({"loss": 1 / (step + 1)}, step)
        points.flush()
    history = pegboard.MlflowClient().get_metric_history(run.run_id, "loss")
    assert [point.step for point in history] == list(range(2500))
