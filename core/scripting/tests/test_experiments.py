from __future__ import annotations

import os
from pathlib import Path

import pegboard
import pytest
from pegboard.errors import AlreadyExists, InvalidState, InvalidValue, NotFound


def test_set_experiment_creates_it_once_and_runs_go_there() -> None:
    experiment = pegboard.set_experiment("one")
    assert pegboard.set_experiment("one") == experiment
    with pegboard.start_run() as run:
        assert run.info.experiment_id == experiment.experiment_id
    assert os.environ["PEGBOARD_EXPERIMENT_NAME"] == "one"


def test_set_experiment_takes_an_id() -> None:
    experiment_id = pegboard.create_experiment("two", tags={"a": 1})
    assert pegboard.set_experiment(experiment_id=experiment_id).tags == {"a": "1"}
    with pytest.raises(NotFound):
        pegboard.set_experiment(experiment_id="77")


def test_set_experiment_wants_exactly_one_of_name_and_id() -> None:
    with pytest.raises(InvalidValue):
        pegboard.set_experiment()
    with pytest.raises(InvalidValue):
        pegboard.set_experiment("a", "0")


def test_a_deleted_experiment_cannot_be_set() -> None:
    experiment_id = pegboard.create_experiment("gone")
    pegboard.delete_experiment(experiment_id)
    with pytest.raises(InvalidState, match="deleted"):
        pegboard.set_experiment("gone")
    pegboard.restore_experiment(experiment_id)
    assert pegboard.set_experiment("gone").experiment_id == experiment_id


def test_a_name_is_taken_only_once() -> None:
    pegboard.create_experiment("one")
    with pytest.raises(AlreadyExists):
        pegboard.create_experiment("one")


@pytest.mark.parametrize("prefix", ["MLFLOW", "PEGBOARD"])
def test_the_environment_names_the_experiment(prefix: str) -> None:
    os.environ[f"{prefix}_EXPERIMENT_NAME"] = "by name"
    with pegboard.start_run() as run:
        experiment = pegboard.get_experiment_by_name("by name")
        assert experiment is not None
        assert run.info.experiment_id == experiment.experiment_id
    os.environ[f"{prefix}_EXPERIMENT_ID"] = "0"
    with pytest.raises(InvalidValue, match="EXPERIMENT_ID"):
        pegboard.start_run()
    del os.environ[f"{prefix}_EXPERIMENT_NAME"]
    with pegboard.start_run() as run:
        assert run.info.experiment_id == "0"
    os.environ[f"{prefix}_EXPERIMENT_ID"] = "99"
    with pytest.raises(InvalidValue, match="99"):
        pegboard.start_run()


def test_an_experiment_given_to_start_run_goes_before_the_active_one() -> None:
    pegboard.set_experiment("active")
    other = pegboard.create_experiment("other")
    with pegboard.start_run(experiment_id=other) as run:
        assert run.info.experiment_id == other


def test_tags_of_the_active_experiment_are_set_and_removed() -> None:
    experiment = pegboard.set_experiment("tagged")
    pegboard.set_experiment_tags({"a": 1, "b": 2})
    pegboard.set_experiment_tag("c", 3)
    pegboard.delete_experiment_tag("b")
    assert pegboard.get_experiment(experiment.experiment_id).tags == {"a": "1", "c": "3"}


def test_an_experiment_that_is_not_there_is_none_by_name_and_not_found_by_id() -> None:
    assert pegboard.get_experiment_by_name("nothing") is None
    with pytest.raises(NotFound):
        pegboard.get_experiment("404")


def test_the_tracking_uri_is_the_one_set_else_the_environments_else_configured() -> None:
    assert pegboard.get_tracking_uri() == "dict:main"
    pegboard.set_tracking_uri("dict:other")
    assert pegboard.get_tracking_uri() == "dict:other"
    assert os.environ["PEGBOARD_TRACKING_URI"] == "dict:other"
    pegboard.set_tracking_uri("")
    assert not pegboard.is_tracking_uri_set()
    assert pegboard.get_tracking_uri() == "sqlite:pegruns/pegboard.db"
    os.environ["MLFLOW_TRACKING_URI"] = "dict:third"
    assert pegboard.is_tracking_uri_set()
    assert pegboard.get_tracking_uri() == "dict:third"


def test_a_path_object_becomes_an_absolute_path(tmp_path: Path) -> None:
    pegboard.set_tracking_uri(Path("here"))
    assert pegboard.get_tracking_uri() == str(tmp_path / "here")


def test_clients_without_a_uri_use_the_one_that_was_set() -> None:
    pegboard.set_tracking_uri("dict:other")
    pegboard.Client().create_experiment("in other")
    assert pegboard.Client("dict:main").get_experiment_by_name("in other") is None
    assert pegboard.MlflowClient("dict:other").get_experiment_by_name("in other") is not None
