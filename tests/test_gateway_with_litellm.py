"""The gateway as the LiteLLM library sees it: as an OpenAI-compatible server, and as its proxy."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from gateway import Served, fake, serving
from peers import interpreter

TOML = """
[[gateway.endpoints]]
name = "chat"
provider = "openai"
model = "small"
api_key = "KEY"
base_url = "UPSTREAM"

[[gateway.endpoints]]
name = "claude"
provider = "openai"
model = "small"
api_key = "KEY"
base_url = "UPSTREAM"
"""
WORDS = "".join(fake.WORDS)
CODE = """
import asyncio, json, os, sys, warnings
warnings.simplefilter("ignore")
import litellm

litellm.suppress_debug_info = True
litellm.telemetry = False
url = os.environ["GATEWAY"]
said = [{"role": "user", "content": "Hello"}]
here = {"api_base": f"{url}/v1", "api_key": "any", "num_retries": 0, "max_retries": 0}
tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
answer = {}

def told(found):
    choice = found.choices[0]
    return [choice.message.content, choice.finish_reason, found.usage.total_tokens]

def streamed(chunks):
    chunks = list(chunks)
    whole = litellm.stream_chunk_builder(chunks, messages=said)
    return [whole.choices[0].message.content, whole.usage.total_tokens, len(chunks) > 2]

def refused(name, **asked):
    try:
        litellm.completion(messages=said, **{**here, **asked})
    except Exception as error:
        answer[name] = [type(error).__name__, getattr(error, "status_code", None), str(error)]

answer["chat"] = told(litellm.completion("openai/chat", said, temperature=0, tools=[tool], **here))
answer["stream"] = streamed(litellm.completion(
    "openai/chat", said, stream=True, stream_options={"include_usage": True}, **here))
answer["proxy"] = told(litellm.completion("litellm_proxy/chat", said, **here))
answer["completion"] = litellm.text_completion(
    prompt="Hello", model="text-completion-openai/chat", **here).choices[0].text
vectors = litellm.embedding("openai/chat", ["a", "b"], **here)
answer["embedding"] = [[each["embedding"] for each in vectors.data], vectors.usage.prompt_tokens]
anthropic = {**here, "api_base": f"{url}/anthropic"}
answer["anthropic"] = told(litellm.completion("anthropic/claude", said, max_tokens=9, **anthropic))
answer["anthropic stream"] = streamed(litellm.completion(
    "anthropic/claude", said, max_tokens=9, stream=True, **anthropic))

async def several():
    return [told(each) for each in await asyncio.gather(
        *(litellm.acompletion("openai/chat", said, **here) for _ in range(3)))]

answer["async"] = asyncio.run(several())
refused("no endpoint", model="openai/nothing")
refused("wrong", model="openai/chat", temperature=9)
refused("rate", model="openai/rate")
refused("broken", model="openai/broken")
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("gateway")
    faulty = "".join(
        f'[[gateway.endpoints]]\nname = "{name}"\nprovider = "openai"\nmodel = "{name}"\n'
        'api_key = "KEY"\nbase_url = "UPSTREAM"\nretries = { attempts = 1, total = 1 }\n'
        for name in ("rate", "broken")
    )
    with serving(place, pegboard_toml=TOML + faulty) as running:
        running.upstream.always(fake.rate(1), model="rate")
        running.upstream.always(fake.failing(500), model="broken")
        yield running


@pytest.fixture(scope="module")
def found(served: Served) -> dict[str, Any]:
    """Return what LiteLLM made of the answers; to import it takes longer than to ask."""
    environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    environment |= {"GATEWAY": served.url, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [interpreter("litellm"), "-c", CODE],
        cwd=served.place,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


TOTAL = fake.USAGE["total_tokens"]
ANSWERED = [WORDS, "stop", TOTAL]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chat", ANSWERED),
        ("stream", [WORDS, TOTAL, True]),
        ("proxy", ANSWERED),
        ("completion", WORDS),
        ("embedding", [[list(fake.EMBEDDING)] * 2, fake.USAGE["prompt_tokens"]]),
        ("anthropic", ANSWERED),
        ("anthropic stream", [WORDS, TOTAL, True]),
        ("async", [ANSWERED] * 3),
    ],
)
def test_litellm_reads_what_the_gateway_answers(
    found: dict[str, Any], name: str, expected: Any
) -> None:
    assert found[name] == expected


@pytest.mark.parametrize(
    ("name", "kind", "status", "said"),
    [
        ("no endpoint", "NotFoundError", 404, "nothing"),
        ("wrong", "BadRequestError", 400, "temperature"),
        ("rate", "RateLimitError", 429, ""),
        ("broken", "BadGatewayError", 502, ""),
    ],
)
def test_litellm_understands_the_gateways_errors(
    found: dict[str, Any], name: str, kind: str, status: int, said: str
) -> None:
    assert found[name][:2] == [kind, status]
    assert said in found[name][2]


def test_the_upstream_is_asked_with_its_own_key_and_the_tools(
    served: Served, found: dict[str, Any]
) -> None:
    first = served.upstream.requests[0]
    assert first.headers["authorization"] != "Bearer any"
    assert first.json["tools"][0]["function"]["name"] == "f"
    assert "any" not in json.dumps(first.json)
