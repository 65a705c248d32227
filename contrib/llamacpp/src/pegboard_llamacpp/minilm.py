"""all-MiniLM-L6-v2 as a GGUF file: written once from the files that its authors published.

Its numbers stay float32, so vectors differ from those of sentence-transformers in rounding alone.
Imports the standard library alone.
Source: names of tensors and of values are those that llama.cpp reads for the architecture "bert".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pegboard_llamacpp.gguf import Tensor, Value, write

_CONTROL, _NORMAL = 3, 1
_WORD_BEGINS = "\u2581"
_MEAN_POOLING = 1
_OUTSIDE = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
_INSIDE = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")


def convert(folder: Path, target: BinaryIO) -> None:
    """Write the model in ``folder`` (``model.safetensors``, ``config.json``, ``vocab.txt``)."""
    config = json.loads((folder / "config.json").read_text())
    words = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[: config["vocab_size"]]
    weights = (folder / "model.safetensors").read_bytes()
    write(target, dict(_values(config, words)), _tensors(memoryview(weights)))


def _values(config: dict[str, Any], words: list[str]) -> Iterator[tuple[str, Value]]:
    yield "general.architecture", "bert"
    yield "general.name", "all-MiniLM-L6-v2"
    yield "general.license", "apache-2.0"
    yield "bert.context_length", config["max_position_embeddings"]
    yield "bert.embedding_length", config["hidden_size"]
    yield "bert.feed_forward_length", config["intermediate_size"]
    yield "bert.block_count", config["num_hidden_layers"]
    yield "bert.attention.head_count", config["num_attention_heads"]
    yield "bert.attention.layer_norm_epsilon", float(config["layer_norm_eps"])
    yield "bert.attention.causal", False
    yield "bert.pooling_type", _MEAN_POOLING
    yield "tokenizer.ggml.model", "bert"
    yield "tokenizer.ggml.pre", "default"
    yield "tokenizer.ggml.token_type_count", config["type_vocab_size"]
    yield "tokenizer.ggml.tokens", [_token(word) for word in words]
    yield "tokenizer.ggml.token_type", [_CONTROL if _special(word) else _NORMAL for word in words]
    names = {"bos": "CLS", "eos": "SEP", "cls": "CLS", "mask": "MASK"}
    names |= {"unknown": "UNK", "seperator": "SEP", "padding": "PAD"}
    for name, word in names.items():
        yield f"tokenizer.ggml.{name}_token_id", words.index(f"[{word}]")


def _special(word: str) -> bool:
    return word.startswith("[") and word.endswith("]")


def _token(word: str) -> str:
    """Return a token as llama.cpp spells it: marked where a word begins, not where one goes on."""
    if _special(word):
        return word
    return word[2:] if word.startswith("##") else _WORD_BEGINS + word


def _tensors(weights: memoryview) -> Iterator[Tensor]:
    size = int.from_bytes(weights[:8], "little")
    listed = json.loads(bytes(weights[8 : 8 + size]))
    data = weights[8 + size :]
    for name, item in sorted(listed.items()):
        if renamed := _name(name):
            begin, end = item["data_offsets"]
            yield Tensor(renamed, item["shape"][::-1], data[begin:end])


def _name(name: str) -> str:
    """Return a tensor's name in a GGUF file; none for those that the model does without."""
    module, _, part = name.rpartition(".")
    if module in _OUTSIDE:
        return f"{_OUTSIDE[module]}.{part}"
    found = _LAYER.fullmatch(name)
    return f"blk.{found[1]}.{_INSIDE[found[2]]}.{found[3]}" if found else ""
