"""Files of MLflow's own client, through our server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

SECONDS = 60.0
FILES = "/api/2.0/mlflow-artifacts/artifacts"

PRELUDE = """
import json, os, sys
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

client = MlflowClient()

def listed(run_id, path=None):
    return [[f.path, f.is_dir, f.file_size] for f in client.list_artifacts(run_id, path)]

def read(run_id, path):
    with open(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=path), "rb") as f:
        return f.read()

"""


@frozen
class Server:
    """A running server, and the directory of its store."""

    port: int
    place: Path

    @property
    def files(self) -> Path:
        return self.place / "s.db.artifacts"

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[HTTPResponse, bytes]:
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, SECONDS)) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response, response.read()

    def on_disk(self) -> list[str]:
        """Return the files below the directory, those of the store's own too."""
        found = (path for path in self.files.rglob("*") if not path.is_dir())
        return sorted(path.relative_to(self.files).as_posix() for path in found)


@contextlib.contextmanager
def serving(place: Path, *options: str) -> Iterator[Server]:
    command = [str(Path(sys.executable).with_name("pegboard")), "server", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--store", f"sqlite:{place}/s.db", *options],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=(place / "log").open("w"),
        text=True,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert "http://" in first, (place / "log").read_text()
        yield Server(int(first.rpartition(":")[2]), place)
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0
        assert '"error"' not in (place / "log").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


Script = Callable[..., Any]


@pytest.fixture
def script(server: Server, mlflow_python: Path, tmp_path: Path) -> Script:
    """Run code in MLflow's interpreter and return what it leaves in ``answer``."""

    def run(code: str, **variables: str) -> Any:
        done = subprocess.run(
            [
                str(mlflow_python),
                "-c",
                PRELUDE + textwrap.dedent(code) + "\nprint(json.dumps(answer))",
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{server.port}",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_files_go_through_the_server_and_come_back(
    server: Server, script: Script, tmp_path: Path
) -> None:
    (tmp_path / "tree/sub dir").mkdir(parents=True)
    (tmp_path / "tree/a.txt").write_text("a")
    (tmp_path / "tree/sub dir/größe.bin").write_bytes(bytes(range(256)) * 1000)
    answer = script("""
        location = client.get_experiment(client.create_experiment("files")).artifact_location
        mlflow.set_experiment("files")
        with mlflow.start_run() as run:
            mlflow.log_artifacts("tree")
            mlflow.log_artifact("tree/a.txt", "again")
            mlflow.log_text("<b>bold</b>", "report.html")
            mlflow.log_dict({"a": 1}, "d.json")
        run_id = run.info.run_id
        whole = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="")
        answer = {
            "location": location,
            "run_id": run_id,
            "root": listed(run_id),
            "below": listed(run_id, "sub dir"),
            "file": listed(run_id, "a.txt"),
            "same": read(run_id, "sub dir/größe.bin") == bytes(range(256)) * 1000,
            "text": read(run_id, "report.html").decode(),
            "loaded": mlflow.artifacts.load_dict(f"runs:/{run_id}/d.json"),
            "all": sorted(os.path.relpath(os.path.join(where, name), whole)
                          for where, _, names in os.walk(whole) for name in names),
        }
        try:
            read(run_id, "missing")
        except (MlflowException, OSError):
            answer["missing"] = True
    """)
    run_id = answer.pop("run_id")
    location = answer.pop("location")
    assert location.startswith("mlflow-artifacts:/")
    assert answer == {
        "root": [
            ["a.txt", False, 1],
            ["again", True, None],
            ["d.json", False, 12],
            ["report.html", False, 11],
            ["sub dir", True, None],
        ],
        "below": [["sub dir/größe.bin", False, 256_000]],
        "file": [],
        "same": True,
        "text": "<b>bold</b>",
        "loaded": {"a": 1},
        "all": ["a.txt", "again/a.txt", "d.json", "report.html", "sub dir/größe.bin"],
        "missing": True,
    }
    place = server.files / location.partition(":/")[2] / run_id / "artifacts"
    assert (place / "a.txt").samefile(place / "again/a.txt")


def test_a_model_is_logged_and_loaded(script: Script) -> None:
    answer = script("""
        from sklearn.datasets import load_diabetes
        from sklearn.linear_model import LinearRegression

        mlflow.set_experiment("models")
        x, y = load_diabetes(return_X_y=True)
        model = LinearRegression().fit(x, y)
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
        loaded = mlflow.sklearn.load_model(info.model_uri)
        through_run = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
        answer = [
            bool((loaded.predict(x) == model.predict(x)).all()),
            bool((through_run.predict(x) == model.predict(x)).all()),
        ]
    """)
    assert answer == [True, True]


def test_an_upload_in_parts_makes_one_file(server: Server, script: Script) -> None:
    answer = script(
        """
        data = os.urandom(12_345_678)
        open("big.bin", "wb").write(data)
        mlflow.set_experiment("parts")
        with mlflow.start_run() as run:
            mlflow.log_artifact("big.bin", "parts")
        run_id = run.info.run_id
        answer = [listed(run_id, "parts"), read(run_id, "parts/big.bin") == data]
        """,
        MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true",
        MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE="1000",
        MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(5 << 20),
    )
    assert answer == [[["parts/big.bin", False, 12_345_678]], True]
    assert "mpu/part" in (server.place / "log").read_text()
    assert not [path for path in server.on_disk() if "incoming" in path]


def test_files_are_deleted_through_the_client(script: Script) -> None:
    answer = script("""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        mlflow.set_experiment("deleting")
        with mlflow.start_run() as run:
            mlflow.log_text("a", "keep/a")
            mlflow.log_text("b", "go/b")
        get_artifact_repository(run.info.artifact_uri).delete_artifacts("go")
        answer = listed(run.info.run_id)
    """)
    assert answer == [["keep", True, None]]


@pytest.mark.parametrize("ending", ["length", "chunked"])
def test_a_client_that_vanishes_leaves_nothing(server: Server, ending: str) -> None:
    before = server.on_disk()
    head = f"PUT {FILES}/gone/{ending} HTTP/1.1\r\nHost: localhost\r\n"
    if ending == "length":
        body = head + "Content-Length: 10000000\r\n\r\n"
    else:
        body = head + "Transfer-Encoding: chunked\r\n\r\n200000\r\n"
    with socket.create_connection(("127.0.0.1", server.port), SECONDS) as connection:
        connection.sendall(body.encode() + bytes(3_000_000 if ending == "length" else 1_500_000))
        until(lambda: server.on_disk() != before)
    until(lambda: server.on_disk() == before)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    "path",
    ["..%2f..%2fx", "%252e%252e%252fx", "a%00b", "a%5c..%5cx", "%2fetc%2fx", "file:%2f%2f%2fx",
     ".pegboard-content/x", "a" * 300, "x/" * 2000, "%ff"],
)  # fmt: skip
def test_a_hostile_path_is_refused_in_mlflows_form(server: Server, path: str) -> None:
    before = server.on_disk()
    for method in ("PUT", "GET"):
        body = b"x" if method == "PUT" else None
        response, content = server(method, f"{FILES}/{path}", body)
        assert response.status == 400
        assert json.loads(content)["error_code"] == "INVALID_PARAMETER_VALUE"
    assert server.on_disk() == before


def test_a_file_is_sent_safely_and_in_ranges(server: Server) -> None:
    server("PUT", f"{FILES}/x/page.html", b"<script>alert(1)</script>")
    response, content = server("GET", f"{FILES}/x/page.html")
    assert content == b"<script>alert(1)</script>"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    tag = {"If-None-Match": response.headers["etag"]}
    assert server("GET", f"{FILES}/x/page.html", headers=tag)[0].status == 304
    response, content = server("GET", f"{FILES}/x/page.html", headers={"Range": "bytes=1-6"})
    assert (response.status, content) == (206, b"script")
    response, content = server("HEAD", f"{FILES}/x/page.html")
    assert (response.status, content, response.headers["content-length"]) == (200, b"", "25")


def test_the_owner_of_the_store_reads_and_collects_what_clients_sent(
    script: Script, server: Server
) -> None:
    run_id = script("""
        mlflow.set_experiment("collected")
        with mlflow.start_run() as run:
            mlflow.log_text("content of this test alone", "only.txt")
        answer = run.info.run_id
    """)

    def pegboard(*arguments: str) -> Any:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("pegboard")), *arguments, "--json"],
            env={**os.environ, "PEGBOARD_TRACKING_URI": f"sqlite:{server.place}/s.db"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert [file["path"] for file in pegboard("artifacts", "list", run_id)] == ["only.txt"]
    script(f"""client.delete_run({run_id!r}); answer = None""")
    report = pegboard("gc", "--yes", "--run-id", run_id)
    assert report["runs"] == [run_id]
    assert report["file_bytes"] >= len("content of this test alone")
    assert not [path for path in server.on_disk() if run_id in path]


def test_without_serving_files_clients_are_sent_to_the_place_itself(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-serve-artifacts", "--artifacts", "files") as server:
        response, content = server("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
        location = json.loads(content)["experiment"]["artifact_location"]
        assert location == f"file://{tmp_path}/files/0"
        response, content = server("PUT", f"{FILES}/x", b"x")
        assert response.status == 501
        assert json.loads(content)["error_code"] == "NOT_IMPLEMENTED"
    assert not (tmp_path / "files").exists()


def test_files_go_to_the_destination_that_was_named(tmp_path: Path) -> None:
    with serving(tmp_path, "--artifacts-destination", "kept here") as server:
        assert server("PUT", f"{FILES}/1/a", b"x")[0].status == 200
    assert (tmp_path / "kept here/1/a").read_bytes() == b"x"
    shutil.rmtree(tmp_path / "kept here")
