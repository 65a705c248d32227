from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pegboard.errors import InvalidValue, NotFound, NotSupported, Refused
from pegboard_registry.webhooks.contract import need_webhooks
from pegboard_registry.webhooks.entities import EVENTS
from pegboard_wire.http import Identity, Permission

URL = "https://example.com/hook"
CREATED = {"entity": "MODEL_VERSION", "action": "CREATED"}
PROMPT = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]


def create(wire, **fields):
    asked = {"name": "ci", "url": URL, "events": [CREATED], **fields}
    return wire.post("webhooks", **asked)["webhook"]


def everything(wire):
    """Have a webhook told everything; return what reads what waits for it, the first first."""
    pairs = (event.upper().split(".") for event in EVENTS)
    events = [{"entity": entity, "action": action} for entity, action in pairs]
    webhook = create(wire, events=events)["webhook_id"]

    def told():
        queue = need_webhooks(wire.registry).database
        with queue.reading() as connection:
            rows = connection.execute(
                "SELECT event, payload FROM webhook_delivery WHERE webhook = ? ORDER BY number",
                (webhook,),
            ).fetchall()
        return [(event, json.loads(payload)["data"]) for event, payload in rows]

    return told


def test_a_webhook_is_shown_as_mlflows_server_shows_it(wire) -> None:
    made = create(wire, description="d", secret="between us")
    assert made == wire.get("webhooks/{webhook_id}", webhook_id=made["webhook_id"])["webhook"]
    assert wire.get("webhooks") == {"webhooks": [made]}
    assert made.pop("webhook_id")
    assert made.pop("creation_timestamp") == made.pop("last_updated_timestamp") > 0
    assert made == {
        "name": "ci",
        "description": "d",
        "url": URL,
        "events": [CREATED],
        "status": "ACTIVE",
    }


def test_a_webhook_is_changed_in_what_is_given(wire) -> None:
    webhook = create(wire, description="d")["webhook_id"]
    asked = {"webhook_id": webhook, "status": "DISABLED", "events": []}
    changed = wire.call("PATCH", "webhooks/{webhook_id}", **asked)["webhook"]
    assert (changed["status"], changed["name"], changed["events"]) == ("DISABLED", "ci", [CREATED])
    changed = wire.call("PATCH", "webhooks/{webhook_id}", webhook_id=webhook, description="")
    assert "description" not in changed["webhook"]
    assert wire.call("DELETE", "webhooks/{webhook_id}", webhook_id=webhook) == {}
    for method, path in (
        ("GET", "webhooks/{webhook_id}"),
        ("PATCH", "webhooks/{webhook_id}"),
        ("DELETE", "webhooks/{webhook_id}"),
        ("POST", "webhooks/{webhook_id}/test"),
        ("GET", "/api/pegboard/1.0/registry/webhooks/{webhook_id}/deliveries"),
    ):
        assert isinstance(wire.refused(method, path, webhook_id=webhook), NotFound)


def test_a_webhook_that_makes_no_sense_is_refused(wire) -> None:
    for wrong in (
        {"name": ""},
        {"name": "-"},
        {"url": "ftp://example.com"},
        {"url": ""},
        {"events": []},
        {"events": [{"entity": "MODEL_VERSION"}]},
        {"events": [{"entity": "REGISTERED_MODEL", "action": "DELETED"}]},
        {"events": ["model_version.created"]},
        {"status": "ASLEEP"},
    ):
        asked = {"name": "ci", "url": URL, "events": [CREATED], **wrong}
        assert isinstance(wire.refused("POST", "webhooks", **asked), InvalidValue), wrong
    asked = {"name": "ci", "url": "http://127.0.0.1:5000/", "events": [CREATED]}
    assert isinstance(wire.refused("POST", "webhooks", **asked), Refused)


def test_on_a_server_with_users_webhooks_are_for_administrators(wire) -> None:
    wire.identity = Identity("ann", frozenset({Permission.READ, Permission.WRITE}))
    for method, path, fields in (
        ("GET", "webhooks", {}),
        ("POST", "webhooks", {"name": "ci", "url": URL, "events": [CREATED]}),
        ("GET", "webhooks/{webhook_id}", {"webhook_id": "x"}),
    ):
        assert isinstance(wire.refused(method, path, **fields), Refused)
    wire.identity = Identity("", frozenset({Permission.READ, Permission.WRITE}))
    assert create(wire)


def test_a_registry_without_a_file_has_no_webhooks(host, wire) -> None:
    wire.uri = "memory:without-webhooks"
    assert isinstance(wire.refused("GET", "webhooks"), NotSupported)
    assert wire.post("registered-models/create", name="iris")["registered_model"]["name"] == "iris"


def test_what_happens_to_models_is_told(wire) -> None:
    told = everything(wire)
    wire.post("registered-models/create", name="iris", tags=[{"key": "a", "value": "b"}])
    wire.post("registered-models/set-tag", name="iris", key="k", value="v")
    wire.post("model-versions/create", name="iris", source="s3://bucket/m", description="d")
    one = {"name": "iris", "version": "1"}
    wire.post("model-versions/set-tag", **one, key="k", value="v")
    wire.call("DELETE", "model-versions/delete-tag", **one, key="k")
    wire.post("registered-models/alias", **one, alias="champion")
    wire.call("DELETE", "registered-models/alias", name="iris", alias="champion")
    assert told() == [
        ("registered_model.created", {"name": "iris", "tags": {"a": "b"}, "description": ""}),
        (
            "model_version.created",
            {
                **one,
                "source": "s3://bucket/m",
                "run_id": None,
                "tags": {},
                "description": "d",
            },
        ),
        ("model_version_tag.set", {**one, "key": "k", "value": "v"}),
        ("model_version_tag.deleted", {**one, "key": "k"}),
        ("model_version_alias.created", {**one, "alias": "champion"}),
        ("model_version_alias.deleted", {"name": "iris", "alias": "champion"}),
    ]


def test_what_happens_to_prompts_is_told_as_such(wire) -> None:
    told = everything(wire)
    wire.post("registered-models/create", name="hello", tags=[*PROMPT, {"key": "a", "value": "b"}])
    wire.post("registered-models/set-tag", name="hello", key="k", value="v")
    wire.call("DELETE", "registered-models/delete-tag", name="hello", key="k")
    text = {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}
    wire.post("model-versions/create", name="hello", source="dummy-source", tags=[*PROMPT, text])
    one = {"name": "hello", "version": "1"}
    wire.post("model-versions/set-tag", **one, key="k", value="v")
    wire.call("DELETE", "model-versions/delete-tag", **one, key="k")
    wire.post("registered-models/alias", **one, alias="prod")
    wire.call("DELETE", "registered-models/alias", name="hello", alias="prod")
    assert told() == [
        ("prompt.created", {"name": "hello", "tags": {"a": "b"}, "description": ""}),
        ("prompt_tag.set", {"name": "hello", "key": "k", "value": "v"}),
        ("prompt_tag.deleted", {"name": "hello", "key": "k"}),
        (
            "prompt_version.created",
            {**one, "template": "Hello {{name}}", "tags": {}, "description": None},
        ),
        ("prompt_version_tag.set", {**one, "key": "k", "value": "v"}),
        ("prompt_version_tag.deleted", {**one, "key": "k"}),
        ("prompt_alias.created", {**one, "alias": "prod"}),
        ("prompt_alias.deleted", {"name": "hello", "alias": "prod"}),
    ]


@pytest.mark.parametrize("gated", [False, True])
def test_what_did_not_happen_is_not_told(wire, gated) -> None:
    told = everything(wire)
    if gated:
        wire.registry.allow = lambda promotion: None
    wire.post("registered-models/create", name="iris")
    wire.refused("POST", "registered-models/create", name="iris")
    wire.refused("POST", "registered-models/alias", name="iris", alias="a", version="7")
    wire.refused("POST", "model-versions/create", name="iris", source="/etc")
    assert [event for event, _ in told()] == ["registered_model.created"]


def test_a_change_is_undone_if_it_cannot_be_told(wire, monkeypatch) -> None:
    from pegboard.errors import StoreFull
    from pegboard_registry.webhooks.queue import Queue

    everything(wire)
    wire.post("registered-models/create", name="iris")

    def full(*_: object) -> None:
        raise StoreFull("the disk")

    monkeypatch.setattr(Queue, "add", full)
    asked = {"name": "iris", "source": "s3://bucket/m"}
    assert isinstance(wire.refused("POST", "model-versions/create", **asked), StoreFull)
    assert wire.registry.search_versions() == []


# -- with gates ------------------------------------------------------------------------------------


@pytest.fixture
def versions(wire):
    """Two versions of a model, of which the first is the champion, and a webhook."""
    wire.post("registered-models/create", name="iris")
    for _ in range(2):
        wire.post("model-versions/create", name="iris", source="s3://bucket/m")
    champion(wire, "1")
    return wire


def champion(wire, version: str) -> None:
    wire.post("registered-models/alias", name="iris", alias="champion", version=version)


def champion_of(wire) -> str:
    return wire.registry.get_model("iris").aliases["champion"]


def test_gates_are_asked_while_others_can_write_and_once_for_each_promotion(versions) -> None:
    asked = []

    def allow(promotion) -> None:
        assert not versions.registry.database.connection().in_transaction
        asked.append((promotion.current, promotion.version))
        if len(asked) == 1:
            # Somebody else is faster.
            versions.registry._set_alias("iris", "champion", "2", promotion.author, None)

    told = everything(versions)
    versions.registry.allow = allow
    champion(versions, "1")
    assert asked == [("1", "1"), ("2", "1")]
    assert champion_of(versions) == "1"
    rollback = "/api/pegboard/1.0/registry/rollback"
    moved = versions.post(rollback, name="iris", alias="champion")["model_version"]
    assert moved["version"] == champion_of(versions) == "2"
    assert [data["version"] for _, data in told()] == ["1", "2"]


def test_what_a_gate_refuses_is_neither_done_nor_told(versions) -> None:
    def refuse(promotion) -> None:
        raise Refused(f"{promotion.version} is not ready.")

    told = everything(versions)
    versions.registry.allow = refuse
    asked = {"name": "iris", "alias": "champion", "version": "2"}
    refused = versions.refused("POST", "registered-models/alias", **asked)
    assert isinstance(refused, Refused)
    assert (champion_of(versions), told()) == ("1", [])


KILLED = """
import os, sys
from pegboard.config import Config
from pegboard.host import Host
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Call, Identity, Permission
from pegboard_registry.webhooks.queue import Queue

uri, path, version = sys.argv[1:]
host = Host(Config())
host.model_registry(uri).allow = lambda promotion: None
(endpoint,) = [e for e in declared(host) if (e.method, e.path) == ("POST", path)]
Queue.add = lambda *_: os._exit(7)
fields = {"name": "iris", "alias": "champion", "version": version}
endpoint.handle(Call(host, Identity("ann", frozenset(Permission)), fields, {}, tracking_uri=uri))
"""


@pytest.mark.parametrize(
    "path", ["/api/2.0/mlflow/registered-models/alias", "/api/pegboard/1.0/registry/rollback"]
)
def test_a_promotion_is_undone_if_the_process_dies_before_it_is_told(versions, path) -> None:
    champion(versions, "2")
    told = everything(versions)
    command = [sys.executable, "-c", KILLED, versions.uri, path, "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 7, done.stderr
    assert (champion_of(versions), told()) == ("2", [])
