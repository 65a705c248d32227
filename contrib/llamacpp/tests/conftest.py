"""The real models, loaded once for each file of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pegboard.contracts.llm import LLMRequest, Task
from pegboard_llamacpp import fetching, weights
from pegboard_llamacpp.provider import LlamaCpp, Settings


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep weights apart from those of the user; yield the directory of all caches."""
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place))
        yield place


@pytest.fixture(scope="session")
def minilm(cache: Path) -> Path:
    """Return the file of all-MiniLM-L6-v2, made from the package that is installed."""
    return fetching.fetch(weights.known()["minilm"])


@pytest.fixture(scope="module")
def provider(minilm: Path) -> Iterator[LlamaCpp]:
    """Return a provider that finds the weights by itself."""
    made = LlamaCpp(Settings(context=512))
    yield made
    made.close()


@pytest.fixture(scope="session")
def chat() -> Callable[..., LLMRequest]:
    """Return what makes a request with one message and temperature 0."""

    def make(question: str, model: str = "smollm2", **fields: object) -> LLMRequest:
        messages = [{"role": "user", "content": question}]
        body = {"messages": messages, "temperature": 0, "max_tokens": 16, **fields}
        return LLMRequest(Task.CHAT, model, body)

    return make
