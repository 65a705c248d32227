"""The contract of evaluators is kept by a plain one, and each fault is found by a test of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pegboard.contracts.evaluation import (
    Artifact,
    EvaluationTable,
    Figure,
    ModelEvaluator,
    Result,
    Scores,
    Work,
)
from pegboard.errors import InvalidValue
from pegboard.settings import NoSettings
from pegboard_testing import EvaluatorContract

TABLE = EvaluationTable(count=4, outputs=["a", "bb", None, "dddd"], columns={"x": [1, 2, 3, 4]})


class Lengths(ModelEvaluator):
    """Scores texts by their length, one row at a time."""

    def check(self, table: EvaluationTable) -> None:
        if table.outputs is None:
            raise InvalidValue("'outputs' is missing.")

    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        known = {row: v for s in work.known for row, v in zip(s.rows, s.values, strict=True)}
        for row in set(range(table.count)) - known.keys():
            yield self.score(row, table.outputs[row])
            known[row] = len(table.outputs[row] or "")
        yield Figure(name="total", value=sum(known.values()), count=3, failed=1)  # type: ignore[arg-type]
        (work.directory / "note.txt").write_text("done")
        yield Artifact(name="note.txt", path=work.directory / "note.txt")

    def score(self, row: int, output: Any) -> Scores:
        if output is None:
            return Scores("length", [row], [None], errors={row: "It is not a text."})
        return Scores("length", [row], [len(output)])


class TestLengths(EvaluatorContract):
    needs = ("outputs",)

    @pytest.fixture
    def evaluator(self) -> ModelEvaluator:
        return Lengths(NoSettings())

    @pytest.fixture
    def table(self) -> EvaluationTable:
        return TABLE


class Silent(Lengths):
    def score(self, row: int, output: Any) -> Scores:
        return Scores("length", [row], [None])


class NotANumber(Lengths):
    def score(self, row: int, output: Any) -> Scores:
        return Scores("length", [row], [float("nan")])


class Forgetful(Lengths):
    """Does not go on where another left off."""

    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        yield from super().evaluate(table, Work(directory=work.directory))


class Partial(Lengths):
    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        yield self.score(0, "a")


class Ordered(Lengths):
    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        yield Figure(name="first", value=len(table.outputs[0]))


class Twice(Lengths):
    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        yield from 2 * [Figure(name="one", value=1.0)]


class Outside(Lengths):
    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        yield Artifact(name="a", path=Path(__file__))


class Unstoppable(Lengths):
    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        return iter([Figure(name="one", value=1.0)])


class Greedy(Lengths):
    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        table.outputs[0] += "!"
        yield Figure(name="one", value=1.0)


FORM, KNOWN = "test_results_have_the_form", "test_what_is_known_is_not_scored_again_and_counts"


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (Silent, FORM),
        (NotANumber, FORM),
        (Partial, FORM),
        (Twice, FORM),
        (Outside, FORM),
        (Forgetful, KNOWN),
        (Ordered, "test_the_order_of_rows_changes_no_figure"),
        (Unstoppable, "test_it_stops_when_it_is_closed"),
        (Greedy, "test_the_table_is_not_changed"),
    ],
)
def test_a_fault_is_found(kind: type[ModelEvaluator], test: str, tmp_path: Path) -> None:
    suite, evaluator = EvaluatorContract(), kind(NoSettings())
    table = TABLE.only(range(TABLE.count))
    evaluate = EvaluatorContract.evaluate.__wrapped__(suite, evaluator, tmp_path)  # type: ignore[attr-defined]
    given = {"evaluator": evaluator, "table": table, "evaluate": evaluate, "tmp_path": tmp_path}
    method = getattr(suite, test)
    wanted = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    with pytest.raises(AssertionError):
        method(**{name: given[name] for name in wanted})


def test_a_ragged_table_is_refused_by_name() -> None:
    with pytest.raises(InvalidValue, match="'targets' has 1 entries, the table 2 rows"):
        EvaluationTable(count=2, outputs=["a", "b"], targets=[1])
    with pytest.raises(InvalidValue, match="'latency' has 3 entries"):
        EvaluationTable(count=2, columns={"latency": [1, 2, 3]})
