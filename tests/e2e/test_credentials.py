"""Credentials belong to the server they were given for: a location that leads elsewhere gets none.

Whoever may write can say where the files of an experiment or a version lie, and an administrator
who opens them must not bring that place a token.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pegboard
import pytest
from attrs import define, field, frozen
from click.testing import CliRunner
from pegboard import config, host
from pegboard.cli.shell import cli
from pegboard.errors import PegboardError
from pegboard_scripting.client import Client
from pegboard_wire.client.errors import AccessDenied
from served import serving
from target import API, PROXY, Target, bearer, token_of

HEADER = "a key of the gateway"
NETRC = "a password of the netrc file"


@define
class Stranger:
    """A server of somebody else on this machine, which notes all that it is sent."""

    port: int = 0
    status: int = 200
    seen: list[str] = field(factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    me = Stranger()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            me.seen.append(f"{self.requestline}\n{self.headers}")
            listed = b'{"files": [{"path": "file", "is_dir": false, "file_size": "4"}]}'
            body = listed if self.path.partition("?")[0].endswith("/artifacts") else b"text"
            self.send_response(me.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        me.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield me
        server.shutdown()


@frozen
class Known:
    """A server with users that allows locations on other servers of this machine."""

    target: Target
    token: str

    def post(self, path: str, **fields: Any) -> Any:
        reply = self.target("POST", f"{API}/{path}", fields, headers=bearer(self.token))
        assert reply.status == 200, reply
        return reply.json


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    place = tmp_path_factory.mktemp("known")
    (place / "pegboard.toml").write_text('[http]\nartifact_allow = ["127.0.0.1", "localhost"]\n')
    token = token_of(place / "users", "ann", "admin")
    with serving(place, "--users", str(place / "users")) as url:
        yield Known(Target(url, place), token)


@pytest.fixture(autouse=True)
def administrator(known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be somebody who gave all kinds of credentials for the server that is known."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", known.target.url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", known.token)
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000")
    monkeypatch.setenv("PEGBOARD_TRACKING_HEADERS", f"X-Key={HEADER}")
    netrc = "".join(
        f"machine {h} login me password {NETRC!r}\n" for h in ("127.0.0.1", "localhost")
    )
    (tmp_path / ".netrc").write_text(netrc)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    host.use(None)
    yield
    host.current().close()
    host.use(None)


@frozen
class Lured:
    """A run, a logged model and a version whose files are said to lie on the other server."""

    run_id: str
    artifact_uri: str
    model_id: str
    version: str
    big: Path


def lured(known: Known, location: str, place: Path) -> Lured:
    name = f"m-{len(location)}-{place.name}"
    experiment = known.post("experiments/create", name=name, artifact_location=location)
    experiment_id = experiment["experiment_id"]
    info = known.post("runs/create", experiment_id=experiment_id)["run"]["info"]
    model = known.post("logged-models", experiment_id=experiment_id, name="m")["model"]["info"]
    known.post("registered-models/create", name=name)
    source = {"source": info["artifact_uri"], "run_id": info["run_id"]}
    known.post("model-versions/create", name=name, **source)
    (place / "big").write_bytes(b"x" * 5000)
    return Lured(
        info["run_id"], info["artifact_uri"], model["model_id"], f"{name}/1", place / "big"
    )


def _command(*words: str) -> None:
    result = CliRunner().invoke(cli, list(words), prog_name="pegboard")
    assert "Traceback" not in result.output


OPERATIONS: dict[str, Callable[[Lured], object]] = {
    "log_text": lambda it: Client().log_text(it.run_id, "text", "file"),
    "log_dict": lambda it: Client().log_dict(it.run_id, {"a": 1}, "file.json"),
    "log_artifact, big": lambda it: Client().log_artifact(it.run_id, str(it.big)),
    "list_artifacts": lambda it: Client().list_artifacts(it.run_id),
    "download_artifacts": lambda it: Client().download_artifacts(it.run_id, "file"),
    "load_text": lambda it: pegboard.artifacts.load_text(f"runs:/{it.run_id}/file"),
    "download by URI": lambda it: pegboard.artifacts.download_artifacts(f"{it.artifact_uri}/file"),
    "log_model_artifact": lambda it: Client().log_model_artifact(it.model_id, str(it.big)),
    "list of a model": lambda it: Client().list_logged_model_artifacts(it.model_id),
    "download of a model": lambda it: pegboard.artifacts.download_artifacts(
        f"models:/{it.model_id}", dst_path="here"
    ),
    "download of a version": lambda it: pegboard.artifacts.download_artifacts(
        f"models:/{it.version}", dst_path="there"
    ),
    "artifacts list": lambda it: _command("artifacts", "list", it.run_id),
    "artifacts download": lambda it: _command("artifacts", "download", it.run_id),
    "artifacts upload": lambda it: _command("artifacts", "upload", it.run_id, str(it.big)),
    "runs show": lambda it: _command("runs", "show", it.run_id),
    "models download": lambda it: _command("models", "download", it.version, "-t", "d"),
    "models predict": lambda it: _command(
        "models", "predict", "-m", f"models:/{it.version}", "-i", str(it.big)
    ),
}

LOCATIONS = {
    "behind a host": "mlflow-artifacts://127.0.0.1:{port}/x",
    "behind a host of another spelling": "mlflow-artifacts://LocalHost:{port}/x",
    "by URL": "http://127.0.0.1:{port}{proxy}/x",
    "by URL of a name": "HTTP://localhost:{port}{proxy}/x",
    "below a path": "http://127.0.0.1:{port}/mlflow{proxy}/x",
    "with a user": "http://some:body@127.0.0.1:{port}{proxy}/x",
}


@pytest.mark.parametrize("form", LOCATIONS)
def test_no_operation_brings_another_server_what_was_given_for_this_one(
    known: Known, stranger: Stranger, tmp_path: Path, form: str
) -> None:
    it = lured(known, LOCATIONS[form].format(port=stranger.port, proxy=PROXY), tmp_path)
    for name, operation in OPERATIONS.items():
        stranger.seen.clear()
        # What becomes of it is a matter of the answers; what is sent counts.
        with contextlib.suppress(PegboardError):
            operation(it)
        assert stranger.seen, f"{name} did not ask the other server"
        for request in stranger.seen:
            for secret in (known.token, HEADER, NETRC):
                assert secret not in request, name
            found = re.search("(?im)^authorization: .*$", request)
            assert (found is not None) == (form == "with a user"), name


def test_a_store_of_this_machine_brings_a_server_nothing_that_was_given_for_another(
    known: Known, stranger: Stranger, tmp_path: Path
) -> None:
    """Whoever shares a SQLite file may have chosen the location; gc follows it too."""
    store = f"sqlite:{tmp_path}/shared.db"
    client = Client(store)
    location = f"{stranger.url}{PROXY}/x"
    experiment_id = client.create_experiment("shared", artifact_location=location)
    run_id = client.create_run(experiment_id).info.run_id
    client.log_text(run_id, "text", "file")
    client.delete_run(run_id)
    before = len(stranger.seen)
    _command("--tracking-uri", store, "gc", "--yes")
    assert any(request.startswith("DELETE") for request in stranger.seen[before:])
    assert not any(secret in "".join(stranger.seen) for secret in (known.token, HEADER, NETRC))
    assert "authorization" not in "".join(stranger.seen).lower()


def test_the_server_that_was_named_is_told_who_we_are(known: Known, tmp_path: Path) -> None:
    info = known.post("runs/create", experiment_id="0")["run"]["info"]
    Client().log_text(info["run_id"], "text", "file")
    assert pegboard.artifacts.load_text(f"runs:/{info['run_id']}/file") == "text"
    assert pegboard.artifacts.load_text(f"{info['artifact_uri']}/file") == "text"
    inside = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    assert pegboard.artifacts.load_text(f"{known.target.url}{PROXY}/{inside}/file") == "text"


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_refuses_us_is_said_to_have_got_no_credentials(
    known: Known, stranger: Stranger, tmp_path: Path, status: int
) -> None:
    it = lured(known, f"mlflow-artifacts://127.0.0.1:{stranger.port}/x", tmp_path)
    stranger.status = status
    for name in ("log_text", "list_artifacts", "download_artifacts", "log_artifact, big"):
        with pytest.raises(AccessDenied, match="not sent your credentials") as caught:
            OPERATIONS[name](it)
        assert stranger.url in caught.value.message
        assert "credentials_allow" in caught.value.hint


def test_a_server_that_is_allowed_gets_them_too(
    known: Known, stranger: Stranger, tmp_path: Path
) -> None:
    it = lured(known, f"mlflow-artifacts://127.0.0.1:{stranger.port}/x", tmp_path)
    allowed = config.HttpConfig(credentials_allow=[stranger.url])
    host.use(host.Host(config.Config(http=allowed)))
    Client().log_text(it.run_id, "text", "file")
    assert f"Authorization: Bearer {known.token}" in stranger.seen[-1]
    assert f"X-Key: {HEADER}" in stranger.seen[-1]


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts://{host}/x",
        "MLFLOW-ARTIFACTS://{host}/x",
        "mlflow-artifacts://me@{host}/x",
        "mlflow-artifacts://:80/x",
        "http://{host}/x",
        "HTTP://{host}/x",
        "https://{host}/x",
        "http://127.0.0.1@{host}/x",
        "http:/{host}/x",
        "http:\\\\{host}\\x",
        "http://%65xample.org/x",
    ],
)
def test_the_server_takes_no_location_and_no_source_on_another(known: Known, location: str) -> None:
    asked = {"name": "elsewhere", "artifact_location": location.format(host="example.org")}
    admin = bearer(known.token)
    reply = known.target("POST", f"{API}/experiments/create", asked, headers=admin)
    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), reply
    known.target("POST", f"{API}/registered-models/create", {"name": "m"}, headers=admin)
    asked = {"name": "m", "source": asked["artifact_location"]}
    reply = known.target("POST", f"{API}/model-versions/create", asked, headers=admin)
    assert (reply.status, reply.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), reply


def test_a_location_is_refused_with_what_to_do(known: Known) -> None:
    asked = {"name": "elsewhere", "artifact_location": "https://example.org:8443/x"}
    reply = known.target("POST", f"{API}/experiments/create", asked, headers=bearer(known.token))
    assert "artifact_allow" in json.loads(reply.text)["message"]
