"""The registry's whole life through MLflow's own client, against `pegboard server`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from served import run_script, serving

SECONDS = 60.0
SECRET = "between us"


class Receiver:
    """Keeps what webhooks send."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((dict(self.headers.items()), body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def wait(self, count: int) -> list[dict[str, Any]]:
        """Return what came, without times, once there are so many."""
        deadline = time.monotonic() + SECONDS
        while len(self.received) < count:
            assert time.monotonic() < deadline, self.received
            time.sleep(0.02)
        told = [json.loads(body) for _, body in self.received]
        return [{key: each[key] for key in ("entity", "action", "data")} for each in told]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("served")
    allowed = f'[plugins.registry]\nwebhook_allow = ["{receiver.place}"]\n'
    (place / "pegboard.toml").write_text(allowed)
    with serving(place) as address:
        yield address


@pytest.fixture
def script(mlflow_python: Path, url: str, tmp_path: Path) -> Any:
    return lambda code: run_script(mlflow_python, url, tmp_path, code)


def test_a_logged_model_is_registered_promoted_and_loaded_by_alias(script) -> None:
    answer = script(
        """
        import warnings
        warnings.simplefilter("ignore")
        import numpy as np
        from mlflow import MlflowClient
        from sklearn.linear_model import LinearRegression

        x = np.arange(6.0).reshape(-1, 1)
        client = MlflowClient()
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(
                LinearRegression().fit(x, 2 * x[:, 0]), name="model",
                registered_model_name="doubler", input_example=x[:1],
            )
        second = mlflow.register_model(info.model_uri, "doubler", tags={"kind": "copy"})
        third = mlflow.register_model(f"runs:/{run.info.run_id}/model", "doubler")
        client.set_registered_model_alias("doubler", "champion", 1)
        client.set_registered_model_alias("doubler", "champion", 2)
        loaded = mlflow.pyfunc.load_model("models:/doubler@champion")
        latest = mlflow.sklearn.load_model("models:/doubler/latest")
        read = mlflow.models.get_model_info("models:/doubler@champion")
        version = client.get_model_version_by_alias("doubler", "champion")
        client.transition_model_version_stage("doubler", 1, "Production")
        client.transition_model_version_stage("doubler", 3, "Production", True)
        staged = mlflow.pyfunc.load_model("models:/doubler/Production")
        stages = {each.version: each.current_stage
                  for each in client.search_model_versions("name = 'doubler'")}
        answer = {
            "predicted": [round(float(m.predict(x[3:4])[0]), 6) for m in (loaded, latest, staged)],
            "model": read.model_id == info.model_id,
            "flavors": sorted(read.flavors),
            "version": version.version,
            "aliases": list(version.aliases),
            "tags": version.tags,
            "run": version.run_id == run.info.run_id,
            "numbers": [second.version, third.version],
            "stages": stages,
            "tag": mlflow.get_logged_model(info.model_id).tags["mlflow.modelVersions"],
        }
        """
    )
    tag = json.loads(answer.pop("tag"))
    # MLflow's client notes, as a text, what its server has noted as a number already.
    assert {each["version"] for each in tag if isinstance(each["version"], int)} == {1, 2, 3}
    assert {str(each["version"]) for each in tag} == {"1", "2", "3"}
    assert [str(number) for number in answer.pop("numbers")] == ["2", "3"]
    assert answer == {
        "predicted": [6.0, 6.0, 6.0],
        "model": True,
        "flavors": ["python_function", "sklearn"],
        "version": "2",
        "aliases": ["champion"],
        "tags": {"kind": "copy"},
        "run": True,
        "stages": {"1": "Archived", "2": "None", "3": "Production"},
    }


def test_models_and_versions_are_changed_searched_copied_and_deleted(script) -> None:
    answer = script(
        """
        import warnings
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        client = MlflowClient()

        def code(call, *given, **more):
            try:
                call(*given, **more)
            except MlflowException as error:
                return error.error_code

        for name in ("rose", "iris", "tulip"):
            client.create_registered_model(name, {"color": "red"}, f"a {name}")
        for number in range(3):
            client.create_model_version("iris", f"s3://bucket/{number}", tags={"n": str(number)})
        taken = code(client.create_registered_model, "iris")
        client.update_registered_model("iris", "blue")
        client.set_registered_model_tag("iris", "color", "blue")
        client.delete_registered_model_tag("rose", "color")
        client.rename_registered_model("tulip", "lily")
        client.update_model_version("iris", "1", "first")
        client.set_model_version_tag("iris", "1", "k", "v")
        client.delete_model_version_tag("iris", "1", "n")
        client.set_registered_model_alias("iris", "champion", "3")
        copied = client.copy_model_version("models:/iris@champion", "bouquet")
        source = client.get_model_version_download_uri("bouquet", copied.version)
        first = client.get_model_version("iris", "1")
        found = client.search_registered_models("tags.color = 'blue'")[0]
        page = client.search_model_versions("name = 'iris'", 2, ["version_number ASC"])
        rest = client.search_model_versions(
            "name = 'iris'", 2, ["version_number ASC"], page.token)
        client.delete_registered_model_alias("iris", "champion")
        client.delete_model_version("iris", "2")
        client.delete_registered_model("rose")
        answer = {
            "taken": taken,
            "found": [found.name, found.description, found.tags, found.aliases],
            "first": [first.description, first.tags],
            "names": [m.name for m in client.search_registered_models(order_by=["name DESC"])
                      if m.name in ("bouquet", "iris", "lily", "rose", "tulip")],
            "pages": [[v.version for v in page], [v.version for v in rest], rest.token],
            "copy": [copied.name, copied.version, copied.source, source],
            "codes": [
                code(client.get_registered_model, "rose"),
                code(client.get_model_version, "iris", "2"),
                code(client.get_model_version_by_alias, "iris", "champion"),
                code(client.set_registered_model_alias, "iris", "latest", "1"),
                code(client.set_registered_model_alias, "iris", "v1", "1"),
                code(client.create_registered_model, "a/b"),
                code(client.create_model_version, "iris", "/etc"),
                code(client.create_model_version, "nobody", "s3://bucket/m"),
                code(client.search_model_versions, "nonsense = 1"),
            ],
        }
        """
    )
    assert answer == {
        "taken": "RESOURCE_ALREADY_EXISTS",
        "found": ["iris", "blue", {"color": "blue"}, {"champion": "3"}],
        "first": ["first", {"k": "v"}],
        "names": ["lily", "iris", "bouquet"],
        "pages": [["1", "2"], ["3"], answer["pages"][2]],
        "copy": ["bouquet", "1", "models:/iris/3", "s3://bucket/2"],
        "codes": [
            *("RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST"),
            *["INVALID_PARAMETER_VALUE"] * 5,
            *("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"),
        ],
    }
    assert not answer["pages"][2]


def test_webhooks_tell_what_happens_with_a_signature_that_proves_it(script, receiver) -> None:
    answer = script(
        f"""
        import os, time, requests
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        client = MlflowClient()
        events = [
            "registered_model.created", "model_version.created", "model_version_tag.set",
            "model_version_tag.deleted", "model_version_alias.created",
            "model_version_alias.deleted", "prompt.created", "prompt_version.created",
        ]
        made = client.create_webhook(
            "ci", "http://{receiver.place}/hook", events, description="d", secret="{SECRET}")
        tried = client.test_webhook(made.webhook_id)
        try:
            client.create_webhook("bad", "http://169.254.169.254/latest", events)
            refused = None
        except MlflowException as error:
            refused = error.error_code
        client.create_registered_model("told", {{"a": "b"}}, "d")
        client.create_model_version("told", "s3://bucket/m")
        client.set_model_version_tag("told", "1", "k", "v")
        client.delete_model_version_tag("told", "1", "k")
        client.set_registered_model_alias("told", "champion", "1")
        client.delete_registered_model_alias("told", "champion")
        mlflow.genai.register_prompt("greeting", "Hello {{{{name}}}}")
        log = (os.environ["MLFLOW_TRACKING_URI"] + "/api/pegboard/1.0/registry/webhooks/"
               + made.webhook_id + "/deliveries")
        deadline = time.monotonic() + {SECONDS}
        while True:
            states = [each["state"] for each in requests.get(log, timeout=30).json()["deliveries"]]
            if set(states) == {{"delivered"}} or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        client.update_webhook(made.webhook_id, name="cd", status="DISABLED")
        client.create_model_version("told", "s3://bucket/m")
        listed = client.list_webhooks()
        answer = {{
            "tried": [tried.success, tried.response_status, tried.response_body],
            "refused": refused,
            "events": sorted(map(str, made.events)) == sorted(events),
            "listed": [[each.name, str(each.status), each.description] for each in listed],
            "secret": made.secret,
            "states": states,
        }}
        """
    )
    assert answer == {
        "tried": [True, 200, "thanks"],
        "refused": "PERMISSION_DENIED",
        "events": True,
        "listed": [["cd", "DISABLED", "d"]],
        "secret": None,
        "states": ["delivered"] * 8,
    }
    told = receiver.wait(9)
    assert (told[0]["entity"], told[0]["action"]) == ("model_version", "created")
    by_event = {f"{each['entity']}.{each['action']}": each["data"] for each in told[1:]}
    version = {"name": "told", "version": "1"}
    prompt = by_event.pop("prompt_version.created")
    assert (prompt["name"], prompt["version"], prompt["template"]) == (
        "greeting",
        "1",
        "Hello {{name}}",
    )
    assert by_event.pop("prompt.created")["name"] == "greeting"
    assert by_event == {
        "registered_model.created": {"name": "told", "tags": {"a": "b"}, "description": "d"},
        "model_version.created": {
            **version,
            "source": "s3://bucket/m",
            "run_id": None,
            "tags": {},
            "description": None,
        },
        "model_version_tag.set": {**version, "key": "k", "value": "v"},
        "model_version_tag.deleted": {**version, "key": "k"},
        "model_version_alias.created": {"name": "told", "alias": "champion", "version": "1"},
        "model_version_alias.deleted": {"name": "told", "alias": "champion"},
    }
    for headers, body in receiver.received:
        signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.".encode()
        digest = hmac.new(SECRET.encode(), signed + body, hashlib.sha256).digest()
        assert headers["X-MLflow-Signature"] == f"v1,{base64.b64encode(digest).decode()}"
