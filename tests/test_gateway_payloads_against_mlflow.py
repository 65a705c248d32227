"""What a body may hold: the real gateway of MLflow 2.17 and ours judge the same table."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from gateway import UPSTREAM_KEY, serving
from peers import interpreter

YAML = """
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model: {provider: openai, name: m, config: {openai_api_key: KEY, openai_api_base: UPSTREAM}}
  - name: completions
    endpoint_type: llm/v1/completions
    model: {provider: openai, name: m, config: {openai_api_key: KEY, openai_api_base: UPSTREAM}}
  - name: embeddings
    endpoint_type: llm/v1/embeddings
    model: {provider: openai, name: m, config: {openai_api_key: KEY, openai_api_base: UPSTREAM}}
"""
SECONDS = 60.0
TEXT = [{"role": "user", "content": "Hi"}]


def chat(**more: Any) -> tuple[str, Any]:
    return "chat", {"messages": TEXT, **more}


BODIES: dict[str, tuple[str, Any]] = {
    "plain": chat(),
    "cold": chat(temperature=0),
    "hottest": chat(temperature=2),
    "too hot": chat(temperature=2.1),
    "too cold": chat(temperature=-0.1),
    "temperature in words": chat(temperature="warm"),
    "several": chat(n=2),
    "none": chat(n=0),
    "half": chat(n=1.5),
    "stop": chat(stop=["END", "."]),
    "no stop": chat(stop=[]),
    "stop of numbers": chat(stop=[1]),
    "one stop": chat(stop="END"),
    "short": chat(max_tokens=1),
    "empty answer": chat(max_tokens=0),
    "a fraction of a token": chat(max_tokens=1.5),
    "no limit": chat(max_tokens=None),
    "a model": chat(model="other"),
    "stream in words": chat(stream="maybe"),
    "no messages": ("chat", {}),
    "empty messages": ("chat", {"messages": []}),
    "messages in words": ("chat", {"messages": "Hi"}),
    "a message in words": ("chat", {"messages": ["Hi"]}),
    "a message of nobody": ("chat", {"messages": [{"content": "Hi"}]}),
    "a prompt to a chat": ("chat", {"prompt": "Hi"}),
    "a list": ("chat", []),
    "a prompt": ("completions", {"prompt": "Hi"}),
    "a prompt with a limit": ("completions", {"prompt": "Hi", "max_tokens": 3, "stop": ["x"]}),
    "no prompt": ("completions", {}),
    "a prompt of numbers": ("completions", {"prompt": 3}),
    "a model to complete": ("completions", {"prompt": "Hi", "model": "other"}),
    "a text": ("embeddings", {"input": "Hi"}),
    "texts": ("embeddings", {"input": ["Hi", "there"]}),
    "no text": ("embeddings", {}),
    "a number": ("embeddings", {"input": 3}),
    "a model to embed": ("embeddings", {"input": "Hi", "model": "other"}),
    "nobody": ("nobody", {"messages": TEXT}),
}


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield the URLs of our gateway and of MLflow's, in front of upstreams of the same kind."""
    place = tmp_path_factory.mktemp("ours")
    toml = '[gateway]\nmlflow_config = "config.yaml"\n'
    with serving(place, pegboard_toml=toml, config_yaml=YAML) as ours:
        theirs = tmp_path_factory.mktemp("theirs")
        with mlflow_gateway(theirs, ours.upstream.url) as url:
            yield ours.url, url


@contextmanager
def mlflow_gateway(place: Path, upstream: str) -> Iterator[str]:
    """Run MLflow 2.17's gateway, as a process; yield its URL."""
    text = YAML.replace("UPSTREAM", upstream).replace("KEY", UPSTREAM_KEY)
    (place / "config.yaml").write_text(text)
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    python = interpreter("mlflow-2")
    words = ("deployments", "start-server", "--config-path", "config.yaml", "--workers", "1")
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [python, "-m", "mlflow", *words, "--port", str(port)],
            cwd=place,
            env={**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"},
            stdout=log,
            stderr=log,
        )
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + SECONDS
    try:
        while not answers(url):
            assert time.monotonic() < deadline and process.poll() is None, (
                place / "log"
            ).read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_same_status(name: str, gateways: tuple[str, str]) -> None:
    endpoint, body = BODIES[name]
    ours, theirs = (
        requests.post(f"{url}/gateway/{endpoint}/invocations", json=body, timeout=60)
        for url in gateways
    )
    assert ours.status_code == theirs.status_code, (ours.text, theirs.text)
    assert ("detail" in ours.json()) == ("detail" in theirs.json())


def test_what_is_no_json_is_unprocessable_to_both(gateways: tuple[str, str]) -> None:
    for url in gateways:
        answer = requests.post(f"{url}/gateway/chat/invocations", data=b"{", timeout=60)
        assert answer.status_code == 422


def test_lists_and_descriptions_are_the_same(gateways: tuple[str, str]) -> None:
    for path in (
        "/api/2.0/endpoints/",
        "/api/2.0/endpoints/chat",
        "/api/2.0/gateway/routes/",
        "/api/2.0/gateway/routes/chat",
        "/api/2.0/endpoints/nobody",
    ):
        ours, theirs = (requests.get(url + path, timeout=60) for url in gateways)
        assert ours.status_code == theirs.status_code
        if theirs.status_code == 200:
            assert ours.json() == theirs.json()
