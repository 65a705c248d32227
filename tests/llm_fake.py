"""A server with fixed answers in the forms of OpenAI and Anthropic, for spans that are compared."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "distance", "arguments": '{"to": "Ulm"}'},
}
_CHAT_USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
}


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    text = '{"km": 3}' if "response_format" in body else "3 km"
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if "tools" in body:
        message = {"role": "assistant", "content": None, "tool_calls": [_TOOL_CALL]}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if "tools" in body else "stop",
            }
        ],
        "usage": _CHAT_USAGE,
    }


def _chat_chunks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    common = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
    }
    for delta, reason in (
        ({"role": "assistant", "content": ""}, None),
        ({"content": "3 "}, None),
        ({"content": "km"}, None),
        ({}, "stop"),
    ):
        yield {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    if body.get("stream_options"):
        yield {**common, "choices": [], "usage": _CHAT_USAGE}


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "text": "3 km", "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1_700_000_000,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }


def _embedding(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": "list",
        "model": body["model"],
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


def _response() -> dict[str, Any]:
    text = {"type": "output_text", "text": "3 km", "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": "gpt-4o-mini",
        "output": [
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [text],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 11,
        },
    }


def _response_events() -> Iterator[dict[str, Any]]:
    delta = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": "3 km"}
    yield {"type": "response.output_text.delta", "sequence_number": 0, "logprobs": [], **delta}
    yield {"type": "response.completed", "sequence_number": 1, "response": _response()}


def _message(body: dict[str, Any]) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": "3 km"}]
    if "tools" in body:
        call = {"type": "tool_use", "id": "toolu_1", "name": "distance", "input": {"to": "Ulm"}}
        content.append(call)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": content,
        "stop_reason": "tool_use" if "tools" in body else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "output_tokens": 4,
            "cache_read_input_tokens": 6,
            "cache_creation_input_tokens": 5,
        },
    }


def _message_events() -> Iterator[dict[str, Any]]:
    whole = {**_message({}), "content": [], "stop_reason": None}
    whole["usage"] = {"input_tokens": 10, "output_tokens": 1}
    yield {"type": "message_start", "message": whole}
    start = {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": 0, "content_block": start}
    for text in ("3 ", "km"):
        delta = {"type": "text_delta", "text": text}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 4}}
    yield {"type": "message_stop"}


def _answer(path: str, body: dict[str, Any]) -> Any:
    """Return an answer, or an iterator for a stream."""
    stream = body.get("stream", False)
    if path.endswith("/chat/completions"):
        return _chat_chunks(body) if stream else _chat(body)
    if path.endswith("/completions"):
        return iter([{**_completion(body), "usage": None}]) if stream else _completion(body)
    if path.endswith("/embeddings"):
        return _embedding(body)
    if path.endswith("/messages"):
        return _message_events() if stream else _message(body)
    return _response_events() if stream else _response()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body["model"] == "none":
            error = {"message": "There is no such model.", "type": "invalid_request_error"}
            self._send(404, json.dumps({"type": "error", "error": error}).encode())
            return
        answer = _answer(self.path, body)
        if isinstance(answer, dict):
            self._send(200, json.dumps(answer).encode())
            return
        lines = []
        for event in answer:
            named = f"event: {event['type']}\n" if "type" in event else ""
            lines.append(f"{named}data: {json.dumps(event)}\n\n")
        lines += [] if self.path.endswith("/messages") else ["data: [DONE]\n\n"]
        self._send(200, "".join(lines).encode(), "text/event-stream")

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering() -> Iterator[str]:
    """Serve until the block ends; yield the URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
