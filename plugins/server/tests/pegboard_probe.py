"""A plugin with what tests need: endpoints that answer, wait, fail and stream, and a store."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pegboard import errors
from pegboard.contracts.tracking import TrackingStore
from pegboard.hookspecs import Backend, hookimpl
from pegboard.uris import Uri
from pegboard_stores import cancellation
from pegboard_stores.mapping_store import MappingStore
from pegboard_stores.sqlite import Database
from pegboard_wire.http import Answer, Call, Endpoint, Permission, mount
from pegboard_wire.static import static

ERRORS = {
    "busy": errors.StoreBusy("/secret/place is locked"),
    "exists": errors.AlreadyExists("It is there already."),
    "full": errors.StoreFull("/secret/place"),
    "missing": errors.NotFound("It is not there.", hint="Look elsewhere."),
    "nested": RecursionError("too deep"),
    "state": errors.InvalidState("It is deleted."),
    "store": errors.StoreError("/secret/place failed"),
    "unexpected": ZeroDivisionError("a secret detail"),
    "unsafe": errors.UnsafePath("It climbs."),
    "value": errors.InvalidValue("It is wrong."),
}


async def foreign(scope: Any, receive: Any, send: Any) -> None:
    """Answer as an application of another framework does, with what it was given."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    told = (scope["method"], scope["path"], scope["root_path"], scope["pegboard.user"], len(body))
    head = [(b"content-type", b"text/plain"), (b"x-own", b"1")]
    await send({"type": "http.response.start", "status": 201, "headers": head})
    for part in told:
        piece = f"{part}\n".encode()
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Do nothing."""


def echo(call: Call) -> dict[str, Any]:
    return {
        "parameters": dict(call.parameters),
        "user": call.identity.name,
        "agent": call.headers.get("User-Agent", ""),
        "thread": threading.current_thread().name,
        "pid": os.getpid(),
        "store": call.tracking_uri,
    }


async def echo_coroutine(call: Call) -> dict[str, Any]:
    await asyncio.sleep(0)
    return echo(call)


def fail(call: Call) -> dict[str, Any]:
    raise ERRORS[call.parameters["kind"]]


def wait(call: Call) -> dict[str, Any]:
    """Wait until a file is there, having said that the wait began."""
    Path(f"{call.parameters['file']}.begun").touch()
    while not Path(call.parameters["file"]).exists():
        time.sleep(0.01)
    return {"waited": True}


def read_forever(call: Call) -> dict[str, Any]:
    """Read what has no end, having said that it began."""
    begun = Path(call.parameters["begun"])
    if call.parameters["way"] == "loop":
        begun.touch()
        while True:
            cancellation.check()
            time.sleep(0.001)
    with Database(begun.with_suffix(".db")).reading() as connection:
        connection.create_function("begin", 0, begun.touch)
        connection.execute(
            "WITH RECURSIVE n (x) AS (SELECT begin() UNION ALL SELECT 1 FROM n)"
            " SELECT count(*) FROM n"
        ).fetchone()
    return {}


def record(call: Call) -> dict[str, Any]:
    """Write two rows in one transaction, of which the second waits for a file."""
    file = Path(call.parameters["file"])
    database = Database(file.with_suffix(".db"))
    with database.writing() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
        connection.execute("INSERT INTO t VALUES (1)")
        wait(call)
        cancellation.check()
        connection.execute("INSERT INTO t VALUES (2)")
    with database.reading() as connection:
        return {"rows": connection.execute("SELECT count(*) FROM t").fetchone()[0]}


async def wait_elsewhere(call: Call) -> dict[str, Any]:
    """Wait as ``wait`` does, in a thread of asyncio's own."""
    return await asyncio.to_thread(wait, call)


async def upload(call: Call) -> dict[str, Any]:
    """Count and hash the bytes of the body, and note in a file how the upload ended.

    ``unread`` names a file: as soon as it is there the endpoint answers and takes nothing.
    """
    assert call.body is not None
    if "unread" in call.parameters:
        while not Path(call.parameters["unread"]).exists():
            await asyncio.sleep(0.01)
        return {}
    size, end, digest = 0, "whole", hashlib.sha256()
    try:
        async for piece in call.body:
            size += len(piece)
            digest.update(piece)
    except ConnectionError:
        end = "broken off"
        raise
    finally:
        if "note" in call.parameters:
            # Whoever waits for the file finds it complete.
            note = Path(call.parameters["note"])
            unfinished = note.with_name(f"{note.name}.unfinished")
            unfinished.write_text(end)
            unfinished.replace(note)
    return {"size": size, "sha256": digest.hexdigest(), "path": call.parameters.get("path")}


async def download(call: Call) -> Answer:
    """Send ``count`` pieces of 64 KiB; ``fail`` breaks off after them."""
    note = call.parameters.get("note")

    async def content() -> AsyncIterator[bytes]:
        for _ in range(int(call.parameters["count"])):
            yield b"x" * 65536
        if "fail" in call.parameters:
            raise ZeroDivisionError

    def close() -> None:
        if note:
            Path(note).touch()

    return Answer(content(), media_type="application/octet-stream", close=close)


async def tell(call: Call) -> Answer:
    """Send one piece, and then nothing for as long as the client listens."""
    note = Path(call.parameters["note"])

    async def content() -> AsyncIterator[bytes]:
        try:
            yield b"begun"
            await asyncio.Event().wait()
        finally:
            note.with_suffix(".ended").touch()

    return Answer(content(), media_type="text/plain", close=note.touch, endless=True)


async def leave(call: Call) -> Answer:
    """Wait for nothing, before the answer or in it, and note how that ended."""
    note = Path(call.parameters["note"])

    async def content() -> AsyncIterator[bytes]:
        try:
            yield b"begun"
            await asyncio.Event().wait()
        finally:
            note.with_suffix(".ended").touch()

    if call.parameters.get("streams"):
        return Answer(content(), media_type="text/plain", close=note.touch)
    note.with_suffix(".begun").touch()
    try:
        await asyncio.Event().wait()
    finally:
        note.with_suffix(".ended").touch()
    raise AssertionError


def told(status: int, code: str, message: str) -> dict[str, Any]:
    return {"wrong": [status, code, message]}


def weigh(call: Call) -> dict[str, Any]:
    return {"size": len(call.content), "sha256": hashlib.sha256(call.content).hexdigest()}


def page(call: Call) -> Answer:
    return Answer(b"<script>1</script>", media_type="text/html")


def bad_header(call: Call) -> Answer:
    return Answer(b"", headers={"x-a": "b\r\nset-cookie: c"})


class Store(MappingStore):
    """A store that leaves a file behind when it is closed."""

    def __init__(self, uri: Uri) -> None:
        super().__init__({}, {}, artifact_root="probe:artifacts")
        self._note = Path(uri.path)

    def close(self) -> None:
        self._note.with_name(f"{self._note.name}.closed").touch()


def open_store(uri: Uri, settings: Mapping[str, Any]) -> TrackingStore:
    return Store(uri)


@hookimpl
def pegboard_tracking_stores() -> Sequence[Backend[TrackingStore]]:
    return [Backend("probe", f"{__name__}:open_store", "For tests: probe:PATH")]


_BODY = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "value": {"type": "number"}},
}


@hookimpl
def pegboard_endpoints() -> Sequence[Endpoint]:
    read, write = Permission.READ, Permission.WRITE
    return [
        Endpoint("GET", "/api/probe/quick", echo, read, "Echo on the loop.", quick=True),
        Endpoint("POST", "/api/probe/quick", echo, write, "Echo on the loop.", _BODY, quick=True),
        Endpoint("POST", "/api/probe/thread", echo, write, "Echo in a thread.", _BODY),
        Endpoint("POST", "/api/probe/coroutine", echo_coroutine, write, "Echo.", _BODY),
        Endpoint("GET", "/api/probe/things/{thing}", echo, read, "Echo a part of the path."),
        Endpoint("DELETE", "/api/probe/things/{thing}", echo, Permission.DELETE, "Echo."),
        Endpoint("GET", "/api/probe/files/{path:path}", echo, read, "Echo the rest of the path."),
        Endpoint("PUT", "/api/probe/files/{path:path}", upload, write, "Take.", streams=True),
        Endpoint("POST", "/api/probe/raw", weigh, write, "Weigh.", raw=True, max_body=3 << 20),
        Endpoint("POST", "/api/probe/soon", weigh, write, "Weigh.", raw=True, quick=True),
        Endpoint("GET", "/api/probe/stream", download, read, "Send pieces."),
        Endpoint("GET", "/api/probe/endless", tell, read, "Send without end."),
        Endpoint("GET", "/api/probe/leave", leave, read, "Wait.", leaves=True),
        Endpoint("GET", "/api/probe/told", fail, read, "Fail in another form.", tell=told),
        Endpoint("POST", "/api/probe/told", echo, Permission.ADMIN, "Echo.", tell=told),
        Endpoint("GET", "/api/probe/page", page, read, "Send HTML."),
        Endpoint("GET", "/api/probe/header", bad_header, read, "Send a header that is two."),
        Endpoint("GET", "/api/probe/fail", fail, read, "Fail."),
        Endpoint("GET", "/api/probe/wait", wait, read, "Wait for a file."),
        Endpoint("GET", "/api/probe/forever", read_forever, read, "Read without end."),
        Endpoint("POST", "/api/probe/record", record, write, "Write."),
        Endpoint("GET", "/api/probe/record", record, read, "Write as well, in order to read."),
        Endpoint("GET", "/api/probe/elsewhere", wait_elsewhere, read, "Wait for a file."),
        Endpoint("GET", "/api/probe/hold", wait, read, "Hold the loop for it.", quick=True),
        Endpoint("POST", "/api/probe/admin", echo, Permission.ADMIN, "Echo to administrators."),
        static("/api/probe/site", Path("site"), read, "Files."),
        mount("/api/probe/foreign", foreign, write, "Another application."),
        mount("/api/probe/silent", silent, read, "An application that does not answer."),
    ]


@hookimpl
def pegboard_server_started(tracking_uri: str | None) -> Callable[[], None] | None:
    """Note the start and the end in files of the working directory, once it is asked to."""
    if Path("beside.broken").exists():
        raise RuntimeError("a plugin that is broken")
    if Path("beside.exits").exists():
        raise SystemExit("a plugin that ends the process")
    if Path("beside.wrong").exists():
        return ["a plugin that returns a list"]  # type: ignore[return-value]
    if Path("beside.unending").exists():
        return _fail_to_end
    if not Path("beside").exists():
        return None
    Path(f"beside.started.{os.getpid()}").write_text(str(tracking_uri))
    return Path(f"beside.ended.{os.getpid()}").touch


def _fail_to_end() -> None:
    raise RuntimeError("a plugin that does not end well")
