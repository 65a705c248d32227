"""``pegboard gateway start``, in a process of its own, in front of the fake vendor."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

import openai
import pytest

from . import upstream_fake as fakes
from .upstream_fake import FakeUpstream

SAID = "".join(fakes.WORDS)
MESSAGES: Any = [{"role": "user", "content": "Hi"}]
COMMAND = [sys.executable, "-c", "from pegboard.cli import main; main()", "gateway", "start"]


@contextmanager
def started(place: Path, *words: str) -> Iterator[tuple[openai.OpenAI, subprocess.Popen[str]]]:
    """Start the gateway in a directory; yield a client of it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    environment["FAKE_KEY"] = "sk-marker-fake"
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [*COMMAND, *words, "--port", "0"],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert "://" in first, (place / "log").read_text()
            url = first[first.index("http") :].strip() + "/v1"
            yield openai.OpenAI(base_url=url, api_key="client", max_retries=0), process
        finally:
            process.terminate()
            process.wait(fakes.SECONDS)


def ask(client: openai.OpenAI, model: str = "chat") -> str:
    found = client.chat.completions.create(model=model, messages=MESSAGES)
    return str(found.choices[0].message.content)


TOML = """
[[gateway.endpoints]]
name = "chat"
provider = "openai"
model = "small"
base_url = "{url}"
api_key = {{ env = "FAKE_KEY" }}
"""


def opens_for_a_person(home: str) -> None:
    """Open the address itself: with a browser, by each link there, and as a program."""
    with urlopen(Request(home, headers={"accept": "text/html"}), timeout=fakes.SECONDS) as page:
        text = page.read().decode()
    assert f"base_url=&quot;{home}v1&quot;" in text
    for link in re.findall(r'href="([^"]*)"', text):
        with urlopen(urljoin(home, link), timeout=fakes.SECONDS) as answer:
            assert answer.status == 200
    with pytest.raises(HTTPError) as refused:
        urlopen(home, timeout=fakes.SECONDS)
    assert json.load(refused.value)["message"].endswith(f"Clients of OpenAI use {home}v1.")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_toml_file_is_served(tmp_path: Path, upstream: FakeUpstream, workers: str) -> None:
    (tmp_path / "pegboard.toml").write_text(TOML.format(url=upstream.url))
    with started(tmp_path, "--workers", workers) as (client, process):
        assert ask(client) == SAID
        stream = client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
        assert "".join(e.choices[0].delta.content or "" for e in stream if e.choices) == SAID
        assert upstream.requests[0].headers["authorization"] == "Bearer sk-marker-fake"
        opens_for_a_person(str(client.base_url).removesuffix("v1/"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(fakes.SECONDS) == 0
    assert "sk-marker" not in (tmp_path / "log").read_text()


YAML = """
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: small
      config:
        openai_api_base: {url}
        openai_api_key: $FAKE_KEY
"""


def test_a_file_of_mlflows_gateway_is_served(tmp_path: Path, upstream: FakeUpstream) -> None:
    (tmp_path / "gateway.yaml").write_text(YAML.format(url=upstream.url))
    with started(tmp_path, "--config", "gateway.yaml") as (client, _):
        assert ask(client) == SAID
        # Guardrails take their judges from the scorers of the tracking store.
        scorers = urljoin(str(client.base_url), "/api/3.0/mlflow/scorers/list")
        with urlopen(scorers, timeout=fakes.SECONDS) as answer:
            assert json.load(answer) == {}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("own.toml", "[[gateway.endpoints]]\nname = 'a b'\n", "cannot be a name"),
        ("gateway.yaml", "endpoints: 3\n", "endpoints"),
        ("gateway.json", "{}", "is not a configuration of the gateway"),
    ],
)
def test_a_wrong_file_is_said_at_once(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    done = subprocess.run(
        [*COMMAND, "--config", name, "--port", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=fakes.SECONDS,
        check=False,
    )
    assert done.returncode and said in done.stderr


def test_nothing_configured_is_said(tmp_path: Path) -> None:
    with started(tmp_path) as (client, _):
        found = [model.id for model in client.models.list()]
        log = (tmp_path / "log").read_text()
    assert "No endpoints are configured" in log
    if found:
        assert f"Try: curl {client.base_url}chat/completions" in log
    else:
        assert "[[gateway.endpoints]]" in log
