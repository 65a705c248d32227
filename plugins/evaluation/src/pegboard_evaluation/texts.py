"""What is measured of texts. Nothing asks the network; what is missing is said, not left out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pegboard.errors import command_line

from pegboard_evaluation.metric import MetricValue, standard_aggregations

_TOXIC = 0.5
"""Texts that score more are toxic."""

_BY_SYLLABLES = ("flesch_kincaid_grade",)

_CACHED = {"cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"}
"""The names that tiktoken gives to the files of its encodings."""


def missing(library: str, what: str) -> MetricValue:
    """Return the result of a metric whose library is not installed."""
    return MetricValue(skipped=f"{what} needs {library}: {command_line('pip', 'install', library)}")


def by_text(texts: Any, score: Callable[..., float], *others: Any) -> MetricValue:
    """Return the scores of texts, and what they add up to; what is no text has no score."""
    scores: list[Any] = []
    for row in zip(texts, *others, strict=True):
        scores.append(score(*row) if all(isinstance(text, str) for text in row) else None)
    return MetricValue(scores=scores, aggregate_results=standard_aggregations(scores))


def readability(texts: Any, function: str) -> MetricValue:
    """Return the school years that it takes to read texts, by ``textstat``."""
    if find_spec("textstat") is None:
        return missing("textstat", "The grade level of a text")
    if function in _BY_SYLLABLES and not _knows_syllables():
        command = command_line("python", "-m", "nltk.downloader", "cmudict")
        return MetricValue(
            skipped="textstat needs nltk's dictionary of syllables, which is not on this machine, "
            f"and nothing is fetched: {command}"
        )
    import textstat

    return by_text(texts, getattr(textstat, function))


def _knows_syllables() -> bool:
    """Whether ``textstat`` can count syllables without asking the network for a dictionary."""
    from importlib.metadata import requires

    if not any(each.startswith("nltk") for each in requires("textstat") or ()):
        return True  # Versions before 0.7.5 have a dictionary of their own.
    import nltk

    try:
        nltk.data.find("corpora/cmudict")
    except LookupError:
        return False
    return True


def rouge(texts: Any, targets: Any, kind: str) -> MetricValue:
    """Return the F-measure of one kind of ROUGE, by ``rouge_score`` without stemming."""
    if find_spec("rouge_score") is None:
        return missing("rouge-score", "ROUGE")
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([kind], use_stemmer=False)
    return by_text(texts, lambda text, target: scorer.score(target, text)[kind].fmeasure, targets)


def bleu(texts: Any, targets: Any) -> MetricValue:
    """Return BLEU of each text against its target, not smoothed, by ``sacrebleu``."""
    if find_spec("sacrebleu") is None:
        return missing("sacrebleu", "BLEU")
    from sacrebleu import sentence_bleu

    def score(text: str, target: str) -> float:
        if not text or not target:
            return 0.0
        return float(sentence_bleu(text, [target], smooth_method="none").score) / 100

    return by_text(texts, score, targets)


def toxicity(texts: Any, judge: Callable[[Sequence[str]], Sequence[float]] | None) -> MetricValue:
    """Return how toxic a function finds texts, from 0 to 1, and the share of those above 0.5."""
    if judge is None:
        return MetricValue(
            skipped="No model for toxicity is named: evaluator_config={'toxicity': FUNCTION} takes "
            "a function from a list of texts to scores from 0 to 1. None is fetched."
        )
    found = [text for text in texts if isinstance(text, str)]
    given = iter(judge(found))
    scores = [float(next(given)) if isinstance(text, str) else None for text in texts]
    known = [score for score in scores if score is not None]
    ratio = sum(score > _TOXIC for score in known) / len(known) if known else None
    return MetricValue(scores, None, {**standard_aggregations(scores), "ratio": ratio})


def token_count(texts: Any, encoding: str) -> MetricValue:
    """Return how many tokens texts have, by ``tiktoken`` with an encoding that is here already."""
    if find_spec("tiktoken") is None:
        return missing("tiktoken", "The count of tokens")
    name = _CACHED.get(encoding, "")
    place = next((each for each in _caches() if name and (each / name).is_file()), None)
    if place is None:
        return MetricValue(
            skipped=f"tiktoken's encoding {encoding!r} is not on this machine, and nothing is "
            f"fetched. TIKTOKEN_CACHE_DIR names a folder that holds {name or 'its file'}."
        )
    import tiktoken

    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(place)
    try:
        tokens = tiktoken.get_encoding(encoding)
    finally:
        if before is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = before
    counted = by_text(texts, lambda text: len(tokens.encode(text, disallowed_special=())))
    return MetricValue(counted.scores, None, {})


def _caches() -> Sequence[Path]:
    """Return the folders where encodings may be: the user's, tiktoken's own, litellm's."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    found = [Path(named)] if named else [Path(tempfile.gettempdir()) / "data-gym-cache"]
    spec = find_spec("litellm")
    if spec is not None and spec.submodule_search_locations:
        [home] = spec.submodule_search_locations
        found.append(Path(home) / "litellm_core_utils" / "tokenizers")
    return found
