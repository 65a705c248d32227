"""The contract of evaluators, as tests."""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest
from pegboard import settings
from pegboard.contracts.evaluation import (
    Artifact,
    EvaluationTable,
    Figure,
    ModelEvaluator,
    Result,
    Scores,
    Work,
)
from pegboard.errors import ConfigError, InvalidValue

Evaluate: TypeAlias = Callable[..., list[Result]]


def check_scores(scores: Scores, count: int) -> None:
    """Check the form of scores of a table of ``count`` rows."""
    assert scores.metric
    assert len(set(scores.rows)) == len(scores.rows) == len(scores.values)
    assert all(0 <= row < count for row in scores.rows)
    without = {row for row, value in zip(scores.rows, scores.values, strict=True) if value is None}
    reasons = {**scores.errors, **scores.skipped}
    assert reasons.keys() == without, "a row without a value has a reason, and no other row has one"
    assert len(reasons) == len(scores.errors) + len(scores.skipped)
    assert all(reasons.values()), "a reason is a sentence"
    for value in scores.values:
        assert value is None or isinstance(value, (bool, int, float, str))
        assert not (isinstance(value, float) and math.isnan(value)), "NaN is an error of that row"
    assert {*scores.justifications, *scores.details} <= set(scores.rows)
    assert json.loads(json.dumps(list(scores.details.values()))) == list(scores.details.values())


def check_figure(figure: Figure) -> None:
    """Check the form of a figure."""
    assert (figure.value is None) == bool(figure.skipped), "skipped, for a reason, or a number"
    assert figure.value is None or isinstance(figure.value, (int, float))
    assert figure.count >= 0
    assert figure.failed >= 0
    assert figure.error is None or figure.error >= 0
    assert figure.interval is None or figure.interval[0] <= figure.interval[1]


def check_artifact(artifact: Artifact, directory: Path) -> None:
    """Check a file that was made, or the reason why not."""
    assert (artifact.path is None) == bool(artifact.skipped)
    if artifact.path is not None:
        assert artifact.path.resolve().is_relative_to(directory.resolve())
        assert artifact.path.stat().st_size > 0


class EvaluatorContract:
    """What every evaluator does.

    Subclass it, with a name that begins with ``Test``, and give it the fixtures ``evaluator`` and
    ``table`` (some ten rows that it can evaluate). ``needs`` names the fields of the table that it
    cannot do without.
    """

    needs: Collection[str] = ()

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        """Return the evaluator. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'evaluator'.")

    @pytest.fixture
    def table(self) -> EvaluationTable:
        """Return a small table. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'table'.")

    @pytest.fixture
    def evaluate(self, evaluator: ModelEvaluator, tmp_path: Path) -> Evaluate:
        """Return a function that evaluates a table, each time in a new directory."""
        places = (tmp_path / str(number) for number in range(100))

        def evaluated(table: EvaluationTable, known: Sequence[Scores] = ()) -> list[Result]:
            place = next(places)
            place.mkdir()
            return list(evaluator.evaluate(table, Work(directory=place, known=known)))

        return evaluated

    def test_settings_have_defaults_and_others_are_refused(self, evaluator: ModelEvaluator) -> None:
        kind = evaluator.settings
        assert attrs.has(kind)
        settings.structure(kind, {}, "here")
        with pytest.raises(ConfigError, match="no_such_setting"):
            settings.structure(kind, {"no_such_setting": 1}, "here")

    def test_what_it_can_evaluate_is_accepted(
        self, evaluator: ModelEvaluator, table: EvaluationTable
    ) -> None:
        evaluator.check(table.only([0, 1]))
        assert not evaluator.kinds or table.kind in evaluator.kinds

    def test_what_is_missing_is_refused_by_name(
        self, evaluator: ModelEvaluator, table: EvaluationTable
    ) -> None:
        for name in self.needs:
            without: dict[str, Any] = {name: None}
            with pytest.raises(InvalidValue, match=name):
                evaluator.check(attrs.evolve(table, **without))

    def test_results_have_the_form(
        self, evaluator: ModelEvaluator, table: EvaluationTable, tmp_path: Path
    ) -> None:
        results = list(evaluator.evaluate(table, Work(directory=tmp_path)))
        assert results
        for result in results:
            if isinstance(result, Scores):
                check_scores(result, table.count)
            elif isinstance(result, Figure):
                check_figure(result)
            else:
                check_artifact(result, tmp_path)
        names = Counter(result.name for result in results if not isinstance(result, Scores))
        assert set(names.values()) <= {1}, "a figure or file has a name of its own"
        scored = Counter(
            (each.metric, row) for each in results if isinstance(each, Scores) for row in each.rows
        )
        assert set(scored.values()) <= {1}, "a metric scores a row once"
        assert len(scored) == len({metric for metric, _ in scored}) * table.count

    def test_the_table_is_not_changed(self, table: EvaluationTable, evaluate: Evaluate) -> None:
        before = copy.deepcopy(_entries(table))
        evaluate(table)
        assert repr(_entries(table)) == repr(before)

    def test_a_second_evaluation_gives_the_same(
        self, table: EvaluationTable, evaluate: Evaluate
    ) -> None:
        first, second = evaluate(table), evaluate(table)
        assert _figures(first) == _figures(second)
        assert _scores(first) == _scores(second)

    def test_the_order_of_rows_changes_no_figure(
        self, table: EvaluationTable, evaluate: Evaluate
    ) -> None:
        backwards = table.only(range(table.count - 1, -1, -1))
        assert _figures(evaluate(backwards)) == _figures(evaluate(table))

    def test_what_is_known_is_not_scored_again_and_counts(
        self, table: EvaluationTable, evaluate: Evaluate
    ) -> None:
        whole = evaluate(table)
        scores = [result for result in whole if isinstance(result, Scores)]
        known = [_some_rows(each) for each in scores[: (len(scores) + 1) // 2]]
        rest = evaluate(table, known)
        assert _figures(rest) == _figures(whole)
        assert _scores(known).keys().isdisjoint(_scores(rest))
        assert {**_scores(known), **_scores(rest)} == _scores(whole)

    def test_it_stops_when_it_is_closed(
        self, evaluator: ModelEvaluator, table: EvaluationTable, tmp_path: Path
    ) -> None:
        results = evaluator.evaluate(table, Work(directory=tmp_path))
        next(results)
        close = getattr(results, "close", None)
        assert close, "an iterator that cannot be closed does not stop at Ctrl-C: use a generator"
        close()
        assert next(results, None) is None


def _entries(table: EvaluationTable) -> list[Any]:
    fields = [getattr(table, each.name) for each in attrs.fields(type(table)) if each.metadata]
    return [*fields, *table.columns.values()]


def _figures(results: Sequence[Result]) -> dict[str, Any]:
    """Return the figures by name, to 9 digits: adding up in another order changes the last ones."""
    figures = [each for each in results if isinstance(each, Figure)]
    return {
        each.name: (None if each.value is None else f"{each.value:.9g}", each.count, each.failed)
        for each in figures
    }


def _scores(results: Sequence[Result]) -> dict[tuple[str, int], Any]:
    return {
        (each.metric, row): value
        for each in results
        if isinstance(each, Scores)
        for row, value in zip(each.rows, each.values, strict=True)
    }


def _some_rows(scores: Scores) -> Scores:
    """Return the scores of every second row that has a value."""
    kept = [
        (row, value)
        for row, value in zip(scores.rows, scores.values, strict=True)
        if value is not None
    ][::2]
    return Scores(scores.metric, [row for row, _ in kept], [value for _, value in kept])
