"""The example of the README runs, against a server that speaks as OpenAI does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pegboard import config, host
from pegboard_testing.llm_server import KEY, FakeOpenAI

TEXT = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_examples_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.M | re.S)
    assert {kind for kind, _ in blocks} == {"python", "toml"}
    monkeypatch.chdir(tmp_path)
    with FakeOpenAI() as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        [table] = [text for kind, text in blocks if kind == "toml"]
        (tmp_path / "pegboard.toml").write_text(table.replace("http://gpu-1:8000/v1", server.url))
        monkeypatch.setenv("VLLM_KEY", KEY)
        host.use(host.Host(config.load(directory=tmp_path)))
        try:
            names: dict[str, object] = {}
            for kind, text in blocks:
                if kind == "python":
                    exec(compile(text, "README.md", "exec"), names)
        finally:
            host.use(None)
        assert len(server.seen) == 2
