from __future__ import annotations

import time

import pytest
from pegboard.errors import AlreadyExists, InvalidState, InvalidValue, NotFound


def test_an_experiment_is_created_and_read_back(wire) -> None:
    made = wire.post(
        "experiments/create",
        name="flowers",
        artifact_location="file:///tmp/flowers",
        tags=[{"key": "team", "value": "a"}, {"key": "empty"}],
    )
    assert made == {"experiment_id": "1"}
    found = wire.get("experiments/get", experiment_id="1")["experiment"]
    assert found.pop("creation_time") == found.pop("last_update_time") > 0
    assert sorted(found.pop("tags"), key=lambda tag: tag["key"]) == [
        {"key": "empty", "value": ""},
        {"key": "team", "value": "a"},
    ]
    assert found == {
        "experiment_id": "1",
        "name": "flowers",
        "artifact_location": "file:///tmp/flowers",
        "lifecycle_stage": "active",
    }
    by_name = wire.get("experiments/get-by-name", experiment_name="flowers")
    assert by_name["experiment"]["experiment_id"] == "1"


def test_a_name_that_is_taken_is_told_by_the_code_that_clients_look_for(wire) -> None:
    wire.post("experiments/create", name="flowers")
    error = wire.refused("POST", "experiments/create", name="flowers")
    assert isinstance(error, AlreadyExists)
    assert error.error_code == "RESOURCE_ALREADY_EXISTS"


def test_experiments_are_found_in_the_order_of_creation_whatever_changed_since(wire) -> None:
    for name in ("flowers", "trees"):
        time.sleep(0.002)
        wire.post("experiments/create", name=name)
    time.sleep(0.002)
    wire.post("experiments/update", experiment_id="1", new_name="shrubs")
    found = wire.post("experiments/search")["experiments"]
    assert [each["name"] for each in found] == ["trees", "shrubs", "Default"]
    one = wire.get("experiments/search", max_results="1")
    two = wire.get("experiments/search", max_results="1", page_token=one["next_page_token"])
    assert [page["experiments"][0]["name"] for page in (one, two)] == ["trees", "shrubs"]
    ordered = wire.post("experiments/search", order_by=["last_update_time DESC"])["experiments"]
    assert ordered[0]["name"] == "shrubs"


def test_an_unknown_name_is_told_by_the_code_that_clients_look_for(wire) -> None:
    error = wire.refused("GET", "experiments/get-by-name", experiment_name="none")
    assert error.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": None}, {"name": 3}, {"name": []}])
def test_an_experiment_needs_a_name(wire, fields) -> None:
    assert isinstance(wire.refused("POST", "experiments/create", **fields), InvalidValue)


def test_an_experiment_is_renamed_deleted_and_restored(wire) -> None:
    wire.post("experiments/create", name="flowers")
    assert wire.post("experiments/update", experiment_id="1", new_name="trees") == {}
    assert wire.post("experiments/delete", experiment_id="1") == {}
    found = wire.get("experiments/get-by-name", experiment_name="trees")["experiment"]
    assert found["lifecycle_stage"] == "deleted"
    assert isinstance(wire.refused("POST", "runs/create", experiment_id="1"), InvalidState)
    assert wire.post("experiments/restore", experiment_id="1") == {}
    assert wire.post("runs/create", experiment_id="1")["run"]["info"]["experiment_id"] == "1"


def test_deleting_or_restoring_again_is_told_by_the_code_that_clients_look_for(wire) -> None:
    wire.post("experiments/create", name="flowers")
    for move, state in (("restore", "active"), ("delete", "deleted")):
        if move == "delete":
            wire.post("experiments/delete", experiment_id="1")
        error = wire.refused("POST", f"experiments/{move}", experiment_id="1")
        assert error.error_code == "RESOURCE_DOES_NOT_EXIST"
        assert f"{state} already" in str(error)


def test_tags_of_an_experiment_are_set_and_removed(wire) -> None:
    assert wire.post("experiments/set-experiment-tag", experiment_id="0", key="a", value="1") == {}
    assert wire.get("experiments/get", experiment_id="0")["experiment"]["tags"] == [
        {"key": "a", "value": "1"}
    ]
    assert wire.post("experiments/delete-experiment-tag", experiment_id="0", key="a") == {}
    assert "tags" not in wire.get("experiments/get", experiment_id="0")["experiment"]
    error = wire.refused("POST", "experiments/delete-experiment-tag", experiment_id="0", key="a")
    assert isinstance(error, NotFound)


def test_experiments_are_found_page_by_page_by_both_methods(wire) -> None:
    for name in "abc":
        wire.post("experiments/create", name=name)
    first = wire.post(
        "experiments/search", max_results=2, order_by=["name"], filter="name != 'Default'"
    )
    assert [found["name"] for found in first["experiments"]] == ["a", "b"]
    rest = wire.get(
        "experiments/search",
        max_results="2",
        order_by="name",
        filter="name != 'Default'",
        page_token=first["next_page_token"],
    )
    assert [found["name"] for found in rest["experiments"]] == ["c"]
    assert "next_page_token" not in rest
    wire.post("experiments/delete", experiment_id="1")
    deleted = wire.post("experiments/search", view_type="DELETED_ONLY")["experiments"]
    assert [found["name"] for found in deleted] == ["a"]
    assert len(wire.post("experiments/search", view_type=3)["experiments"]) == 4


@pytest.mark.parametrize(
    "fields",
    [
        {"max_results": 0},
        {"max_results": 50_001},
        {"max_results": 2**63},
        {"max_results": "many"},
        {"view_type": "SOME"},
        {"view_type": 4},
        {"order_by": "name"},
        {"order_by": [None]},
        {"filter": 1},
        {"page_token": "no token"},
    ],
)
def test_a_search_with_wrong_fields_is_refused(wire, fields) -> None:
    error = wire.refused("POST", "experiments/search", **fields)
    assert error.error_code == "INVALID_PARAMETER_VALUE"


def test_datasets_are_listed_once_for_each_context(wire) -> None:
    data = {"name": "iris", "digest": "d1", "source_type": "local", "source": "{}"}
    for context in ("training", "training", "evaluation"):
        wire.post(
            "runs/log-inputs",
            run_id=wire.run(),
            datasets=[
                {"dataset": data, "tags": [{"key": "mlflow.data.context", "value": context}]}
            ],
        )
    wire.post("runs/log-inputs", run_id=wire.run(), datasets=[{"dataset": data}])
    found = wire.post("experiments/search-datasets", experiment_ids=["0", "7"])
    summaries = found["dataset_summaries"]
    assert {summary.get("context") for summary in summaries} == {"training", "evaluation", None}
    assert len(summaries) == 3
    assert {(s["experiment_id"], s["name"], s["digest"]) for s in summaries} == {
        ("0", "iris", "d1")
    }
    for ids in ([], ["0"] * 21):
        error = wire.refused("POST", "experiments/search-datasets", experiment_ids=ids)
        assert isinstance(error, InvalidValue)
