"""The scripting API and the client for registered models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pegboard
import pytest
from pegboard import host
from pegboard.contracts.registry import ModelRegistry
from pegboard.entities.registry import ChangeKind, ModelVersion, ModelVersionStatus
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard_registry.memory.registry import MemoryRegistry
from pegboard_scripting.client import Client, registration


@pytest.fixture
def client(alone: Path) -> Client:
    return Client()


def test_a_logged_model_becomes_a_version(trained: Any, client: Client) -> None:
    model, run_id = trained.model, trained.run_id
    made = pegboard.register_model(f"models:/{model.model_id}", "iris", tags={"a": 1})
    assert (made.name, made.version, made.source) == ("iris", "1", model.model_uri)
    assert (made.run_id, made.model_id, made.tags) == (run_id, model.model_id, {"a": "1"})
    assert made.user_id == "ann"
    assert client.get_model_version_download_uri("iris", "1") == model.artifact_location
    again = pegboard.register_model(f"models:/{model.model_id}", "iris")
    assert again.version == "2"
    noted = json.loads(client.get_logged_model(model.model_id).tags["mlflow.modelVersions"])
    assert noted == [{"name": "iris", "version": 1}, {"name": "iris", "version": 2}]


def test_the_model_of_a_run_is_found_by_its_name(trained: Any, client: Client) -> None:
    model, run_id = trained.model, trained.run_id
    made = pegboard.register_model(f"runs:/{run_id}/net", "iris")
    assert (made.source, made.model_id) == (model.model_uri, model.model_id)
    client.log_text(run_id, "flavors: {}", "old/MLmodel")
    made = pegboard.register_model(f"runs:/{run_id}/old", "iris")
    assert made.source == f"{client.get_run(run_id).info.artifact_uri}/old"
    assert (made.run_id, made.model_id) == (run_id, None)


def test_of_models_of_one_name_the_one_of_the_last_step_counts(
    trained: Any, client: Client
) -> None:
    from pegboard.entities.logged_models import LoggedModelOutput

    run_id = trained.run_id
    for step in (5, 2):
        model = client.create_logged_model("0", "net", run_id)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step)])
        if step == 5:
            wanted = model
    assert pegboard.register_model(f"runs:/{run_id}/net", "iris").model_id == wanted.model_id


def test_a_directory_with_a_model_is_registered_as_it_lies(client: Client, alone: Path) -> None:
    directory = alone / "saved"
    directory.mkdir()
    (directory / "MLmodel").write_text("flavors: {}")
    assert pegboard.register_model("saved", "iris").source == str(directory)
    assert pegboard.register_model(directory.as_uri(), "iris").source == directory.as_uri()


@pytest.mark.parametrize(
    "uri",
    [
        "runs:/{run}/nothing",
        "runs:/{run}/environment",
        "runs:/{run}/../..",
        "runs:/0123/net",
        "models:/m-00000000000000000000000000000000",
        "models:/unknown/1",
        "models:/unknown@champion",
        "models:/",
        "no-such-directory",
        "file:///no/such/directory",
    ],
)
def test_what_is_not_there_leaves_nothing_half_registered(
    trained: Any, client: Client, uri: str
) -> None:
    run_id = trained.run_id
    with pytest.raises((NotFound, InvalidValue)):
        pegboard.register_model(uri.format(run=run_id), "iris")
    assert pegboard.search_registered_models() == []


def test_a_version_is_copied_with_its_tags_but_not_its_aliases(
    trained: Any, client: Client
) -> None:
    model = trained.model
    pegboard.register_model(model.model_uri, "iris", tags={"a": "1"})
    client.update_model_version("iris", "1", "good")
    client.set_registered_model_alias("iris", "champion", "1")
    client.transition_model_version_stage("iris", "1", "Staging")
    copy = client.copy_model_version("models:/iris@champion", "prod")
    assert (copy.name, copy.version, copy.source) == ("prod", "1", "models:/iris/1")
    assert (copy.tags, copy.description) == ({"a": "1"}, "good")
    assert (copy.run_id, copy.model_id) == (trained.run_id, model.model_id)
    assert (tuple(copy.aliases), copy.current_stage) == ((), "None")
    assert client.get_model_version_download_uri("prod", "1") == model.artifact_location
    client.delete_model_version("iris", "1")
    assert client.get_model_version_download_uri("prod", "1") == model.artifact_location
    assert client.copy_model_version("models:/prod/1", "prod").version == "2"
    for uri in ("models:/iris@champion", "models:/iris/1", model.model_uri, "s3://b/x"):
        with pytest.raises((NotFound, InvalidValue)):
            client.copy_model_version(uri, "new")
    with pytest.raises(NotFound):
        client.get_registered_model("new")


def test_the_newest_version_of_a_stage_is_tagged(client: Client) -> None:
    client.create_registered_model("iris", {"n": 1}, "flowers")
    for _ in range(2):
        client.create_model_version("iris", "s3://b/m")
    client.transition_model_version_stage("iris", "1", "Staging")
    client.set_model_version_tag("iris", key="a", value=5, stage="staging")
    pegboard.set_model_version_tag("iris", "2", "b", 6)
    assert client.get_model_version("iris", "1").tags == {"a": "5"}
    client.delete_model_version_tag("iris", "2", "b")
    assert client.get_model_version("iris", "2").tags == {}
    for version, stage in (("1", "Staging"), (None, None)):
        with pytest.raises(InvalidValue):
            client.set_model_version_tag("iris", version, "a", "1", stage)
    with pytest.raises(NotFound, match="Production"):
        client.set_model_version_tag("iris", key="a", value="1", stage="Production")
    with pytest.raises(InvalidValue):
        client.set_model_version_tag("iris", "1")


def test_everything_of_the_registry_can_be_done_through_the_client(client: Client) -> None:
    client.create_registered_model("a", {"n": 1}, "first")
    client.rename_registered_model("a", "b", reason="clearer")
    client.update_registered_model("b", "new")
    client.set_registered_model_tag("b", "k", 2)
    client.delete_registered_model_tag("b", "n")
    model = client.get_registered_model("b")
    assert (model.description, model.tags) == ("new", {"k": "2"})
    for run_id in ("r1", None):
        client.create_model_version("b", "s3://x", run_id, {"t": 1}, "link", "text")
    assert client.get_model_version("b", "1").run_link == "link"
    assert [each.version for each in client.get_latest_versions("b")] == ["2"]
    assert client.get_model_version_stages("b", "1")[0] == "None"
    client.set_registered_model_alias("b", "champion", "1")
    client.set_registered_model_alias("b", "champion", "2", reason="better", user="eve")
    assert client.get_model_version_by_alias("b", "champion").version == "2"
    assert client.rollback_registered_model_alias("b", "champion", reason="worse").version == "1"
    client.delete_registered_model_alias("b", "champion")
    client.approve_model_version("b", "1", "champion", reason="fine")
    found = client.registry_history("b", kinds=["alias"])
    assert [(each.user, each.reason) for each in found] == [
        ("ann", ""),
        ("ann", "worse"),
        ("eve", "better"),
        ("ann", ""),
    ]
    assert client.registry_history("b", 1, kinds=["approval"])[0].reason == "fine"
    assert len(client.registry_history("b", key="champion", version="2")) == 1
    with pytest.raises(InvalidValue, match="approval"):
        client.registry_history("b", kinds=["nope"])
    assert [each.name for each in client.search_registered_models("name LIKE 'b%'")] == ["b"]
    found_versions = client.search_model_versions("run_id = 'r1'", order_by=["name"])
    assert [each.version for each in found_versions] == ["1"]
    client.delete_model_version("b", "1")
    client.delete_registered_model("b", reason="over")
    assert client.registry_history("b")[0].reason == "over"


def test_searches_of_scripts_return_everything(client: Client) -> None:
    client.create_registered_model("a")
    for _ in range(3):
        client.create_model_version("a", "s3://x")
    assert len(pegboard.search_model_versions()) == 3
    assert len(pegboard.search_model_versions(max_results=2)) == 2
    found = pegboard.search_model_versions(
        filter_string="version_number > 1", order_by=["version_number"]
    )
    assert [each.version for each in found] == ["2", "3"]
    assert [each.name for each in pegboard.search_registered_models()] == ["a"]


def test_the_registry_may_be_elsewhere_than_the_runs(alone: Path) -> None:
    # The configuration is read before anything is set.
    assert host.current().config.pegboard.registry_uri == ""
    pegboard.set_registry_uri(f"sqlite:{alone}/models.db")
    pegboard.set_tracking_uri(f"sqlite:{alone}/runs.db")
    Client().create_registered_model("iris")
    assert Client(registry_uri=f"sqlite:{alone}/runs.db").search_registered_models() == []
    assert len(pegboard.search_registered_models()) == 1
    pegboard.set_registry_uri(None)
    assert pegboard.search_registered_models() == []


def test_a_script_that_tracks_only_opens_no_registry(alone: Path) -> None:
    with pegboard.start_run():
        pegboard.log_param("a", 1)
    assert host.current()._registries == {}


class Slow(MemoryRegistry):
    """A registry whose versions take a while, and may fail."""

    def __init__(self, *states: ModelVersionStatus) -> None:
        super().__init__()
        self.states = list(states)

    def get_version(self, name: str, version: str) -> ModelVersion:
        from attrs import evolve

        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return evolve(super().get_version(name, version), status=state, status_message="no room")


PENDING = ModelVersionStatus.PENDING_REGISTRATION
FAILED = ModelVersionStatus.FAILED_REGISTRATION


def _pending(registry: ModelRegistry) -> ModelVersion:
    registry.create_model("a")
    registry.create_version("a", "s")
    return registry.get_version("a", "1")


def test_a_version_is_waited_for_until_it_is_ready() -> None:
    registry = Slow(PENDING, PENDING, ModelVersionStatus.READY)
    assert registration.wait_for(registry, _pending(registry), 60).status == "READY"


def test_a_version_that_fails_says_why() -> None:
    registry = Slow(PENDING, FAILED)
    with pytest.raises(InvalidState, match="no room"):
        registration.wait_for(registry, _pending(registry), 60)


def test_waiting_has_an_end_and_can_be_left_out() -> None:
    registry = Slow(PENDING)
    version = _pending(registry)
    with pytest.raises(InvalidState, match="not ready"):
        registration.wait_for(registry, version, 0.01)
    for seconds in (0, -1):
        assert registration.wait_for(registry, version, seconds) is version


def test_moves_of_an_alias_are_recorded_under_the_user_of_the_runs(client: Client) -> None:
    client.create_registered_model("a")
    client.create_model_version("a", "s")
    (change,) = client.registry_history("a")
    assert (change.kind, change.user) == (ChangeKind.VERSION, "ann")
