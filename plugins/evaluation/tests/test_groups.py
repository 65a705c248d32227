"""Cohorts, calibration and drift keep the contract of evaluators, and find what was planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve
from pegboard.contracts.evaluation import Artifact, EvaluationTable, Figure, ModelEvaluator, Work
from pegboard.errors import InvalidValue
from pegboard_evaluation import calibration, cohorts, drift
from pegboard_testing import EvaluatorContract
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss

SOURCE = np.random.default_rng(3)
N = 400
FRAME = pd.DataFrame(
    {
        "region": SOURCE.choice(["north", "south", "west"], N),
        "age": SOURCE.uniform(18, 80, N),
        "free text": [f"row {number}" for number in range(N)],
        "documents": [["a"]] * N,
    }
)
BAD = ((FRAME.region == "north") & (FRAME.age > 65)).to_numpy()
TARGETS = SOURCE.integers(0, 2, N)
OUTPUTS = np.where(BAD | (SOURCE.random(N) < 0.05), 1 - TARGETS, TARGETS)
LIKELY = np.clip(np.where(OUTPUTS, 0.9, 0.1) + SOURCE.normal(0, 0.05, N), 0.01, 0.99)
TABLE = EvaluationTable(
    count=N,
    kind="classifier",
    inputs=FRAME,
    targets=TARGETS,
    outputs=OUTPUTS,
    probabilities=np.column_stack([1 - LIKELY, LIKELY]),
    labels=[0, 1],
)


class TestCohorts(EvaluatorContract):
    needs = ("targets", "outputs")

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        return cohorts.Cohorts(cohorts.Settings())

    @pytest.fixture
    def table(self) -> EvaluationTable:
        return TABLE


class TestCalibration(EvaluatorContract):
    needs = ("targets", "probabilities")

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        return calibration.Calibration(calibration.Settings())

    @pytest.fixture
    def table(self) -> EvaluationTable:
        return TABLE


class TestDrift(EvaluatorContract):
    needs = ("inputs",)

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        return drift.Drift(drift.Settings(baseline=FRAME, columns=["region", "age"]))

    @pytest.fixture
    def table(self) -> EvaluationTable:
        return TABLE


def tables(evaluator: ModelEvaluator, table: EvaluationTable, place: Path) -> dict[str, Any]:
    """Return what an evaluator yields: figures and tables, by name."""
    found: dict[str, Any] = {}
    for result in evaluator.evaluate(table, Work(directory=place)):
        if isinstance(result, Figure):
            found[result.name] = result.value
        elif isinstance(result, Artifact):
            found[result.name] = result.skipped or pd.read_csv(str(result.path))
    return found


def test_the_slice_in_which_the_model_was_spoilt_is_found(tmp_path: Path) -> None:
    found = tables(cohorts.Cohorts(cohorts.Settings()), TABLE, tmp_path)
    worst = found["worst_slices.csv"].iloc[0]
    assert worst["slice"].startswith("region=north & age=(6")
    assert found["worst_slice/error_rate"] == worst["error_rate"] > 0.7
    assert worst["rows"] >= 20


def test_a_cohort_has_the_figures_of_its_rows(tmp_path: Path) -> None:
    found = tables(cohorts.Cohorts(cohorts.Settings(by=["region"])), TABLE, tmp_path)
    table = found["cohorts.csv"].set_index("value")
    assert list(table.index) == ["north", "south", "west"]
    for region, row in table.iterrows():
        own = (FRAME.region == region).to_numpy()
        assert row["accuracy_score"] == pytest.approx(accuracy_score(TARGETS[own], OUTPUTS[own]))
        assert row["example_count"] == own.sum()


def test_where_the_model_is_nowhere_worse_that_is_said(tmp_path: Path) -> None:
    table = evolve(TABLE, outputs=TARGETS)
    found = tables(cohorts.Cohorts(cohorts.Settings()), table, tmp_path)
    assert "In no slice of 20 rows or more" in found["worst_slices"]


def test_calibration_is_that_of_scikit_learn(tmp_path: Path) -> None:
    found = tables(calibration.Calibration(calibration.Settings()), TABLE, tmp_path)
    table = found["calibration_table.csv"]
    share, mean = calibration_curve(TARGETS, LIKELY, n_bins=10)
    np.testing.assert_allclose(table["share"], share)
    np.testing.assert_allclose(table["mean_probability"], mean)
    assert found["brier_score"] == pytest.approx(brier_score_loss(TARGETS, LIKELY))
    expected = (abs(table["gap"]) * table["rows"]).sum() / N
    assert found["expected_calibration_error"] == pytest.approx(expected)


def test_a_column_that_moved_is_found_and_others_are_not(tmp_path: Path) -> None:
    moved = FRAME.assign(age=FRAME.age + 15, gone=None)
    settings = drift.Settings(baseline=FRAME, columns=["age", "region"])
    found = tables(drift.Drift(settings), evolve(TABLE, inputs=moved), tmp_path)
    assert found["psi/region"] == 0
    assert found["psi/age"] == found["psi_max"] > 0.5
    assert found["drifted_columns"] == 1
    assert list(found["drift.csv"]["column"]) == ["age", "region"]
    assert found["drift.csv"].loc[0, "p_value"] < 1e-6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs a 'baseline'"),
        ({"baseline": "rows.xls"}, "files are .csv, .json, .parquet"),
        ({"baseline": "nowhere.csv"}, "cannot be read"),
        ({"baseline": FRAME, "columns": ["height"]}, "no column 'height' in common"),
        ({"baseline": pd.DataFrame({"x": [1]})}, "no column in common"),
        ({"baseline": 3}, "not a table with rows"),
    ],
)
def test_a_baseline_that_is_none_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        drift.Drift(drift.Settings(**settings)).check(TABLE)


def test_a_column_to_group_by_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidValue, match="'by' names 'regoin'"):
        cohorts.Cohorts(cohorts.Settings(by=["regoin"])).check(TABLE)
