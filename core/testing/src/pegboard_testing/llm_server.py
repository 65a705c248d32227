"""A small strict server with OpenAI's API, for tests of what calls language models.

It says the last message again, counts a token for each word, and can be told to misbehave.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from attrs import field, frozen

KEY = "test-key"

_COMMON = {"model", "stream", "stream_options", "user"}
_SAMPLING = _COMMON | {"max_tokens", "n", "seed", "stop", "temperature", "top_p"}
_FIELDS: Mapping[str, set[str]] = {
    "/chat/completions": _SAMPLING
    | {
        "messages",
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "tool_choice",
        "tools",
        "top_logprobs",
    },
    "/completions": _SAMPLING | {"prompt", "echo", "suffix"},
    "/embeddings": {"model", "user", "input", "dimensions", "encoding_format"},
}
_NEEDED = {"/chat/completions": "messages", "/completions": "prompt", "/embeddings": "input"}


@frozen
class Fault:
    """How the server answers one request, in place of an answer."""

    status: int = 500
    body: bytes = b'{"error": {"message": "broken", "type": "server_error"}}'
    headers: Mapping[str, str] = field(factory=dict)
    cut_after: int | None = None
    """After how many bytes of an answer, or of a stream, the connection breaks; status is 200."""
    silent: bool = False
    """Whether nothing is answered until the server ends."""


def saying(text: str, model: str = "gpt-4o-mini") -> Fault:
    """Return an answer that says a text: 100 tokens in, 10 out."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": model}
    return Fault(200, json.dumps({**body, "choices": [choice], "usage": usage}).encode())


def verdict(value: Any, why: str = "So it is.") -> Fault:
    """Return an answer that is a judge's verdict."""
    return saying(json.dumps({"rationale": why, "result": value}))


@frozen
class Seen:
    """A request that came, with its JSON or form as ``body``."""

    path: str
    headers: Mapping[str, str]
    body: Any


class FakeOpenAI:
    """The server, on a port of its own of this machine, while it is entered.

    ``faults`` are used up first, one for each request; ``seen`` is what came, over how many
    ``connections``. ``gone`` is set if a client goes away in the middle of a stream, which is
    endless if the last message is ``endless``.
    """

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)
        self.seen: list[Seen] = []
        self.connections = 0
        self.gone = threading.Event()
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"{self.address}/v1"

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                fake.connections += 1

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                _answer(fake, self, self.rfile.read(length))

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _answer(fake: FakeOpenAI, handler: BaseHTTPRequestHandler, content: bytes) -> None:
    headers = {name.lower(): value for name, value in handler.headers.items()}
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    body = dict(parse_qsl(content.decode())) if is_form else json.loads(content)
    fake.seen.append(Seen(handler.path, headers, body))
    fault = fake.faults.pop(0) if fake.faults else None
    if fault is not None and fault.silent:
        fake.ended.wait()
        handler.close_connection = True
    elif fault is not None and fault.cut_after is None:
        _send(handler, fault.status, fault.body, fault.headers)
    else:
        path, problem = _checked(handler.path, headers, body)
        if problem:
            status, message = problem
            error = {"message": message, "type": "invalid_request_error", "code": None}
            _send(handler, status, json.dumps({"error": error}).encode())
        else:
            _good(fake, handler, path, body, None if fault is None else fault.cut_after)


def _checked(
    path: str, headers: Mapping[str, str], body: Any
) -> tuple[str, tuple[int, str] | None]:
    """Return the method that is asked for, and what is wrong with the request."""
    path = urlsplit(path).path
    invoked = path.endswith("/invocations")
    if invoked:
        path = "/embeddings" if "input" in body else "/chat/completions"
    path = path.removeprefix("/v1")
    if path not in _FIELDS:
        return path, (404, f"Unknown request URL: POST {path}.")
    if headers.get("authorization") != f"Bearer {KEY}":
        return path, (401, f"Incorrect API key provided: {headers.get('authorization')}.")
    if headers.get("content-type") != "application/json":
        return path, (400, "The body must be JSON.")
    if unknown := sorted(body.keys() - _FIELDS[path]):
        return path, (400, f"Unrecognized request argument supplied: {unknown[0]}")
    if missing := sorted({_NEEDED[path], *([] if invoked else ["model"])} - body.keys()):
        return path, (400, f"Missing required parameter: '{missing[0]}'.")
    if "stream_options" in body and not body.get("stream"):
        return path, (400, "The 'stream_options' parameter is only allowed when 'stream' is on.")
    return path, None


def _good(
    fake: FakeOpenAI, handler: BaseHTTPRequestHandler, path: str, body: Any, cut: int | None
) -> None:
    if body.get("stream"):
        _stream(fake, handler, body, cut)
        return
    content = json.dumps(_embeddings(body) if path == "/embeddings" else _whole(body)).encode()
    if cut is None:
        _send(handler, 200, content)
        return
    handler.send_response(200)
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[:cut])
    handler.close_connection = True


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    content: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _said(body: Any) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


def _usage(body: Any) -> dict[str, int]:
    prompt = sum(len(str(message.get("content")).split()) for message in body["messages"])
    completion = len(_said(body).split())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _head(body: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "created": 1_700_000_000, "model": body.get("model", "served")}


def _whole(body: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": _said(body)}
    reason = "stop"
    if body.get("tools"):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"a": 1}'}
        call = {"id": "call_1", "type": "function", "function": function}
        message |= {"content": None, "tool_calls": [call]}
        reason = "tool_calls"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return {
        **_head(body),
        "object": "chat.completion",
        "choices": [choice],
        "usage": _usage(body),
    }


def _embeddings(body: Any) -> dict[str, Any]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = [
        {"object": "embedding", "index": i, "embedding": [float(len(text)), 1.0]}
        for i, text in enumerate(texts)
    ]
    count = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "model": body.get("model", "served"), "data": data, "usage": usage}


def _events(body: Any) -> Iterator[bytes]:
    head = {**_head(body), "object": "chat.completion.chunk"}

    def event(delta: Any, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"

    yield event({"role": "assistant", "content": ""})
    words = _said(body).split()
    for i, word in enumerate(words):
        yield event({"content": word if i == 0 else f" {word}"})
    while words[-1:] == ["endless"]:
        yield event({"content": " more"})
    yield event({}, "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        last = {**head, "choices": [], "usage": _usage(body)}
        yield b"data: " + json.dumps(last).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def _stream(fake: FakeOpenAI, handler: BaseHTTPRequestHandler, body: Any, cut: int | None) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    sent = 0
    try:
        for event in _events(body):
            piece = event if cut is None else event[: cut - sent]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            sent += len(piece)
            if cut is not None and sent >= cut:
                handler.close_connection = True
                return
        handler.wfile.write(b"0\r\n\r\n")
    except OSError:
        fake.gone.set()
        handler.close_connection = True
