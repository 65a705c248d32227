"""``pegboard.llm`` asks the endpoints of a real gateway, in all the ways that name one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gateway import UPSTREAM_KEY, Served, serving
from pegboard import config, host
from pegboard.contracts.llm import LLMError, Trouble
from pegboard_llm import api as llm

TOML = """
[[gateway.endpoints]]
name = "chat"
provider = "openai"
model = "gpt-4o-mini"
api_key = "KEY"
base_url = "UPSTREAM"

[[gateway.endpoints]]
name = "vectors"
provider = "openai"
model = "text-embedding-3-small"
api_key = "KEY"
base_url = "UPSTREAM"
"""
WAYS = {
    "a gateway": ("PEGBOARD_GATEWAY_URI", "gateway"),
    "a gateway, MLflow's word": ("PEGBOARD_GATEWAY_URI", "endpoints"),
    "MLflow's deployments": ("MLFLOW_DEPLOYMENTS_TARGET", "endpoints"),
    "the tracking server": ("MLFLOW_TRACKING_URI", "gateway"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("gateway"), pegboard_toml=TOML) as found:
        yield found


@pytest.fixture(params=WAYS)
def scheme(
    request: pytest.FixtureRequest, served: Served, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    for name in ("PEGBOARD_TRACKING_URI", *(variable for variable, _ in WAYS.values())):
        monkeypatch.delenv(name, raising=False)
    variable, found = WAYS[request.param]
    monkeypatch.setenv(variable, served.url)
    host.use(host.Host(config.Config(plugins={"llm": {"retries": 0}})))
    yield found
    host.use(None)


def test_an_endpoint_answers(scheme: str) -> None:
    answer = llm.complete(f"{scheme}:/chat", "Hello", temperature=0)
    assert answer.text
    assert answer.usage["total_tokens"] > 0


def test_an_endpoint_streams(scheme: str) -> None:
    stream = llm.stream(f"{scheme}:/chat", "Hello")
    text = "".join(map(str, stream))
    assert text == stream.completion.text
    assert text
    assert stream.completion.usage["completion_tokens"] > 0


def test_an_endpoint_embeds(scheme: str) -> None:
    found = llm.embed(f"{scheme}:/vectors", ["a", "b"])
    assert len(found) == 2
    assert all(isinstance(x, float) for x in found[0])


def test_what_is_not_there_or_not_taken_is_said(scheme: str) -> None:
    with pytest.raises(LLMError) as raised:
        llm.complete(f"{scheme}:/nothing", "Hello")
    assert raised.value.trouble is Trouble.NO_MODEL
    with pytest.raises(LLMError) as raised:
        llm.complete(f"{scheme}:/chat", "Hello", not_of_openai=1)
    assert raised.value.trouble in (Trouble.UNSUPPORTED, Trouble.INVALID)
    assert UPSTREAM_KEY not in str(raised.value)
