from __future__ import annotations

import sqlite3

import pytest
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard_tracking.wire.logging import MODELS_TAG


def test_a_run_is_created_with_what_is_given(wire) -> None:
    made = wire.post(
        "runs/create",
        experiment_id="0",
        user_id="ann",
        run_name="first",
        start_time="1234",
        tags=[{"key": "a", "value": "b"}],
    )["run"]
    info = made["info"]
    assert info["run_id"] == info["run_uuid"]
    assert info["artifact_uri"].endswith(f"{info['run_id']}/artifacts")
    assert {k: info[k] for k in ("user_id", "run_name", "start_time", "status")} == {
        "user_id": "ann",
        "run_name": "first",
        "start_time": 1234,
        "status": "RUNNING",
    }
    assert "end_time" not in info
    assert {tag["key"]: tag["value"] for tag in made["data"]["tags"]} == {
        "a": "b",
        "mlflow.runName": "first",
    }
    assert made["inputs"] == made["outputs"] == {}


def test_a_run_needs_nothing_and_goes_into_the_default_experiment(wire) -> None:
    info = wire.post("runs/create")["run"]["info"]
    assert info["experiment_id"] == "0"
    assert info["run_name"]
    assert info["start_time"] > 0


def test_a_run_is_read_by_both_names_of_its_id(wire) -> None:
    run = wire.run()
    for field in ("run_id", "run_uuid", "runId"):
        assert wire.get("runs/get", **{field: run})["run"]["info"]["run_id"] == run
    assert isinstance(wire.refused("GET", "runs/get"), InvalidValue)
    assert isinstance(wire.refused("GET", "runs/get", run_id="none"), NotFound)


def test_a_field_may_not_be_given_by_both_of_its_names(wire) -> None:
    error = wire.refused("GET", "runs/get", run_id=wire.run(), runId=wire.run())
    assert isinstance(error, InvalidValue)


def test_a_run_ends_by_the_name_or_number_of_a_status(wire) -> None:
    run = wire.run()
    info = wire.post("runs/update", run_id=run, status="FINISHED", end_time=99, run_name="new")
    assert info["run_info"]["status"] == "FINISHED"
    assert info["run_info"]["end_time"] == 99
    assert info["run_info"]["run_name"] == "new"
    assert wire.post("runs/update", run_id=run, status=4)["run_info"]["status"] == "FAILED"
    again = wire.post("runs/update", run_uuid=run, status="RUNNING")["run_info"]
    assert again["status"] == "RUNNING"
    assert "end_time" not in again


@pytest.mark.parametrize(
    "fields", [{"status": "LOST"}, {"status": 9}, {"status": []}, {"end_time": 2**63}]
)
def test_a_run_cannot_be_updated_to_what_the_protocol_has_not(wire, fields) -> None:
    run = wire.run()
    error = wire.refused("POST", "runs/update", run_id=run, **fields)
    assert error.error_code == "INVALID_PARAMETER_VALUE"
    assert wire.get("runs/get", run_id=run)["run"]["info"]["status"] == "RUNNING"


def test_a_lost_run_reads_failed(wire, tmp_path) -> None:
    run = wire.run()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE run SET status = 'LOST', end_time = 5")
    assert wire.get("runs/get", run_id=run)["run"]["info"]["status"] == "FAILED"


def test_a_deleted_run_takes_nothing_until_it_is_restored(wire) -> None:
    run = wire.run()
    wire.post("runs/log-metric", run_id=run, key="a", value=1.0, timestamp=1)
    wire.post("runs/delete", run_id=run)
    for path, fields in (
        ("log-metric", {"key": "a", "value": 2.0, "timestamp": 2}),
        ("log-metric", {"key": "new", "value": 2.0, "timestamp": 2}),
        ("log-parameter", {"key": "a", "value": "b"}),
        ("set-tag", {"key": "a", "value": "b"}),
        ("delete-tag", {"key": "a"}),
        ("log-batch", {"metrics": [{"key": "a", "value": 1, "timestamp": 1}]}),
        ("log-batch", {"params": [{"key": "a", "value": "1"}]}),
        ("update", {"status": "FINISHED"}),
    ):
        assert isinstance(
            wire.refused("POST", f"runs/{path}", run_id=run, **fields), InvalidState
        ), path
    wire.post("runs/restore", run_id=run)
    wire.post("runs/log-metric", run_id=run, key="a", value=3.0, timestamp=3)
    history = wire.get("metrics/get-history", run_id=run, metric_key="a")["metrics"]
    assert [point["value"] for point in history] == [1.0, 3.0]


def test_a_run_of_a_deleted_experiment_takes_no_metrics(wire) -> None:
    wire.post("experiments/create", name="x")
    run = wire.run(experiment_id="1")
    wire.post("runs/log-metric", run_id=run, key="a", value=1.0, timestamp=1)
    wire.post("experiments/delete", experiment_id="1")
    error = wire.refused("POST", "runs/log-metric", run_id=run, key="a", value=1.0, timestamp=1)
    assert isinstance(error, InvalidState)


def test_runs_are_found_with_their_data_page_by_page(wire) -> None:
    for i in range(3):
        run = wire.run(start_time=i)
        wire.post(
            "runs/log-batch",
            run_id=run,
            metrics=[{"key": "m", "value": i, "timestamp": 1}],
            params=[{"key": "p", "value": str(i)}],
        )
    wanted = {
        "experiment_ids": ["0"],
        "filter": "metrics.m > 0",
        "order_by": ["metrics.m ASC"],
        "max_results": 1,
    }
    first = wire.post("runs/search", **wanted)
    second = wire.post("runs/search", **wanted, page_token=first["next_page_token"])
    assert "next_page_token" not in second
    values = [found["runs"][0]["data"]["metrics"][0]["value"] for found in (first, second)]
    assert values == [1.0, 2.0]
    assert second["runs"][0]["data"]["params"] == [{"key": "p", "value": "2"}]
    wire.post("runs/delete", run_id=run)
    deleted = wire.post("runs/search", experiment_ids=["0"], run_view_type="DELETED_ONLY")
    assert [found["info"]["run_id"] for found in deleted["runs"]] == [run]
    assert wire.post("runs/search")["runs"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"max_results": 50_001},
        {"max_results": -1},
        {"max_results": 2**31},
        {"run_view_type": "SOME"},
        {"experiment_ids": "0"},
        {"experiment_ids": [0]},
        {"filter": "metrics."},
        {"order_by": ["metrics.a SIDEWAYS"]},
        {"page_token": "x"},
    ],
)
def test_a_search_with_wrong_fields_is_refused(wire, fields) -> None:
    error = wire.refused("POST", "runs/search", **{"experiment_ids": ["0"], **fields})
    assert error.error_code == "INVALID_PARAMETER_VALUE"


def test_datasets_and_models_are_inputs_and_outputs_of_a_run(wire) -> None:
    run = wire.run()
    data = {
        "name": "iris",
        "digest": "d1",
        "source_type": "local",
        "source": "{}",
        "schema": "{}",
        "profile": "{}",
    }
    use = {"dataset": data, "tags": [{"key": "mlflow.data.context", "value": "training"}]}
    model = wire.store.logged_models().create("0", name="m").model_id
    assert (
        wire.post("runs/log-inputs", run_id=run, datasets=[use], models=[{"model_id": model}]) == {}
    )
    assert wire.post("runs/outputs", run_id=run, models=[{"model_id": model, "step": 3}]) == {}
    found = wire.get("runs/get", run_id=run)["run"]
    assert found["inputs"] == {"dataset_inputs": [use], "model_inputs": [{"model_id": model}]}
    assert found["outputs"] == {"model_outputs": [{"model_id": model, "step": 3}]}


@pytest.mark.parametrize(
    "datasets",
    [
        {},
        [None],
        [{}],
        [{"dataset": {"name": "a", "digest": "b", "source_type": "c"}}],
        [{"dataset": {"name": 1, "digest": "b", "source_type": "c", "source": "d"}}],
        [{"dataset": {"name": "n" * 501, "digest": "b", "source_type": "c", "source": "d"}}],
    ],
)
def test_datasets_with_wrong_fields_are_refused(wire, datasets) -> None:
    run = wire.run()
    assert isinstance(
        wire.refused("POST", "runs/log-inputs", run_id=run, datasets=datasets), InvalidValue
    )
    assert wire.get("runs/get", run_id=run)["run"]["inputs"] == {}


def test_models_of_old_clients_are_listed_in_a_tag_that_stays_json(wire) -> None:
    import json

    run = wire.run()
    for i in range(40):
        model = {
            "artifact_path": f"m{i}",
            "flavors": {"python_function": {"env": "x" * 300}},
            "utc_time_created": "now",
            "run_id": run,
        }
        wire.post("runs/log-model", run_id=run, model_json=json.dumps(model))
    tags = {t["key"]: t["value"] for t in wire.get("runs/get", run_id=run)["run"]["data"]["tags"]}
    history = json.loads(tags[MODELS_TAG])
    assert history[-1]["artifact_path"] == "m39"
    assert len(history) > 5
    for wrong in ("{", "[]", '{"artifact_path": "a"}'):
        error = wire.refused("POST", "runs/log-model", run_id=run, model_json=wrong)
        assert isinstance(error, InvalidValue)
