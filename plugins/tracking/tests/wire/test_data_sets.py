"""The endpoints of data sets for evaluation, in the form that MLflow's clients read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pegboard.errors import InvalidValue, NotFound, NotSupported
from pegboard_stores.data_sets import DataSets
from pegboard_stores.mapping_store import MappingStore
from pegboard_tracking.wire import data_set_codec
from pegboard_tracking.wire.sentences import TRACKING
from pegboard_wire.sentences import SHARED, sentence

BASE, OURS = "/api/3.0/mlflow/datasets", "/api/pegboard/1.0/datasets"
ONE = BASE + "/{dataset_id}"


@pytest.fixture
def made(wire) -> dict[str, Any]:
    tags = json.dumps({"mlflow.user": "ann", "n": 1})
    found = wire.post(f"{BASE}/create", name="qa", tags=tags, experimentIds=["0"])["dataset"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def name(made) -> str:
    return str(made["dataset_id"])


def merge(wire, name: str, *records: Any) -> Any:
    return wire.post(ONE + "/records", dataset_id=name, records=json.dumps(records))


def test_a_data_set_has_its_objects_in_texts(wire, made, name) -> None:
    assert json.loads(made["tags"]) == {"mlflow.user": "ann", "n": "1"}
    assert (made["experiment_ids"], made["created_by"]) == (["0"], "ann")
    assert made["created_time"] == made["last_update_time"]
    assert not {"schema", "profile"} & set(made)
    record = {"inputs": {"q": "a"}, "expectations": {"e": [1.5, None]}, "tags": {"t": "1"}}
    record["source"] = {"source_type": "HUMAN", "source_data": {"source_id": "x"}}
    assert merge(wire, name, record, {"inputs": {"q": "b"}}) == {
        "inserted_count": 2,
        "updated_count": 0,
    }
    page = wire.get(ONE + "/records", dataset_id=name, max_results="1")
    [told] = json.loads(page["records"])
    assert told.pop("dataset_record_id").startswith("dr-")
    assert told.pop("created_time") == told.pop("last_update_time")
    assert told == {**record, "dataset_id": name, "source_id": "x", "source_type": "HUMAN"}
    rest = wire.get(ONE + "/records", dataset_id=name, page_token=page["next_page_token"])
    assert [each["tags"] for each in json.loads(rest["records"])] == [{}]
    assert "next_page_token" not in rest
    found = wire.get(ONE, dataset_id=name)["dataset"]
    assert json.loads(found["profile"]) == {"num_records": 2}
    assert json.loads(found["schema"])["expectations"] == {"e": "array"}
    assert found["version"] == 1
    assert wire.get(f"{BASE}/search", order_by="name", experiment_ids="0") == {"datasets": [found]}


def test_records_with_nan_are_valid_json_around_the_text(wire, name) -> None:
    merge(wire, name, {"inputs": {"q": "a"}, "outputs": float("nan")})
    [told] = json.loads(wire.get(ONE + "/records", dataset_id=name)["records"])
    assert told["outputs"] != told["outputs"]


def test_versions_and_what_differs_are_told(wire, name) -> None:
    merge(wire, name, {"inputs": {"q": "a"}}, {"inputs": {"q": "b"}})
    merge(wire, name, {"inputs": {"q": "a"}, "outputs": 1})
    found = wire.get(OURS + "/{dataset_id}/versions", dataset_id=name)["versions"]
    assert [(each["version"], each["changed"]) for each in found] == [(2, 1), (1, 0), (0, 0)]
    between = {"before": found[1]["digest"], "after": "2"}
    changes = json.loads(
        wire.get(OURS + "/{dataset_id}/diff", dataset_id=name, **between)["changes"]
    )
    assert [(each["before"].get("outputs"), each["after"]["outputs"]) for each in changes] == [
        (None, 1)
    ]
    old = wire.get(OURS + "/{dataset_id}/records", dataset_id=name, version="1")["records"]
    assert ["outputs" in each for each in json.loads(old)] == [False, False]


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ("nonsense", "'records' holds no valid JSON"),
        ("{}", "'records' is an object"),
        ("[" * 100_000, "'records' holds no valid JSON"),
        ('[{"inputs": {}}, null]', "null"),
        ('["x"]', "record 0"),
        ('[{"inputs": {"q": 1}, "source": {"source_type": "x"}}]', "type 'x'"),
    ],
)
def test_wrong_records_are_refused(wire, name, records: str, said: str) -> None:
    error = wire.refused("POST", ONE + "/records", dataset_id=name, records=records)
    assert isinstance(error, InvalidValue)
    assert said in str(error)


def test_more_values_than_a_request_may_hold_are_not_read(
    wire, name, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_set_codec, "MAX_JSON_VALUES", 10)
    records = json.dumps([{"inputs": {"q": list(range(20))}}])
    error = wire.refused("POST", ONE + "/records", dataset_id=name, records=records)
    assert "more than 10 names and values" in str(error)


def test_errors_are_told_in_the_words_that_clients_look_for(wire) -> None:
    error = wire.refused("GET", ONE, dataset_id="d-1")
    assert isinstance(error, NotFound)
    assert sentence(error, TRACKING) == "Evaluation dataset with id 'd-1' not found."
    error = wire.refused("POST", f"{BASE}/create", tags="{}")
    assert sentence(error, SHARED) == "Missing value for required parameter 'name'."


def test_a_store_without_data_sets_says_so(wire, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = MappingStore({}, {}, artifact_root="memory:files")
    assert bare.ability(DataSets) is None
    monkeypatch.setattr(wire.host, "tracking_store", lambda _: bare)
    assert isinstance(wire.refused("GET", ONE, dataset_id="d-1"), NotSupported)
