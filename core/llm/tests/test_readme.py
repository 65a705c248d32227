"""The examples of the README run, against a server that speaks as OpenAI does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pegboard import config, host
from pegboard_testing.llm_server import KEY, FakeOpenAI

TEXT = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_examples_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeOpenAI() as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        host.use(host.Host(config.Config()))
        try:
            names: dict[str, object] = {}
            for text in re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S):
                exec(compile(text, "README.md", "exec"), names)
        finally:
            host.use(None)
    said = capsys.readouterr().out
    assert "Name a bird. 6 " in said
    assert "Name two birds." in said
    assert "\n2 2\n" in said
