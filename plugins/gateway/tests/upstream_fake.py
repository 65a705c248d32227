"""A local vendor of models that speaks OpenAI's API and misbehaves on command.

    with FakeUpstream() as upstream:
        upstream.next(rate(retry_after=2), CHAT)   # the next two requests; then all is well again
        upstream.always(failing(500), model="bad") # all requests for one model
        ...
        assert upstream.requests[0].json["model"] == "small"

It runs in a thread with an event loop of its own and listens on loopback only. Alone, for a look by
hand: ``python upstream_fake.py [PORT]``.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import sys
import threading
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SECONDS = 30.0
"""No wait of a test takes longer than this."""

WORDS = ("Hello", " from", " the", " fake", " model", ".")
"""What the model says, a token each."""
USAGE = {"prompt_tokens": 7, "completion_tokens": len(WORDS), "total_tokens": 7 + len(WORDS)}
EMBEDDING = (0.25, -0.5, 0.125)


@dataclass
class Request:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes
    connection: int
    """The number of the connection that it came on, from 0."""
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when the client closed the connection before it had all of the answer."""
    answered: threading.Event = field(default_factory=threading.Event)
    """Set when the whole answer was written."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """A request, and where its answer goes. A behaviour is a coroutine function of it."""

    def __init__(self, request: Request, writer: asyncio.StreamWriter, upstream: FakeUpstream):
        self.request, self.writer, self.upstream = request, writer, upstream

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def whole(
        self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer at once; ``body`` is bytes, or what is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json", "content-length": str(len(content))}
        await self.head(status, {**given, **(headers or {})})
        await self.write(content)

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        await self.write(f"HTTP/1.1 {status} Words\r\n{lines}\r\n".encode())

    async def stream_head(self, status: int = 200) -> None:
        await self.head(
            status, {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
        )

    async def chunk(self, data: bytes) -> None:
        await self.write(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.write(b"0\r\n\r\n")

    async def until_gone(self) -> None:
        """Wait until the client closes the connection."""
        await self.upstream.gone_of(self.writer)

    async def until_released(self) -> None:
        """Wait for ``upstream.release()``; the end for a client that goes away before."""
        waits = [asyncio.ensure_future(w) for w in (self.upstream.released(), self.until_gone())]
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if waits[0] not in done:
            raise Cut


Behaviour = Callable[[Exchange], Awaitable[None]]


class Cut(Exception):
    """The connection is closed now, whatever was sent."""


# -- what a good model says ------------------------------------------------------------------------


def answer_of(request: Request) -> dict[str, Any]:
    """Return the whole answer to a request."""
    asked = request.json
    model = asked.get("model", "")
    if request.path.endswith("/embeddings"):
        inputs = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        data = [
            {"object": "embedding", "index": n, "embedding": list(EMBEDDING)}
            for n in range(len(inputs))
        ]
        usage = {"prompt_tokens": 7, "total_tokens": 7}
        return {"object": "list", "model": model, "data": data, "usage": usage}
    base = {"id": "fake-1", "created": 1700000000, "model": model, "usage": USAGE}
    if request.path.endswith("/chat/completions"):
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**base, "object": "chat.completion", "choices": [choice]}
    choice = {"index": 0, "text": "".join(WORDS), "finish_reason": "stop", "logprobs": None}
    return {**base, "object": "text_completion", "choices": [choice]}


def events_of(request: Request) -> Iterator[bytes]:
    """Yield the events of a streamed answer, as they go over the wire."""
    asked = request.json
    chat = request.path.endswith("/chat/completions")
    base = {
        "id": "fake-1",
        "created": 1700000000,
        "model": asked.get("model", ""),
        "object": "chat.completion.chunk" if chat else "text_completion",
    }

    def event(**more: Any) -> bytes:
        return b"data: " + json.dumps({**base, **more}).encode() + b"\n\n"

    def choice(word: str, finish: str | None = None, **delta: str) -> dict[str, Any]:
        said = {"delta": {**delta, "content": word} if word else delta} if chat else {"text": word}
        return {"index": 0, **said, "finish_reason": finish}

    for number, word in enumerate(WORDS):
        role = {"role": "assistant"} if number == 0 else {}
        yield event(choices=[choice(word, **role)])
    yield event(choices=[choice("", "stop")])
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield event(choices=[], usage=USAGE)
    yield b"data: [DONE]\n\n"


async def well(exchange: Exchange) -> None:
    """Answer as OpenAI does."""
    if exchange.request.path.endswith("/models"):
        await exchange.whole({"object": "list", "data": [{"id": "small", "object": "model"}]})
    elif exchange.request.json.get("stream"):
        await exchange.stream_head()
        for event in events_of(exchange.request):
            await exchange.chunk(event)
        await exchange.end()
    else:
        await exchange.whole(answer_of(exchange.request))


# -- misbehaviour ----------------------------------------------------------------------------------


def reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Answer with exactly this."""

    async def behave(exchange: Exchange) -> None:
        await exchange.whole(body, status, headers)

    return behave


def failing(status: int = 500, message: str = "It failed.", **more: str) -> Behaviour:
    """Answer with an error in OpenAI's form; ``more`` are fields of it, such as ``code``."""
    return reply(status, {"error": {"message": message, "type": "error", "param": None, **more}})


def rate(retry_after: float | str | None = None) -> Behaviour:
    """Say 429, and when to come again."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    error = {"message": "Too many requests.", "type": "requests", "code": "rate_limit_exceeded"}
    return reply(429, {"error": error}, headers)


def slow(seconds: float, then: Behaviour = well) -> Behaviour:
    """Answer late."""

    async def behave(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await then(exchange)

    return behave


def held(then: Behaviour = well) -> Behaviour:
    """Answer when ``upstream.release()`` is called."""

    async def behave(exchange: Exchange) -> None:
        await exchange.until_released()
        await then(exchange)

    return behave


async def silent(exchange: Exchange) -> None:
    """Say nothing until the client goes away."""
    await exchange.until_gone()


async def hang_up(exchange: Exchange) -> None:
    """Close the connection without an answer."""
    raise Cut


async def garbage(exchange: Exchange) -> None:
    """Send what is not HTTP."""
    await exchange.write(b"\x00\xffwhat is this?\r\n\r\n")
    raise Cut


async def html(exchange: Exchange) -> None:
    """Send the page of a proxy instead of an answer."""
    await exchange.whole(b"<html>Please log in</html>", headers={"content-type": "text/html"})


async def truncated(exchange: Exchange) -> None:
    """Promise more bytes than come."""
    content = json.dumps(answer_of(exchange.request)).encode()
    length = {"content-type": "application/json", "content-length": str(len(content) + 10)}
    await exchange.head(200, length)
    await exchange.write(content)
    raise Cut


def cut(after: int) -> Behaviour:
    """Close the connection after so many events of a stream."""

    async def behave(exchange: Exchange) -> None:
        await exchange.stream_head()
        for number, event in enumerate(events_of(exchange.request)):
            if number == after:
                break
            await exchange.chunk(event)
        raise Cut

    return behave


def ended_early(after: int) -> Behaviour:
    """End a stream properly for HTTP, but before the answer is complete."""

    async def behave(exchange: Exchange) -> None:
        await exchange.stream_head()
        for number, event in enumerate(events_of(exchange.request)):
            if number == after:
                break
            await exchange.chunk(event)
        await exchange.end()

    return behave


def error_event(after: int) -> Behaviour:
    """Send an error in the stream: at once, or when released after so many events."""

    async def behave(exchange: Exchange) -> None:
        await exchange.stream_head()
        for number, event in enumerate(events_of(exchange.request)):
            if number == after:
                break
            await exchange.chunk(event)
        if after:
            await exchange.until_released()
        error = {"message": "The model is overloaded.", "type": "server_error", "code": None}
        await exchange.chunk(b"data: " + json.dumps({"error": error}).encode() + b"\n\n")
        await exchange.end()

    return behave


def paused(after: int) -> Behaviour:
    """Stop a stream after so many events until ``upstream.release()`` is called."""

    async def behave(exchange: Exchange) -> None:
        await exchange.stream_head()
        for number, event in enumerate(events_of(exchange.request)):
            if number == after:
                await exchange.until_released()
            await exchange.chunk(event)
        await exchange.end()

    return behave


def pieces(size: int, *, chunked: bool = True) -> Behaviour:
    """Send a stream cut every so many bytes, whatever the events are; chunked or until the end."""

    async def behave(exchange: Exchange) -> None:
        data = b"".join(events_of(exchange.request))
        if chunked:
            await exchange.stream_head()
        else:
            await exchange.head(200, {"content-type": "text/event-stream", "connection": "close"})
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await (exchange.chunk(piece) if chunked else exchange.write(piece))
            await asyncio.sleep(0)
        if not chunked:
            raise Cut
        await exchange.end()

    return behave


def until_closed(then: bytes | None = None) -> Behaviour:
    """Answer without a length: the end of the connection is the end of the answer."""

    async def behave(exchange: Exchange) -> None:
        content = json.dumps(answer_of(exchange.request)).encode() if then is None else then
        await exchange.head(200, {"content-type": "application/json"})
        await exchange.write(content)
        raise Cut

    return behave


def huge(size: int) -> Behaviour:
    """Send a valid answer with a text of so many bytes."""

    async def behave(exchange: Exchange) -> None:
        answer = answer_of(exchange.request)
        answer["choices"][0]["message"]["content"] = "x" * size
        await exchange.whole(answer)

    return behave


def endless(word: bytes = b"x" * 1000) -> Behaviour:
    """Send events as fast as they are taken, until the client goes away."""

    async def behave(exchange: Exchange) -> None:
        await exchange.stream_head()
        first = next(events_of(exchange.request))
        event = first.replace(b"Hello", word)
        while not exchange.request.gone.is_set():
            await exchange.chunk(event)
            exchange.upstream.written += len(event)

    return behave


def compressed(coding: str = "gzip", body: bytes | None = None) -> Behaviour:
    """Answer in a content coding."""

    async def behave(exchange: Exchange) -> None:
        content = json.dumps(answer_of(exchange.request)).encode() if body is None else body
        packed = gzip.compress(content) if coding == "gzip" else zlib.compress(content)
        await exchange.whole(packed, headers={"content-encoding": coding})

    return behave


def early_hints(then: Behaviour = well) -> Behaviour:
    """Send an informational answer first."""

    async def behave(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await exchange.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        await then(exchange)

    return behave


def closing(then: Behaviour = well) -> Behaviour:
    """Answer well, then close the connection without having said so: a stale one for the next."""

    async def behave(exchange: Exchange) -> None:
        await then(exchange)
        raise Cut

    return behave


# -- the server ------------------------------------------------------------------------------------


class FakeUpstream:
    """The server; made once, it serves until its block ends."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.requests: list[Request] = []
        self.connections = 0
        """How many were ever opened."""
        self.open = 0
        """How many are open now."""
        self.written = 0
        """The bytes that ``endless`` has written."""
        self._tls = tls
        self._next: deque[Behaviour] = deque()
        self._always: dict[str | None, Behaviour] = {}
        self._changed = threading.Condition()
        self._release = asyncio.Event()
        self._gone: dict[asyncio.StreamWriter, asyncio.Event] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fake upstream", daemon=True)
        self._ready = threading.Event()

    # -- for tests ---------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The base URL, as OpenAI's is ``https://api.openai.com/v1``."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    def next(self, *behaviours: Behaviour) -> None:
        """Have the next requests answered so, one each; those after them as always."""
        self._next.extend(behaviours)

    def always(self, behaviour: Behaviour, model: str | None = None) -> None:
        """Have all requests, or those for one model, answered so from now on."""
        self._always[model] = behaviour

    def release(self) -> None:
        """Let go on what is ``held`` or ``paused``, now and until ``hold`` is called."""
        self._loop.call_soon_threadsafe(self._release.set)

    def hold(self) -> None:
        """Have what is ``held`` or ``paused`` wait again: another test has the same upstream."""
        self._loop.call_soon_threadsafe(self._release.clear)

    def wait(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds of this upstream, which is looked at whenever it changes."""
        with self._changed:
            assert self._changed.wait_for(holds, SECONDS), "it did not happen in time"

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many requests have come."""
        self.wait(lambda: len(self.requests) >= count)

    # -- its life --------------------------------------------------------------------------------

    def __enter__(self) -> FakeUpstream:
        self._thread.start()
        assert self._ready.wait(SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(SECONDS)

    async def released(self) -> None:
        await self._release.wait()

    async def gone_of(self, writer: asyncio.StreamWriter) -> None:
        await self._gone[writer].wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _tell(self, opened: int = 0) -> None:
        with self._changed:
            self.open += opened
            self.connections += opened > 0
            self._changed.notify_all()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        self._gone[writer] = asyncio.Event()
        self._tell(opened=1)
        try:
            while (request := await self._read(reader, writer, number)) is not None:
                await self._answer(request, reader, writer)
        except (Cut, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            del self._gone[writer]
            self._tell(opened=-1)

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> Request | None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, path, _ = first.split(" ")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect") == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(method, path, headers, body, number)

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        watching = asyncio.ensure_future(self._watch(request, reader, writer))
        try:
            await self._behaviour(request)(Exchange(request, writer, self))
            request.answered.set()
        except ConnectionError:
            request.gone.set()
            raise
        finally:
            watching.cancel()
            self._tell()

    async def _watch(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # Nobody sends a second request before the answer to the first, so there is only the end.
        while not (reader.at_eof() or writer.is_closing() or reader.exception()):
            await asyncio.sleep(0.005)
        request.gone.set()
        self._gone[writer].set()
        self._tell()

    def _behaviour(self, request: Request) -> Behaviour:
        if self._next:
            return self._next.popleft()
        try:
            model = request.json.get("model")
        except ValueError:
            model = None
        return self._always.get(model) or self._always.get(None) or well


CHAT: Behaviour = well
"""The usual answer, to put between others."""


if __name__ == "__main__":
    with FakeUpstream(int(sys.argv[1]) if len(sys.argv) > 1 else 8001) as fake:
        print(f"Listening on {fake.url}", flush=True)
        fake._thread.join()
