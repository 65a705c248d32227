"""A model's server that costs next to nothing: the same bytes for every request, by raw asyncio.

``python gateway_upstream.py PORT`` serves OpenAI's chat completions. A request whose body holds
``"stream":true`` (or with a blank) gets CHUNKS events, one write each; after the first there is a
pause if the body holds ``slowly``: a burst would keep others from the processor. With
``stay`` it is STAY seconds long, and a few events follow.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

CHUNKS = 200
PAUSE = 0.02
STAY = 20.0
TEXT = "The answer of a model that says about as much as people ask for. " * 4


def _answer() -> bytes:
    body = json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "fast",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": TEXT, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 20, "completion_tokens": 60, "total_tokens": 80},
        }
    ).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: r1\r\n"
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def _events() -> list[bytes]:
    def event(**more: object) -> bytes:
        base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fast"}
        data = b"data: " + json.dumps({**base, **more}).encode() + b"\n\n"
        return b"%x\r\n%b\r\n" % (len(data), data)

    def choice(delta: object, reason: str | None = None) -> list[object]:
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]

    found = [event(choices=choice({"role": "assistant", "content": ""}))]
    found += [event(choices=choice({"content": f" word{n}"})) for n in range(CHUNKS)]
    found.append(event(choices=choice({}, "stop")))
    usage = {"prompt_tokens": 20, "completion_tokens": CHUNKS, "total_tokens": 20 + CHUNKS}
    found.append(event(choices=[], usage=usage))
    done = b"data: [DONE]\n\n"
    found.append(b"%x\r\n%b\r\n0\r\n\r\n" % (len(done), done))
    return found


ANSWER, EVENTS = _answer(), _events()
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


class Upstream(asyncio.Protocol):
    """A connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass.
        self.transport = cast("asyncio.Transport", transport)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            start = head.find(b"content-length:")
            length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if b'"stream":true' in body or b'"stream": true' in body:
                self.streaming = asyncio.ensure_future(
                    self.stream(STAY, [*EVENTS[:3], *EVENTS[-3:]])
                    if b"stay" in body
                    else self.stream(PAUSE if b"slowly" in body else 0.0, EVENTS)
                )
            else:
                self.transport.write(ANSWER)

    async def stream(self, pause: float, events: list[bytes]) -> None:
        self.transport.write(STREAM_HEAD)
        for event in events:
            self.transport.write(event)
            await asyncio.sleep(pause)
            pause = 0.0


async def main(port: int) -> None:
    """Serve."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=1024)
    print(f"Listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        run = asyncio.run
    else:
        run = uvloop.run
    run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
