from __future__ import annotations

import pytest
from pegboard.errors import AlreadyExists, FilterError, InvalidValue, NotFound


def test_a_model_is_created_and_read_back_as_mlflows_server_shows_it(wire) -> None:
    made = wire.post(
        "registered-models/create",
        name="iris",
        description="flowers",
        tags=[{"key": "team", "value": "a"}],
    )["registered_model"]
    assert made == wire.get("registered-models/get", name="iris")["registered_model"]
    assert made.pop("creation_timestamp") == made.pop("last_updated_timestamp") > 0
    assert made == {
        "name": "iris",
        "description": "flowers",
        "tags": [{"key": "team", "value": "a"}],
    }


def test_what_a_model_has_not_is_left_out(wire) -> None:
    made = wire.post("registered-models/create", name="iris")["registered_model"]
    assert set(made) == {"name", "creation_timestamp", "last_updated_timestamp"}


def test_a_model_shows_its_aliases_and_the_newest_version_of_each_stage(wire) -> None:
    wire.post("registered-models/create", name="iris")
    for _ in range(3):
        wire.post("model-versions/create", name="iris", source="s3://bucket/m")
    wire.post("model-versions/transition-stage", name="iris", version="1", stage="production")
    wire.post("registered-models/alias", name="iris", alias="champion", version="2")
    found = wire.get("registered-models/get", name="iris")["registered_model"]
    assert found["aliases"] == [{"alias": "champion", "version": "2"}]
    shown = {each["current_stage"]: each["version"] for each in found["latest_versions"]}
    assert shown == {"Production": "1", "None": "3"}


def test_a_name_that_is_taken_is_told_by_the_code_that_clients_look_for(wire) -> None:
    wire.post("registered-models/create", name="iris")
    wire.post("registered-models/create", name="rose")
    for request in (
        ("registered-models/create", {"name": "iris"}),
        ("registered-models/rename", {"name": "iris", "new_name": "rose"}),
    ):
        error = wire.refused("POST", request[0], **request[1])
        assert isinstance(error, AlreadyExists)
        assert error.error_code == "RESOURCE_ALREADY_EXISTS"


@pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": None}, {"name": 3}, {"name": []}])
def test_a_model_needs_a_name(kept, fields) -> None:
    assert isinstance(
        kept["behind the server"].refused("POST", "registered-models/create", **fields),
        InvalidValue,
    )


@pytest.mark.parametrize("name", ["a/b", "a:b", "\0"])
def test_a_name_that_could_not_be_in_a_uri_is_refused(kept, name) -> None:
    error = kept["behind the server"].refused("POST", "registered-models/create", name=name)
    assert isinstance(error, InvalidValue)


UNKNOWN = [
    ("GET", "registered-models/get", {}),
    ("PATCH", "registered-models/update", {"description": "x"}),
    ("POST", "registered-models/rename", {"new_name": "y"}),
    ("DELETE", "registered-models/delete", {}),
    ("POST", "registered-models/get-latest-versions", {}),
    ("POST", "registered-models/set-tag", {"key": "k", "value": "v"}),
    ("DELETE", "registered-models/delete-tag", {"key": "k"}),
    ("GET", "registered-models/alias", {"alias": "a"}),
    ("POST", "registered-models/alias", {"alias": "a", "version": "1"}),
    ("DELETE", "registered-models/alias", {"alias": "a"}),
    ("POST", "model-versions/create", {"source": "s3://bucket/m"}),
    ("GET", "model-versions/get", {"version": "1"}),
    ("GET", "model-versions/get-download-uri", {"version": "1"}),
    ("PATCH", "model-versions/update", {"version": "1"}),
    ("DELETE", "model-versions/delete", {"version": "1"}),
    ("POST", "model-versions/transition-stage", {"version": "1", "stage": "Staging"}),
    ("POST", "model-versions/set-tag", {"version": "1", "key": "k", "value": "v"}),
    ("DELETE", "model-versions/delete-tag", {"version": "1", "key": "k"}),
    ("GET", "/model-versions/get-artifact", {"version": "1", "path": "MLmodel"}),
    ("GET", "/api/pegboard/1.0/registry/history", {}),
    ("GET", "/api/pegboard/1.0/registry/model", {}),
    ("GET", "/api/pegboard/1.0/registry/version", {"version": "1"}),
    ("GET", "/api/pegboard/1.0/registry/check", {"version": "1", "key": "champion"}),
]


@pytest.mark.parametrize(("method", "path", "fields"), UNKNOWN)
def test_an_unknown_model_is_told_by_the_code_that_clients_look_for(
    kept, method, path, fields
) -> None:
    error = kept["behind the server"].refused(method, path, name="nobody", **fields)
    assert isinstance(error, NotFound)
    assert error.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_a_model_is_described_renamed_and_deleted(wire) -> None:
    wire.post("registered-models/create", name="iris")
    changed = wire.call("PATCH", "registered-models/update", name="iris", description="new")
    assert changed["registered_model"]["description"] == "new"
    renamed = wire.post("registered-models/rename", name="iris", new_name="rose")
    assert renamed["registered_model"]["name"] == "rose"
    assert wire.call("DELETE", "registered-models/delete", name="rose") == {}
    assert isinstance(wire.refused("GET", "registered-models/get", name="rose"), NotFound)


def test_tags_of_a_model_are_set_and_removed(wire) -> None:
    wire.post("registered-models/create", name="iris")
    assert wire.post("registered-models/set-tag", name="iris", key="k", value="v") == {}
    found = wire.get("registered-models/get", name="iris")["registered_model"]
    assert found["tags"] == [{"key": "k", "value": "v"}]
    assert wire.call("DELETE", "registered-models/delete-tag", name="iris", key="k") == {}
    assert wire.call("DELETE", "registered-models/delete-tag", name="iris", key="k") == {}
    assert "tags" not in wire.get("registered-models/get", name="iris")["registered_model"]


def test_models_are_found_page_by_page(wire) -> None:
    for name in "abc":
        wire.post("registered-models/create", name=name)
    # A query of one value is no list.
    asked = {"filter": "name != 'b'", "order_by": "name DESC", "max_results": "1"}
    first = wire.get("registered-models/search", **asked)
    assert [each["name"] for each in first["registered_models"]] == ["c"]
    rest = wire.get("registered-models/search", **asked, page_token=first["next_page_token"])
    assert [each["name"] for each in rest["registered_models"]] == ["a"]
    assert "next_page_token" not in rest


@pytest.mark.parametrize(
    "fields", [{"max_results": 0}, {"max_results": 1001}, {"page_token": "no token"}]
)
def test_a_page_that_cannot_be_is_refused(kept, fields) -> None:
    assert isinstance(
        kept["behind the server"].refused("GET", "registered-models/search", **fields), InvalidValue
    )


def test_a_filter_that_is_not_understood_is_refused(kept) -> None:
    error = kept["behind the server"].refused("GET", "registered-models/search", filter="nam = 'x'")
    assert isinstance(error, FilterError)


def test_an_alias_is_set_moved_read_and_removed(wire) -> None:
    wire.post("registered-models/create", name="iris")
    for version in ("1", "2"):
        wire.post("model-versions/create", name="iris", source="s3://bucket/m")
        asked = {"name": "iris", "alias": "champion"}
        assert wire.post("registered-models/alias", **asked, version=version) == {}
        found = wire.get("registered-models/alias", **asked)["model_version"]
        assert (found["version"], found["aliases"]) == (version, ["champion"])
    assert wire.call("DELETE", "registered-models/alias", **asked) == {}
    assert wire.call("DELETE", "registered-models/alias", **asked) == {}
    # The code that MLflow's server answers with if the model is there.
    error = wire.refused("GET", "registered-models/alias", **asked)
    assert error.error_code == "INVALID_PARAMETER_VALUE"
    assert "'champion'" in error.message


def test_an_alias_that_could_mean_a_version_or_be_no_word_is_refused(wire) -> None:
    wire.post("registered-models/create", name="iris")
    wire.post("model-versions/create", name="iris", source="s3://bucket/m")
    for alias in ("latest", "Latest", "v1", "V22", "", "a b", "a/b", "x" * 300):
        asked = {"name": "iris", "alias": alias, "version": "1"}
        error = wire.refused("POST", "registered-models/alias", **asked)
        assert isinstance(error, InvalidValue), alias


def test_an_alias_of_an_unknown_version_is_refused(wire) -> None:
    wire.post("registered-models/create", name="iris")
    error = wire.refused("POST", "registered-models/alias", name="iris", alias="a", version="7")
    assert isinstance(error, NotFound)
