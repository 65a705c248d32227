"""What a version was made from, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pegboard.errors import NotFound
from pegboard_registry.lineage import Data, Lineage, trace
from pegboard_scripting.client import Client


@pytest.fixture
def client(trained: Any) -> Client:
    """Return a client of a registry in which the trained model has gone some way."""
    client = Client()
    client.create_registered_model("iris")
    client.create_model_version("iris", trained.model.model_uri)
    client.copy_model_version("models:/iris/1", "staging")
    client.copy_model_version("models:/staging/1", "prod")
    client.set_registered_model_alias("prod", "live", "1")
    client.set_registered_model_alias("iris", "champion", "1")
    return client


def _trace(client: Client, uri: str) -> Lineage:
    return trace(client, uri)


def _names(nodes: Any) -> list[tuple[str, str, str]]:
    return [(node.relation, node.kind, node.name) for node in nodes]


def test_a_version_knows_code_data_params_and_environment(client: Client, trained: Any) -> None:
    found = _trace(client, "models:/iris@champion")
    assert found.uri == "models:/iris/1"
    assert found.version == client.get_model_version("iris", "1")
    assert (found.model_id, found.run_id) == (trained.model.model_id, trained.run_id)
    assert found.files == trained.model.artifact_location
    assert found.code["commit"] == "abc123"
    assert found.code["uncommitted_changes"] == "true"
    assert found.code["source"] == "train.py"
    assert found.data == [Data("patients", "d1g3st", "training", "local", '{"uri": "p.csv"}')]
    assert found.params == {"lr": "0.1", "depth": "3"}
    assert found.metrics == {"accuracy": 0.9}
    assert found.environment["requirements"] == ["numpy==2"]
    assert found.environment["installed"] == ["attrs==24", "numpy==2"]
    assert found.environment["python"] == {"version": "3.11.2"}
    assert found.unknown == []


def test_a_version_knows_where_it_came_from_and_where_it_went(client: Client) -> None:
    found = _trace(client, "models:/iris/1")
    assert _names(found.upstream) == [
        ("registered from", "logged model", "net"),
        ("made by", "run", "training"),
        ("trained on", "dataset", "patients"),
    ]
    assert _names(found.downstream) == [
        ("is", "alias", "champion"),
        ("copied to", "version", "staging/1"),
        ("copied to", "version", "prod/1"),
        ("used by", "run", "scoring"),
    ]
    assert found.downstream[2].detail == "@live"


def test_a_copy_knows_the_whole_way(client: Client) -> None:
    found = _trace(client, "models:/prod@live")
    assert _names(found.upstream)[:3] == [
        ("copied from", "version", "staging/1"),
        ("copied from", "version", "iris/1"),
        ("registered from", "logged model", "net"),
    ]
    client.delete_model_version("staging", "1")
    found = _trace(client, "models:/prod@live")
    assert _names(found.upstream)[:2] == [
        ("copied from", "version", "staging/1"),
        ("registered from", "logged model", "net"),
    ]
    assert found.upstream[0].detail == "deleted"
    assert "staging" in found.unknown[0]


def test_a_logged_model_has_a_lineage_too(client: Client, trained: Any) -> None:
    found = _trace(client, trained.model.model_uri)
    assert found.version is None
    assert ("made by", "run", "training") in _names(found.upstream)
    assert {name for _, kind, name in _names(found.downstream) if kind == "version"} == {
        "iris/1",
        "staging/1",
        "prod/1",
    }
    with pytest.raises(NotFound):
        _trace(client, f"models:/m-{'0' * 32}")


def test_a_model_that_a_run_built_on_is_upstream_of_what_it_made(
    client: Client, trained: Any
) -> None:
    made = client.create_logged_model("0", "better", trained.user_run_id)
    client.create_registered_model("next")
    client.create_model_version("next", made.model_uri)
    names = _names(_trace(client, "models:/next/1").upstream)
    assert ("used", "logged model", "net") in names
    assert ("used", "version", "iris/1") in names
    parent = client.create_run("0", run_name="sweep").info.run_id
    client.set_tag(trained.user_run_id, "mlflow.parentRunId", parent)
    assert ("part of", "run", "sweep") in _names(_trace(client, "models:/next/1").upstream)


def test_what_is_gone_is_said_to_be_unknown(client: Client) -> None:
    client.create_model_version("iris", "s3://bucket/m", run_id="0123", model_id="m-gone")
    found = _trace(client, "models:/iris/2")
    assert any("0123" in text for text in found.unknown)
    assert any("m-gone" in text for text in found.unknown)
    assert (found.params, found.upstream) == ({}, [])


def test_an_environment_that_is_damaged_is_left_out(
    client: Client, trained: Any, tmp_path: Path
) -> None:
    client.log_text(trained.run_id, "{not json", "environment/environment.json")
    found = _trace(client, "models:/iris/1")
    assert "python" not in found.environment
    assert found.environment["installed"] == ["attrs==24", "numpy==2"]


def test_sources_that_go_round_in_circles_come_to_an_end(client: Client) -> None:
    registry = client.registry
    registry.create_model("a")
    registry.create_version("a", "models:/a/2")
    registry.create_version("a", "models:/a/1")
    registry.create_version("a", "models:/a/3")
    found = _trace(client, "models:/a/1")
    assert ("copied from", "version", "a/2") in _names(found.upstream)
    assert ("copied to", "version", "a/2") in _names(found.downstream)
    assert _trace(client, "models:/a/3").upstream == []


def test_the_command_prints_it_for_people_and_programs(
    client: Client, trained: Any, shell: Any
) -> None:
    text = shell.ok("lineage", "models:/iris/1")
    for part in (
        "models:/iris/1",
        "abc123 with uncommitted changes",
        "d1g3st",
        "p.csv",
        "accuracy",
        "3.11.2",
        "numpy==2",
        "training",
        "staging/1",
        "scoring",
    ):
        assert part in text
    found = json.loads(shell.ok("lineage", "iris@champion", "--json"))
    assert found["uri"] == "models:/iris/1"
    assert found["data"][0]["digest"] == "d1g3st"
    assert [node["name"] for node in found["downstream"]][1:3] == ["staging/1", "prod/1"]
    assert "made by" in shell.ok("lineage", trained.model.model_uri)
    result = shell("lineage", "models:/iris/9")
    assert result.exit_code == 1
    assert "no version '9'" in result.stderr
    assert shell("lineage", "iris").exit_code == 2
