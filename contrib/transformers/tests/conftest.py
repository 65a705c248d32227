"""Small models of real architectures, made here: nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

# The models are so small that threads would only wait for each other.
torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()

# fmt: off
WORDS = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
    "the", "cat", "sat", "on", "a", "mat", "dog", "ran", "fast", "good", "bad",
]
# fmt: on

ARCHITECTURES = {
    "feature-extraction": "BertModel",
    "fill-mask": "BertForMaskedLM",
    "text-classification": "BertForSequenceClassification",
    "text-generation": "GPT2LMHeadModel",
    "token-classification": "BertForTokenClassification",
    "zero-shot-classification": "BertForSequenceClassification",
}


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """Return a tokenizer of sixteen words."""
    words = models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]")
    inner = Tokenizer(words)
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    special = {f"{name.lower()}_token": f"[{name}]" for name in ("PAD", "UNK", "CLS", "SEP")}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, mask_token="[MASK]", model_max_length=32, **special
    )


@pytest.fixture(scope="session")
def make(tokenizer: Any) -> Callable[[str], Any]:
    """Return a function that makes a pipeline for a task."""

    def pipeline(task: str) -> Any:
        torch.manual_seed(7)
        kind = getattr(transformers, ARCHITECTURES[task])
        if task == "text-generation":
            config = transformers.GPT2Config(
                vocab_size=len(WORDS),
                n_embd=8,
                n_layer=1,
                n_head=1,
                n_positions=64,
                bos_token_id=2,
                eos_token_id=3,
                pad_token_id=0,
            )
        else:
            labels = {0: "entailment", 1: "neutral", 2: "contradiction"}
            config = transformers.BertConfig(
                vocab_size=len(WORDS),
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=1,
                intermediate_size=16,
                max_position_embeddings=32,
                id2label=labels,
                label2id={name: i for i, name in labels.items()},
            )
        return transformers.pipeline(task, model=kind(config).eval(), tokenizer=tokenizer)

    return pipeline
