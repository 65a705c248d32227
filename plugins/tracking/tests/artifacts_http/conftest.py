"""Endpoints of files without a server: bodies come and go in pieces."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from pegboard.config import Config
from pegboard.host import Host
from pegboard_tracking.artifacts.files import FileArtifactStore
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Answer, Call, Identity, Permission

EVERYTHING = Identity("tester", frozenset(Permission))
PROXY = "/api/2.0/mlflow-artifacts"
FILE = PROXY + "/artifacts/{artifact_path:path}"


@frozen
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Files:
    """Calls the endpoints of files of a store; errors come as they are raised."""

    def __init__(self, host: Host, uri: str, root: Path) -> None:
        self.host = host
        self.uri = uri
        self.root = root
        self.store = host.tracking_store(uri)
        self._endpoints = {(each.method, each.path): each for each in declared(host)}

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None,
        /,
        **fields: Any,
    ) -> Reply:
        return asyncio.run(self._call(method, path, body, headers or {}, fields))

    async def _call(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None,
        headers: dict[str, str],
        fields: dict[str, Any],
    ) -> Reply:
        endpoint = self._endpoints[method, path]
        assert endpoint.streams == (body is not None)
        pieces = [body] if isinstance(body, bytes) else body
        call = Call(
            self.host,
            EVERYTHING,
            fields,
            headers,
            None if pieces is None else _yielding(pieces),
            self.uri,
            "http://server.example/root",
        )
        # As the server does it: what is not a coroutine runs in a thread.
        if inspect.iscoroutinefunction(endpoint.handle):
            answer = await endpoint.handle(call)
        else:
            answer = await asyncio.to_thread(endpoint.handle, call)
        if not isinstance(answer, Answer):
            return Reply(200, {}, json.dumps(answer).encode())
        content = answer.content
        if not isinstance(content, bytes):
            content = b"".join([piece async for piece in content])
        if answer.close is not None:
            answer.close()
        return Reply(answer.status, {"content-type": answer.media_type, **answer.headers}, content)

    def put(self, path: str, body: bytes | Iterable[bytes], **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self("PUT", FILE, body, named, artifact_path=path)

    def get(self, path: str, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self("GET", FILE, None, named, artifact_path=path)

    def delete(self, path: str) -> Reply:
        return self("DELETE", FILE, artifact_path=path)

    def listed(self, path: str = "") -> list[str]:
        return [file["path"] for file in self("GET", PROXY + "/artifacts", path=path).json["files"]]

    def run(self, **options: Any) -> str:
        """Create a run in a new experiment and return its id."""
        number = len(self.store.search_experiments())
        made = self.store.create_experiment(f"e{number}", **options)
        return self.store.create_run(made.experiment_id).info.run_id

    @property
    def artifacts(self) -> FileArtifactStore:
        return FileArtifactStore(self.root)

    def on_disk(self) -> list[str]:
        """Return all files below the root, those of the store's own too."""
        found = (path for path in self.root.rglob("*") if not path.is_dir())
        return sorted(path.relative_to(self.root).as_posix() for path in found)


async def _yielding(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece


def breaking_off(*pieces: bytes) -> Iterator[bytes]:
    """Yield some pieces, and then what the server raises when a client is gone."""
    yield from pieces
    raise ConnectionError("the client is gone")


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host(Config())
    yield made
    made.close()


@pytest.fixture
def files(host: Host, tmp_path: Path) -> Files:
    root = tmp_path / "store.db.artifacts"
    return Files(host, f"sqlite:{tmp_path}/store.db?artifacts=mlflow-artifacts:/", root)


@pytest.fixture(params=["files", "memory"])
def any_files(request: pytest.FixtureRequest, host: Host, tmp_path: Path) -> Files:
    """Return a server's files in a directory, or in a store that knows only the contract."""
    if request.param == "files":
        return request.getfixturevalue("files")
    name = request.node.nodeid.encode().hex()
    uri = f"sqlite:{tmp_path}/store.db?artifacts=mlflow-artifacts:/&destination=memory:{name}"
    return Files(host, uri, tmp_path / "nowhere")
