"""What a registry behind a server does beyond the contract."""

from __future__ import annotations

import pytest
from pegboard.config import Config
from pegboard.entities.registry import Author, ChangeKind
from pegboard.errors import InvalidState, InvalidValue, NotFound, NotSupported, Refused
from pegboard.host import Host
from pegboard_registry.client.registry import RestRegistry
from pegboard_registry.client.webhooks import RestWebhooks
from pegboard_registry.webhooks.entities import DeliveryState, WebhookStatus
from pegboard_registry.wire.codec import (
    change_json,
    model_json,
    read_change,
    read_model,
    read_version,
    version_json,
)
from pegboard_stores import needed_files
from pegboard_stores.needed_files import FilesOwner
from pegboard_wire.client.errors import AccessDenied

ANN = Author("Änn", "better · by far")


@pytest.fixture
def iris(registry):
    registry.create_model("iris")
    for _ in range(2):
        registry.create_version("iris", "s3://bucket/m", by=ANN)
    return registry


def test_an_http_uri_opens_the_registry_of_a_server() -> None:
    host = Host(Config())
    assert isinstance(host.model_registry("http://127.0.0.1:1"), RestRegistry)
    host.close()


def test_who_and_why_reach_the_history(iris) -> None:
    iris.set_alias("iris", "champion", "1", by=ANN)
    (change,) = iris.history("iris", kinds=[ChangeKind.ALIAS])
    assert (change.user, change.reason) == (ANN.user, ANN.reason)
    assert iris.get_version("iris", "1").user_id == ANN.user


def test_a_gate_of_the_server_refuses(iris, server) -> None:
    def no(promotion):
        raise Refused(f"{promotion.version} is not ready.")

    server.registry.allow = no
    for promote in (
        lambda: iris.set_alias("iris", "champion", "1"),
        lambda: iris.transition_stage("iris", "1", "Production"),
    ):
        with pytest.raises(Refused, match="1 is not ready"):
            promote()


def test_the_stages_are_those_of_the_server(iris, server) -> None:
    server.registry.stages = ("None", "Canary")
    assert iris.transition_stage("iris", "1", "canary").current_stage == "Canary"
    with pytest.raises(InvalidValue):
        iris.transition_stage("iris", "1", "Production")


def test_entities_go_through_json_unchanged(iris) -> None:
    iris.set_alias("iris", "champion", "2", by=ANN)
    model, version = iris.get_model("iris"), iris.get_version("iris", "2")
    change = iris.history("iris")[0]
    assert read_model(model_json(model)) == model
    assert read_version(version_json(version)) == version
    assert read_change(change_json(change)) == change


def test_what_a_server_of_mlflow_lacks_is_said(iris, server, monkeypatch) -> None:
    own = {place for place in server.endpoints if "/pegboard/" in place[1]}
    for place in own:
        monkeypatch.delitem(server.endpoints, place)
    for ask in (
        lambda: iris.history("iris"),
        lambda: iris.rollback_alias("iris", "champion"),
        lambda: iris.approve("iris", "1", "champion", by=ANN),
    ):
        with pytest.raises(NotSupported, match=server.url):
            ask()


def test_an_alias_is_resolved_with_one_request(iris, server) -> None:
    iris.set_alias("iris", "champion", "1")
    server.seen.clear()
    assert iris.version_by_alias("iris", "champion").version == "1"
    assert server.seen == [("GET", "/api/2.0/mlflow/registered-models/alias")]


def test_webhooks_of_a_server_are_made_listed_and_removed(registry, server) -> None:
    hooks = RestWebhooks(registry)
    made = hooks.create("ci", "https://example.com/x", ["prompt.created"], description="d")
    assert (made.status, made.events) == (WebhookStatus.ACTIVE, ["prompt.created"])
    assert [*hooks.list()] == [made]
    registry.create_model("hello", tags={"mlflow.prompt.is_prompt": "true"})
    (delivery,) = hooks.deliveries(made.webhook_id)
    assert (delivery.event, delivery.state) == ("prompt.created", DeliveryState.WAITING)
    hooks.delete(made.webhook_id)
    for webhook_id in (made.webhook_id, "../..", ""):
        for use in (hooks.delete, hooks.test, hooks.deliveries):
            with pytest.raises(NotFound):
                use(webhook_id)
    with pytest.raises(AccessDenied, match="not on the public internet"):
        hooks.create("ci", "http://10.0.0.1/", ["prompt.created"])


def test_files_that_are_removed_are_refused_by_the_server(iris) -> None:
    needed, other = FilesOwner("r1", ["s3://bucket/m"]), FilesOwner("r2", ["s3://bucket/2"])
    assert [*needed_files.of(iris).begin_removal([needed, other])] == ["r1"]
    with pytest.raises(InvalidState, match="being removed"):
        iris.create_version("iris", "s3://bucket/2/net")
    iris.create_version("iris", "s3://bucket/m")
    needed_files.of(iris).end_removal([other])
    assert needed_files.of(iris).needing([other]) == {}
