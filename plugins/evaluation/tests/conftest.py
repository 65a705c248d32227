"""What the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_evaluation.genai import asking
from pegboard_testing.isolation import separate_tracking
from pegboard_testing.llm_server import KEY, FakeOpenAI

MODEL = "openai:/gpt-4o-mini"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Track to a new store, in a new directory that is the current one."""
    with separate_tracking(tmp_path):
        yield tmp_path


@pytest.fixture
def server(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """Serve OpenAI's API to judges, whose model is ``MODEL`` unless they say otherwise."""
    del place
    with FakeOpenAI() as made:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", made.url)
        monkeypatch.setenv("MLFLOW_GENAI_JUDGE_DEFAULT_MODEL", MODEL)
        monkeypatch.setattr(asking, "_without_schema", set())
        yield made
