"""Endpoints without a server: requests and answers go through JSON, and nothing else."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pegboard.config import Config
from pegboard.errors import PegboardError
from pegboard.host import Host
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Answer, Call, Identity, Permission

EVERYTHING = Identity("tester", frozenset(Permission))


class Wire:
    """Calls the endpoints of a store, as ``identity`` and with ``headers``."""

    def __init__(self, host: Host, uri: str) -> None:
        self.host = host
        self.uri = uri
        self.identity = EVERYTHING
        self.headers: Mapping[str, str] = {}
        self.registry = host.model_registry(uri)
        self.store = host.tracking_store(uri)
        self._endpoints = {(each.method, each.path): each for each in declared(host)}

    def answer(self, method: str, path: str, /, **fields: Any) -> Any:
        """Return what an endpoint returns; errors come as they are raised."""
        whole = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
        endpoint = self._endpoints[method, whole]
        given = json.loads(json.dumps(fields, allow_nan=False))
        call = Call(self.host, self.identity, given, self.headers, tracking_uri=self.uri)
        answer = endpoint.handle(call)
        return asyncio.run(_wait(answer)) if inspect.isawaitable(answer) else answer

    def call(self, method: str, path: str, /, **fields: Any) -> Any:
        """Return the JSON of an answer."""
        return json.loads(json.dumps(self.answer(method, path, **fields), allow_nan=False))

    def get(self, path: str, /, **fields: Any) -> Any:
        """Return the answer to a GET."""
        return self.call("GET", path, **fields)

    def post(self, path: str, /, **fields: Any) -> Any:
        """Return the answer to a POST."""
        return self.call("POST", path, **fields)

    def refused(self, method: str, path: str, /, **fields: Any) -> PegboardError:
        """Return the error that a request is refused with."""
        with pytest.raises(PegboardError) as caught:
            self.call(method, path, **fields)
        return caught.value

    def download(self, **fields: Any) -> bytes:
        """Return a file of a version."""
        answer = self.answer("GET", "/model-versions/get-artifact", **fields)
        assert isinstance(answer, Answer)
        try:
            return asyncio.run(_read(answer))
        finally:
            assert answer.close is not None
            answer.close()

    def run(self, **files: str) -> tuple[str, str]:
        """Create a run with files (``a__b`` is the path a/b); return its id and artifact URI."""
        info = self.post("runs/create", experiment_id="0")["run"]["info"]
        self.write(info["artifact_uri"], **files)
        return info["run_id"], info["artifact_uri"]

    def logged_model(self, **files: str) -> tuple[str, str]:
        """Create a logged model with files; return its id and artifact URI."""
        info = self.post("logged-models", experiment_id="0", name="m")["model"]["info"]
        self.write(info["artifact_uri"], **files)
        return info["model_id"], info["artifact_uri"]

    def write(self, uri: str, **files: str) -> None:
        """Put files below an artifact URI."""
        place = self.host.artifact_store(self.store.located(uri))
        for path, text in files.items():
            place.write(path.replace("__", "/"), io.BytesIO(text.encode()))


async def _wait(awaitable: Any) -> Any:
    return await awaitable


async def _read(answer: Answer) -> bytes:
    assert not isinstance(answer.content, bytes)
    return b"".join([piece async for piece in answer.content])


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    made = Host(Config())
    yield made
    made.close()


def _behind_the_server(host: Host, place: Path) -> Wire:
    files = f"artifacts=mlflow-artifacts:/&destination={place}/files"
    return Wire(host, f"sqlite:{place}/store.db?{files}&synchronous=normal")


def _on_this_machine(host: Host, place: Path) -> Wire:
    files = f"artifacts={place}/local"
    return Wire(host, f"sqlite:{place}/local.db?{files}&synchronous=normal")


@pytest.fixture
def wire(host: Host, tmp_path: Path) -> Wire:
    """The endpoints on a store whose files go through the server."""
    return _behind_the_server(host, tmp_path)


@pytest.fixture
def local(host: Host, tmp_path: Path) -> Wire:
    """The endpoints on a store whose files have paths on this machine."""
    return _on_this_machine(host, tmp_path)


@pytest.fixture(scope="module")
def kept(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Wire]:
    """Stores of both kinds, for tests that change nothing."""
    place = tmp_path_factory.mktemp("kept")
    return {
        "behind the server": _behind_the_server(host, place),
        "on this machine": _on_this_machine(host, place),
    }
