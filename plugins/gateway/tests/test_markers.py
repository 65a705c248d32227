"""Keys that can be told apart, and all that a gateway tells: none of them is in any of it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from . import upstream_fake as fakes
from .test_start import COMMAND, MESSAGES, SAID, TOML, started
from .upstream_fake import FakeUpstream

UPSTREAM_KEY = "sk-marker-fake"
MORE = """
trace = {{ experiment = "calls" }}

[[gateway.endpoints]]
name = "falls"
retries = {{ attempts = 1 }}
trace = {{ experiment = "calls" }}

[[gateway.endpoints.targets]]
provider = "openai"
model = "bad"
base_url = "{url}"
api_key = {{ env = "FAKE_KEY" }}

[[gateway.endpoints.targets]]
provider = "openai"
model = "small"
base_url = "{url}"
api_key = {{ env = "FAKE_KEY" }}
fallback = 1

[[gateway.endpoints]]
name = "refused"
provider = "openai"
model = "refused"
base_url = "{url}"
api_key = {{ env = "FAKE_KEY" }}
retries = {{ attempts = 1 }}
"""


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Take what OpenTelemetry exports; yield where, and what came."""
    found: list[bytes] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans_of(found: list[bytes]) -> list[Any]:
    return [
        span
        for body in found
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_no_key_is_in_what_a_gateway_tells(
    tmp_path: Path, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pegboard.toml").write_text((TOML + MORE).format(url=upstream.url))
    words = f"Incorrect API key provided: {UPSTREAM_KEY}."
    upstream.always(fakes.failing(500, f"{words} It is broken."), model="bad")
    upstream.always(fakes.failing(401, words), model="refused")
    monkeypatch.setenv("FAKE_KEY", UPSTREAM_KEY)
    create = [*COMMAND[:-1], "keys", "create", "ci", "--user", "ann"]
    made = subprocess.run(create, cwd=tmp_path, capture_output=True, text=True, check=True)
    key = made.stdout.split()[0]
    assert key in made.stdout and len(key) > 20
    with collector() as (place, exported):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", place)
        with started(tmp_path) as (nobody, _):
            client = nobody.with_options(api_key=key)
            told: list[str] = []
            for model in ("chat", "falls"):
                asked: Any = {"model": model, "messages": MESSAGES}
                whole = client.chat.completions.with_raw_response.create(**asked)
                told += [whole.text, str(dict(whole.headers))]
                stream = client.chat.completions.create(stream=True, **asked)
                told += [event.model_dump_json() for event in stream]
            for other, wrong in ((client, "refused"), (client, "none"), (nobody, "chat")):
                with pytest.raises(openai.APIStatusError) as caught:
                    other.chat.completions.create(model=wrong, messages=MESSAGES)
                told.append(f"{caught.value} {caught.value.response.text}")
            home = str(client.base_url).removesuffix("/v1/")
            told += [requests.get(f"{home}{path}", timeout=30).text for path in ("/", "/metrics")]
            assert SAID in told[0] and "pegboard_gateway_calls_total" in told[-1]
    # Spans that waited are sent when it ends.
    spans = spans_of(exported)
    log = (tmp_path / "log").read_text()
    stored = [
        file.read_bytes()
        for file in tmp_path.rglob("*")
        if file.is_file() and file.name != "pegboard.toml"
    ]
    everything = [*(text.encode() for text in (*told, log)), *exported, *stored]
    for secret in (key, UPSTREAM_KEY):
        assert not [each for each in everything if secret.encode() in each]
    attributes = [{each.key: each.value for each in span.attributes} for span in spans]
    assert {each["gen_ai.operation.name"].string_value for each in attributes} == {"chat"}
    calls = [each for each in attributes if "pegboard.gateway.outcome" in each]
    ends = [each["pegboard.gateway.outcome"].string_value for each in calls]
    assert sorted(ends) == ["done"] * 4 + ["failed", "refused"]
    assert {each["enduser.id"].string_value for each in calls} == {"ann"}
    # Each with its attempts: two of those that fall back.
    assert len(spans) - len(calls) == 2 + 2 * 2 + 1
