"""The endpoints of logged models, called as the server calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pegboard.config import Config
from pegboard.entities import LoggedModelInput, Metric
from pegboard.errors import InvalidValue, NotFound
from pegboard.host import Host
from pegboard_tracking.wire import logged_models
from pegboard_wire.http import Call, Identity, Permission

BASE = "/api/2.0/mlflow/logged-models"
ENDPOINTS = {(each.method, each.path): each for each in logged_models.ENDPOINTS}


@pytest.fixture
def host(tmp_path) -> Iterator[Host]:
    host = Host(Config())
    yield host
    host.close()


@pytest.fixture
def store(host, tmp_path):
    return host.tracking_store(f"sqlite:{tmp_path}/runs.db")


@pytest.fixture
def call(host, store, tmp_path):
    def call(method: str, path: str, **fields: Any) -> Any:
        endpoint = ENDPOINTS[method, BASE + path]
        me = Identity("me", frozenset(Permission))
        answer = endpoint.handle(Call(host, me, fields, {}, None, f"sqlite:{tmp_path}/runs.db"))
        # What is sent is JSON that any decoder reads.
        return json.loads(json.dumps(answer, allow_nan=False))

    return call


@pytest.fixture
def model_id(call) -> str:
    made = call(
        "POST",
        "",
        experiment_id="0",
        name="net",
        model_type="agent",
        source_run_id="",
        params=[{"key": "lr", "value": "0.1"}],
        tags=[{"key": "team", "value": "blue"}],
    )
    return str(made["model"]["info"]["model_id"])


def test_a_model_is_created_finalized_and_read(call, store, model_id) -> None:
    run_id = store.create_run("0").info.run_id
    point = Metric("acc", float("nan"), 5, 2, model_id, "iris", "d1")
    store.log_batch(run_id, metrics=[point])
    answer = call("PATCH", "/{model_id}", model_id=model_id, status="LOGGED_MODEL_READY")
    assert answer == call("GET", "/{model_id}", model_id=model_id)
    info, data = answer["model"]["info"], answer["model"]["data"]
    assert info.pop("creation_timestamp_ms") <= info.pop("last_updated_timestamp_ms")
    assert info.pop("artifact_uri").endswith(f"/0/models/{model_id}/artifacts")
    assert info == {
        "model_id": model_id,
        "experiment_id": "0",
        "name": "net",
        "status": "LOGGED_MODEL_READY",
        "model_type": "agent",
        "source_run_id": "",
        "tags": [{"key": "team", "value": "blue"}],
    }
    assert data == {
        "params": [{"key": "lr", "value": "0.1"}],
        "metrics": [
            {
                "key": "acc",
                "value": "NaN",
                "timestamp": 5,
                "step": 2,
                "model_id": model_id,
                "dataset_name": "iris",
                "dataset_digest": "d1",
                "run_id": run_id,
            }
        ],
    }


def test_what_was_sent_is_read_back_as_it_was(call, store, model_id) -> None:
    answer = call("GET", "/{model_id}", model_id=model_id)
    assert logged_models.read_model(answer["model"]) == store.logged_models().get(model_id)


@pytest.mark.parametrize("status", [3, "LOGGED_MODEL_UPLOAD_FAILED"])
def test_a_status_is_a_name_or_a_number(call, model_id, status) -> None:
    answer = call("PATCH", "/{model_id}", model_id=model_id, status=status)
    assert answer["model"]["info"]["status"] == "LOGGED_MODEL_UPLOAD_FAILED"


@pytest.mark.parametrize("status", [None, "", "READY", 9, -1, True, 2.0, [], {}])
def test_a_wrong_status_is_refused(call, model_id, status) -> None:
    with pytest.raises(InvalidValue):
        call("PATCH", "/{model_id}", model_id=model_id, status=status)


def test_tags_and_params_are_changed(call, model_id) -> None:
    new = [{"key": "a/b", "value": "1"}]
    assert call("PATCH", "/{model_id}/tags", model_id=model_id, tags=new) == {}
    assert call("POST", "/{model_id}/params", model_id=model_id, params=new) == {}
    assert (
        call("DELETE", "/{model_id}/tags/{tag_key:path}", model_id=model_id, tag_key="team") == {}
    )
    model = call("GET", "/{model_id}", model_id=model_id)["model"]
    assert model["info"]["tags"] == new
    assert new[0] in model["data"]["params"]
    with pytest.raises(NotFound):
        call("DELETE", "/{model_id}/tags/{tag_key:path}", model_id=model_id, tag_key="team")


@pytest.mark.parametrize(("place", "key"), [("{tag_key}", "a:b"), ("{tag_key:path}", "a/b")])
def test_tags_with_odd_keys_are_removed(call, model_id, place, key) -> None:
    call("PATCH", "/{model_id}/tags", model_id=model_id, tags=[{"key": key, "value": "1"}])
    assert call("DELETE", f"/{{model_id}}/tags/{place}", model_id=model_id, tag_key=key) == {}
    model = call("GET", "/{model_id}", model_id=model_id)["model"]
    assert model["info"]["tags"] == [{"key": "team", "value": "blue"}]


def test_models_are_searched_page_by_page(call, store, model_id) -> None:
    other = call("POST", "", experiment_id="0")["model"]["info"]["model_id"]
    run_id = store.create_run("0").info.run_id
    store.log_batch(run_id, metrics=[Metric("acc", 0.5, 1, 0, model_id, "iris", "d1")])
    wanted: dict[str, Any] = {
        "experiment_ids": ["0"],
        "order_by": [{"field_name": "metrics.acc", "dataset_name": "iris"}],
        "max_results": 1,
    }
    first = call("POST", "/search", **wanted)
    second = call("POST", "/search", **wanted, page_token=first["next_page_token"])
    found = [page["models"][0]["info"]["model_id"] for page in (first, second)]
    assert found == [model_id, other]
    assert "next_page_token" not in second
    only = call(
        "POST",
        "/search",
        experiment_ids=["0"],
        filter="metrics.acc > 0.1",
        datasets=[{"dataset_name": "iris", "dataset_digest": "d1"}],
        order_by=[{"field_name": "creation_time", "ascending": False, "dataset_name": None}],
    )
    assert [model["info"]["model_id"] for model in only["models"]] == [model_id]
    assert call("POST", "/search", experiment_ids=["4040"]) == {"models": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"experiment_ids": []},
        {"experiment_ids": "0"},
        {"experiment_ids": [0]},
        {"experiment_ids": ["0"], "filter": 7},
        {"experiment_ids": ["0"], "filter": "name"},
        {"experiment_ids": ["0"], "max_results": 0},
        {"experiment_ids": ["0"], "max_results": "many"},
        {"experiment_ids": ["0"], "order_by": ["name"]},
        {"experiment_ids": ["0"], "order_by": [{"ascending": True}]},
        {"experiment_ids": ["0"], "order_by": [{"field_name": "name", "ascending": "up"}]},
        {"experiment_ids": ["0"], "datasets": [{}]},
        {"experiment_ids": ["0"], "page_token": "x"},
    ],
)
def test_a_wrong_search_is_refused(call, wrong) -> None:
    with pytest.raises(InvalidValue):
        call("POST", "/search", **wrong)


def test_files_are_listed_and_nothing_outside(call, host, store, model_id) -> None:
    import io

    listing = ("GET", "/{model_id}/artifacts/directories")
    root = store.logged_models().get(model_id).artifact_location
    assert call(*listing, model_id=model_id) == {"root_uri": root}
    host.artifact_store(root).write("data/model.bin", io.BytesIO(b"12345"))
    assert call(*listing, model_id=model_id)["files"] == [{"path": "data", "is_dir": True}]
    inside = call(*listing, model_id=model_id, artifact_directory_path="data")
    assert inside["files"] == [{"path": "data/model.bin", "is_dir": False, "file_size": 5}]
    for path in ("..", "../../x", "/etc", "data/../../..", "a\0b"):
        with pytest.raises(InvalidValue):
            call(*listing, model_id=model_id, artifact_directory_path=path)


def test_a_deleted_model_is_found_only_if_that_is_asked_for(call, model_id) -> None:
    assert call("DELETE", "/{model_id}", model_id=model_id) == {}
    with pytest.raises(NotFound):
        call("GET", "/{model_id}", model_id=model_id)
    found = call("GET", "/{model_id}", model_id=model_id, allow_deleted="true")
    assert found["model"]["info"]["model_id"] == model_id


def test_a_run_shows_its_models(call, store, model_id) -> None:
    from pegboard_tracking.wire import codec

    run_id = store.create_run("0").info.run_id
    store.logged_models().log_inputs(run_id, [LoggedModelInput(model_id)])
    assert codec.run_json(store.get_run(run_id))["inputs"] == {
        "model_inputs": [{"model_id": model_id}]
    }
