"""Model files: found, whole and of the right kind, or refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from pegboard.contracts.llm import LLMError, LLMRequest, Trouble
from pegboard_llamacpp import weights
from pegboard_llamacpp.gguf import read_header
from pegboard_llamacpp.provider import LlamaCpp, Settings

Ask: TypeAlias = Callable[..., LLMRequest]


@pytest.fixture(scope="module")
def smollm2() -> Path:
    found = weights.find(weights.known()["smollm2"])
    assert found
    return found


def refused(path: object, asked: LLMRequest) -> LLMError:
    provider = LlamaCpp(Settings(path=str(path)))
    for call in (provider.answer, provider.events, lambda _: provider.takes_of("it")):
        with pytest.raises(LLMError) as error:
            call(asked)
    return error.value


def test_the_header_says_what_the_model_is(smollm2: Path, minilm: Path) -> None:
    chats, embeds = read_header(smollm2), read_header(minilm)
    assert (chats.architecture, chats.context, chats.embeds) == ("llama", 8192, False)
    assert not chats.knows_tools
    assert (embeds.architecture, embeds.context, embeds.embeds) == ("bert", 512, True)


def test_a_path_names_another_model(smollm2: Path, tmp_path: Path, chat: Ask) -> None:
    (tmp_path / "mine.gguf").symlink_to(smollm2)
    provider = LlamaCpp(Settings(path=str(tmp_path / "mine.gguf"), context=256))
    answer = provider.answer(chat("What is the capital of France?", model="my model"))
    assert answer["model"] == "my model"
    assert "Paris" in answer["choices"][0]["message"]["content"]
    provider.close()


@pytest.mark.parametrize("size", [0, 3, 4, 20, 30, 5_000, 1_000_000, 90_000_000])
def test_a_file_that_is_cut_off_is_refused(
    smollm2: Path, tmp_path: Path, chat: Ask, size: int
) -> None:
    with smollm2.open("rb") as whole:
        (tmp_path / "cut.gguf").write_bytes(whole.read(size))
    error = refused(tmp_path / "cut.gguf", chat("Hello!"))
    assert error.trouble is Trouble.NO_MODEL
    assert "cut.gguf is not a whole GGUF file" in error.message


def test_the_last_bytes_are_missed_too(smollm2: Path, tmp_path: Path, chat: Ask) -> None:
    (tmp_path / "cut.gguf").write_bytes(smollm2.read_bytes()[:-1000])
    with pytest.raises(LLMError, match=r"cannot load cut\.gguf") as error:
        LlamaCpp(Settings(path=str(tmp_path / "cut.gguf"))).answer(chat("Hello!"))
    assert error.value.trouble is Trouble.NO_MODEL


@pytest.mark.parametrize(
    "data",
    [
        b"hello" * 1000,
        b"GGUF" + b"\xff" * 5000,
        b"GGUF\x03\0\0\0" + bytes(8) + b"\x01" + bytes(7) + b"\xff" * 500,
        b"GGUF\x09\0\0\0" + bytes(100),
        b"GGUF\x03\0\0\0" + b"\xff" * 7 + b"\x00" + bytes(8) + bytes(100),
    ],
    ids=["text", "ones", "length", "version", "tensors"],
)
def test_what_is_no_gguf_file_is_refused(tmp_path: Path, chat: Ask, data: bytes) -> None:
    (tmp_path / "it.gguf").write_bytes(data)
    assert refused(tmp_path / "it.gguf", chat("Hello!")).trouble is Trouble.NO_MODEL


def test_a_path_that_is_no_file_is_refused(tmp_path: Path, chat: Ask) -> None:
    for path in (tmp_path / "missing.gguf", tmp_path):
        error = refused(path, chat("Hello!"))
        assert error.trouble is Trouble.NO_MODEL
        assert str(path) in error.message


def test_unknown_names_and_missing_weights_say_what_to_do(
    chat: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = LlamaCpp(Settings())
    with pytest.raises(LLMError, match="smollm2, minilm") as unknown:
        provider.answer(chat("Hello!", model="gpt-4o"))
    assert unknown.value.trouble is Trouble.NO_MODEL
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LLMError, match="pegboard llm fetch minilm"):
        provider.takes_of("minilm")
