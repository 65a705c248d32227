from __future__ import annotations

import json

import pytest
from pegboard.errors import InvalidValue, NotFound, Refused, UnsafePath


@pytest.fixture
def iris(wire):
    wire.post("registered-models/create", name="iris")
    return wire


def test_a_version_is_created_and_read_back_as_mlflows_server_shows_it(iris) -> None:
    made = iris.post(
        "model-versions/create",
        name="iris",
        source="s3://bucket/m",
        run_link="https://example.com/run",
        description="first",
        tags=[{"key": "k", "value": "v"}],
    )["model_version"]
    found = iris.get("model-versions/get", name="iris", version="1")["model_version"]
    assert made == found
    assert found.pop("creation_timestamp") == found.pop("last_updated_timestamp") > 0
    assert found == {
        "name": "iris",
        "version": "1",
        "user_id": "tester",
        "current_stage": "None",
        "description": "first",
        "source": "s3://bucket/m",
        "run_id": "",
        "run_link": "https://example.com/run",
        "status": "READY",
        "tags": [{"key": "k", "value": "v"}],
    }


def test_a_version_that_is_no_number_is_refused(iris) -> None:
    for version in ("0", "-1", "x", "1.0", "9" * 30):
        error = iris.refused("GET", "model-versions/get", name="iris", version=version)
        assert isinstance(error, InvalidValue | NotFound), version


def test_a_number_is_not_given_again(iris) -> None:
    for _ in range(2):
        iris.post("model-versions/create", name="iris", source="s3://bucket/m")
    assert iris.call("DELETE", "model-versions/delete", name="iris", version="2") == {}
    made = iris.post("model-versions/create", name="iris", source="s3://bucket/m")
    assert made["model_version"]["version"] == "3"
    gone = iris.refused("DELETE", "model-versions/delete", name="iris", version="2")
    assert isinstance(gone, NotFound)


def test_a_version_is_described_and_without_a_text_no_more(iris) -> None:
    iris.post("model-versions/create", name="iris", source="s3://bucket/m")
    asked = {"name": "iris", "version": "1"}
    changed = iris.call("PATCH", "model-versions/update", **asked, description="new")
    assert changed["model_version"]["description"] == "new"
    changed = iris.call("PATCH", "model-versions/update", **asked)
    assert changed["model_version"]["description"] == ""


def test_a_version_moves_through_stages_and_archives_others(iris) -> None:
    for _ in range(2):
        iris.post("model-versions/create", name="iris", source="s3://bucket/m")
    path = "model-versions/transition-stage"
    moved = iris.post(path, name="iris", version="1", stage="production")["model_version"]
    assert moved["current_stage"] == "Production"
    iris.post(path, name="iris", version="2", stage="Production", archive_existing_versions=True)
    shown = iris.post("registered-models/get-latest-versions", name="iris", stages=["archived"])
    assert [each["version"] for each in shown["model_versions"]] == ["1"]
    error = iris.refused("POST", path, name="iris", version="1", stage="Nowhere")
    assert isinstance(error, InvalidValue)


def test_tags_of_a_version_are_set_and_removed(iris) -> None:
    iris.post("model-versions/create", name="iris", source="s3://bucket/m")
    asked = {"name": "iris", "version": "1"}
    assert iris.post("model-versions/set-tag", **asked, key="k", value="v") == {}
    found = iris.get("model-versions/get", **asked)["model_version"]
    assert found["tags"] == [{"key": "k", "value": "v"}]
    assert iris.call("DELETE", "model-versions/delete-tag", **asked, key="k") == {}
    assert "tags" not in iris.get("model-versions/get", **asked)["model_version"]


def test_versions_are_found_by_run_source_and_tag_page_by_page(iris) -> None:
    run_id, uri = iris.run(model__MLmodel="x")
    for tag in "abc":
        iris.post(
            "model-versions/create",
            name="iris",
            source=f"{uri}/model",
            run_id=run_id,
            tags=[{"key": "t", "value": tag}],
        )
    asked = {"filter": f"run_id = '{run_id}' AND tags.t != 'b'", "order_by": ["version_number"]}
    first = iris.get("model-versions/search", **asked, max_results=1)
    rest = iris.get("model-versions/search", **asked, page_token=first["next_page_token"])
    found = [*first["model_versions"], *rest["model_versions"]]
    assert [each["version"] for each in found] == ["1", "3"]


def test_a_copy_keeps_the_files_of_the_version_that_it_was_made_from(iris) -> None:
    run_id, uri = iris.run(model__MLmodel="flavors: {}")
    iris.post("registered-models/create", name="copy")
    iris.post("model-versions/create", name="iris", source=f"{uri}/model", run_id=run_id)
    iris.post("registered-models/alias", name="iris", alias="champion", version="1")
    made = iris.post("model-versions/create", name="copy", source="models:/iris@champion")
    assert made["model_version"]["source"] == "models:/iris/1"
    assert made["model_version"]["run_id"] == run_id
    where = iris.get("model-versions/get-download-uri", name="copy", version="1")
    assert where == {"artifact_uri": f"{uri}/model"}
    assert iris.download(name="copy", version="1", path="MLmodel") == b"flavors: {}"


def test_a_logged_model_that_is_registered_gives_its_files(iris) -> None:
    model_id, _ = iris.logged_model(MLmodel="of the logged model")
    source = f"models:/{model_id}"
    made = iris.post("model-versions/create", name="iris", source=source, model_id=model_id)
    assert made["model_version"]["model_id"] == model_id
    assert iris.download(name="iris", version="1", path="MLmodel") == b"of the logged model"


def test_a_version_of_a_logged_model_knows_the_run_that_made_it(iris) -> None:
    run_id, _ = iris.run()
    made = iris.post("logged-models", experiment_id="0", name="m", source_run_id=run_id)
    model_id = made["model"]["info"]["model_id"]
    for source in (f"models:/{model_id}", made["model"]["info"]["artifact_uri"]):
        asked = {"name": "iris", "source": source, "model_id": model_id}
        assert iris.post("model-versions/create", **asked)["model_version"]["run_id"] == run_id


def test_the_logged_model_is_told_which_versions_were_made_of_it(iris) -> None:
    model_id, _ = iris.logged_model(MLmodel="x")
    for _ in range(2):
        source = f"models:/{model_id}"
        iris.post("model-versions/create", name="iris", source=source, model_id=model_id)
    tags = iris.store.logged_models().get(model_id).tags
    assert json.loads(tags["mlflow.modelVersions"]) == [
        {"name": "iris", "version": 1},
        {"name": "iris", "version": 2},
    ]


def test_files_of_a_run_are_handed_out_by_any_way_to_name_it(iris) -> None:
    run_id, uri = iris.run(model__MLmodel="m", model__data__weights="w")
    for source in (f"{uri}/model", f"runs:/{run_id}/model"):
        made = iris.post("model-versions/create", name="iris", source=source, run_id=run_id)
        version = made["model_version"]["version"]
        assert iris.download(name="iris", version=version, path="MLmodel") == b"m"
        assert iris.download(name="iris", version=version, path="data/weights") == b"w"


def test_no_path_leads_out_of_the_files_of_the_version(iris) -> None:
    run_id, uri = iris.run(model__MLmodel="m", secret="s")
    iris.post("model-versions/create", name="iris", source=f"{uri}/model", run_id=run_id)
    for path in ("../secret", "..%2fsecret", "%2e%2e/secret", "..\\secret", "/etc/passwd", "~/x"):
        asked = {"name": "iris", "version": "1", "path": path}
        error = iris.refused("GET", "/model-versions/get-artifact", **asked)
        assert isinstance(error, UnsafePath), path
    for path in ("", ".", "secret", "data"):
        asked = {"name": "iris", "version": "1", "path": path}
        error = iris.refused("GET", "/model-versions/get-artifact", **asked)
        assert isinstance(error, InvalidValue | NotFound), path


def test_files_that_the_server_does_not_keep_are_not_fetched_by_it(iris) -> None:
    iris.post("model-versions/create", name="iris", source="s3://bucket/m")
    asked = {"name": "iris", "version": "1", "path": "MLmodel"}
    error = iris.refused("GET", "/model-versions/get-artifact", **asked)
    assert isinstance(error, Refused)
