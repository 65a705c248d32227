"""The provider keeps the contract of models in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard.host import Host
from pegboard_llamacpp.provider import LlamaCpp, Settings
from pegboard_testing.llm import LocalProviderContract


@pytest.fixture(scope="module")
def loaded(minilm: Path) -> Iterator[LlamaCpp]:
    made = LlamaCpp(Settings(context=512))
    yield made
    made.close()


class TestLlamaCpp(LocalProviderContract):
    @pytest.fixture
    def provider(self, loaded: LlamaCpp) -> LlamaCpp:
        return loaded

    @pytest.fixture
    def model(self) -> str:
        return "smollm2"

    @pytest.fixture
    def embedding_model(self) -> str:
        return "minilm"


def test_the_host_makes_it_from_a_table() -> None:
    made = Host().llm_provider("llamacpp", {"slots": 3}, "a test")
    assert isinstance(made, LlamaCpp)
    assert made.options.slots == 3
