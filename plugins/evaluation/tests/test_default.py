"""The default evaluator keeps the contract, for each type of model that it is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pegboard.contracts.evaluation import EvaluationTable, ModelEvaluator
from pegboard.errors import InvalidValue
from pegboard_evaluation.default import DefaultEvaluator, Settings
from pegboard_evaluation.metric import MetricValue, make_metric
from pegboard_testing import EvaluatorContract

X = pd.DataFrame({"a": np.arange(12.0), "b": ["x", "y"] * 6})


def lengths(predictions: Any) -> MetricValue:
    return MetricValue(scores=[float(len(str(value))) for value in predictions])


LENGTHS = make_metric(eval_fn=lengths, greater_is_better=True)


class TestRegressor(EvaluatorContract):
    needs = ("targets", "outputs")

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        return DefaultEvaluator(Settings(extra_metrics=[LENGTHS], metric_prefix="p_"))

    @pytest.fixture
    def table(self) -> EvaluationTable:
        outputs = np.arange(12.0) ** 1.1
        return EvaluationTable(
            count=12, kind="regressor", inputs=X, targets=np.arange(12.0), outputs=outputs
        )


class TestClassifier(EvaluatorContract):
    needs = ("targets", "outputs")

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        return DefaultEvaluator(Settings(plots=False))

    @pytest.fixture
    def table(self) -> EvaluationTable:
        likely = np.linspace(0.05, 0.9, 12)
        return EvaluationTable(
            count=12,
            kind="classifier",
            inputs=X,
            targets=np.array([0, 1] * 6),
            outputs=(likely > 0.5).astype(int),
            probabilities=np.column_stack([1 - likely, likely]),
            labels=[0, 1],
            weights=np.linspace(1, 2, 12),
        )


class TestRetriever(EvaluatorContract):
    needs = ("targets", "outputs")

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        return DefaultEvaluator(Settings(retriever_k=2))

    @pytest.fixture
    def table(self) -> EvaluationTable:
        found = [["a", "b"], [], ["c", "c"], None]
        wanted = [["a"], [], ["b", "c"], ["d"]]
        return EvaluationTable(count=4, kind="retriever", targets=wanted, outputs=found)


class TestTexts(EvaluatorContract):
    needs = ("outputs",)

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        def toxic(texts: Any) -> list[float]:
            return [0.9 if "bad" in text else 0.1 for text in texts]

        return DefaultEvaluator(Settings(toxicity=toxic))

    @pytest.fixture
    def table(self) -> EvaluationTable:
        outputs = ["a good day", "a bad day", "no"]
        return EvaluationTable(count=3, kind="question-answering", targets=outputs, outputs=outputs)


WRONG = {
    "a missing target": ({"targets": [1.0, None]}, "1 of 2 targets are missing: rows 1"),
    "a text": ({"targets": [1.0, "x"]}, "'targets' holds 'x', which is not a number"),
    "endless": ({"outputs": [1.0, float("inf")]}, "'outputs' holds infinite numbers: rows 1"),
    "two columns": ({"outputs": [[1.0, 2.0], [3.0, 4.0]]}, r"the shape \(2, 2\)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_regressor_cannot_be_measured_by_is_named(case: str, tmp_path: Any) -> None:
    from pegboard.contracts.evaluation import Work

    change, words = WRONG[case]
    columns = {"targets": [1.0, 2.0], "outputs": [1.0, 2.5], **change}
    table = EvaluationTable(count=2, kind="regressor", **columns)
    with pytest.raises(InvalidValue, match=words):
        list(DefaultEvaluator(Settings()).evaluate(table, Work(directory=tmp_path)))
