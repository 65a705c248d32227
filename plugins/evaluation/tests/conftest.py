"""What the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_evaluation.genai import asking
from pegboard_testing.isolation import separate_tracking
from pegboard_testing.llm_server import KEY, FakeOpenAI


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Track to a new store, in a new directory that is the current one."""
    with separate_tracking(tmp_path):
        yield tmp_path


@pytest.fixture
def server(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOpenAI]:
    """Ask OpenAI's models, and judge with one, by a server of this machine."""
    del place
    with FakeOpenAI() as made:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", made.url)
        monkeypatch.setenv("MLFLOW_GENAI_JUDGE_DEFAULT_MODEL", "openai:/gpt-4o-mini")
        monkeypatch.setattr(asking, "_without_schema", set())
        yield made
