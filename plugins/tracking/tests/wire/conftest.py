"""Endpoints without a server: requests and answers go through JSON, and nothing else."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from pegboard.config import Config
from pegboard.errors import PegboardError
from pegboard.host import Host
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Call, Identity, Permission

EVERYTHING = Identity("tester", frozenset(Permission))


class Wire:
    """Calls the endpoints of a store."""

    def __init__(self, host: Host, uri: str) -> None:
        self.host = host
        self.uri = uri
        self.store = host.tracking_store(uri)
        self._endpoints = {(each.method, each.path): each for each in declared(host)}

    def call(self, method: str, path: str, **fields: Any) -> Any:
        """Return the answer; errors come as they are raised."""
        whole = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
        endpoint = self._endpoints[method, whole]
        given = json.loads(json.dumps(fields, allow_nan=False))
        answer = endpoint.handle(Call(self.host, EVERYTHING, given, {}, tracking_uri=self.uri))
        if inspect.isawaitable(answer):

            async def wait() -> Any:
                return await answer

            answer = asyncio.run(wait())
        return json.loads(json.dumps(answer, allow_nan=False))

    def get(self, path: str, **fields: Any) -> Any:
        """Return the answer to a GET, whose fields are texts."""
        return self.call("GET", path, **fields)

    def post(self, path: str, **fields: Any) -> Any:
        """Return the answer to a POST."""
        return self.call("POST", path, **fields)

    def refused(self, method: str, path: str, **fields: Any) -> PegboardError:
        """Return the error that a request is refused with."""
        with pytest.raises(PegboardError) as caught:
            self.call(method, path, **fields)
        return caught.value

    def run(self, **fields: Any) -> str:
        """Create a run and return its id."""
        made: str = self.post("runs/create", **fields)["run"]["info"]["run_id"]
        return made


@pytest.fixture
def wire(tmp_path: Path) -> Any:
    host = Host(Config())
    yield Wire(host, f"sqlite:{tmp_path}/store.db")
    host.close()
