"""Calls of the google-genai library, for spans that are compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from google import genai
from google.genai import types

LEFT_OUT = ("http_options", "sdk_http_response")
MODEL = "gemini-2.5-flash"
USAGE = {
    "promptTokenCount": 9,
    "candidatesTokenCount": 2,
    "totalTokenCount": 11,
    "cachedContentTokenCount": 4,
}


class Gemini(BaseHTTPRequestHandler):
    """Answers in Gemini's form, a call of the first tool first if there is one."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model, _, method = self.path.rpartition("/")[2].partition("?")[0].partition(":")
        answer: Any = {"totalTokens": 9}
        if model == "none":
            answer = {"error": {"code": 404, "message": "none such", "status": "NOT_FOUND"}}
        elif method == "generateContent":
            assert "traceparent" in self.headers
            part: Any = {"text": "3 km"}
            if body.get("tools") and "functionResponse" not in json.dumps(body):
                part = {"functionCall": {"name": "distance", "args": {"to": "Ulm"}}}
            content = {"role": "model", "parts": [part]}
            answer = {
                "candidates": [{"content": content, "index": 0, "finishReason": "STOP"}],
                "modelVersion": model,
                "usageMetadata": USAGE,
            }
        elif method != "countTokens":
            answer = {"embeddings": [{"values": [0.5, -0.25]}]}
        text = json.dumps(answer).encode()
        self.send_response(404 if model == "none" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def client() -> Iterator[genai.Client]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Gemini) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        options = types.HttpOptions(base_url=f"http://127.0.0.1:{server.server_port}")
        yield genai.Client(api_key="key", http_options=options)
        server.shutdown()
        thread.join()


def distance(to: str) -> int:
    """Say how far it is."""
    return 3


@contextmanager
def cases(mlflow: Any) -> Iterator[Mapping[str, Callable[[], Any]]]:
    mlflow.gemini.autolog()
    to = types.Schema(type=types.Type.STRING, description="Where to", enum=["Ulm", "Bonn"])
    parameters = types.Schema(type=types.Type.OBJECT, properties={"to": to}, required=["to"])
    declared = types.FunctionDeclaration(
        name="distance", description="How far", parameters=parameters
    )
    configured = types.GenerateContentConfig(temperature=0.5, system_instruction="Be brief.")
    offering = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    calling = types.GenerateContentConfig(tools=[distance])
    ask: Any = {"model": MODEL, "contents": "How far?"}
    with client() as made, closing(asyncio.new_event_loop()) as loop:
        models, run = made.models, loop.run_until_complete
        yield {
            "content": lambda: models.generate_content(**ask),
            "configured": lambda: models.generate_content(**ask, config=configured),
            "configured by a dict": lambda: models.generate_content(
                **ask, config={"temperature": 0.5}
            ),
            "a tool called": lambda: models.generate_content(**ask, config=calling),
            "a tool declared": lambda: models.generate_content(**ask, config=offering),
            "chat": lambda: made.chats.create(model=MODEL).send_message("How far?"),
            "tokens": lambda: models.count_tokens(**ask),
            "embedding": lambda: models.embed_content(**ask),
            "failing": lambda: models.generate_content(**{**ask, "model": "none"}),
            "async": lambda: run(made.aio.models.generate_content(**ask)),
            "async chat": lambda: run(made.aio.chats.create(model=MODEL).send_message("How far?")),
        }
