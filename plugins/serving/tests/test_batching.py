"""Requests that wait are predicted together, and one that fails fails alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from pegboard.errors import NotSupported
from pegboard_models.mlmodel import Model
from pegboard_models.schema import ColSpec, Schema
from pegboard_models.signature import ModelSignature
from pegboard_serving import answers
from pegboard_serving.batching import Batcher
from pegboard_serving.scorer import ModelFault, Scorer

Run = Callable[[Sequence[Any]], Sequence[Any]]


def batches_of(requests: list[list[int]], most_rows: int, run: Run) -> tuple[Any, Any]:
    """Return the outcomes of requests of which all but the first wait, and what ``run`` got."""
    seen: list[Sequence[Any]] = []
    busy, go = threading.Event(), threading.Event()

    def slow(rows: Sequence[Any]) -> Sequence[Any]:
        seen.append(rows)
        busy.set()
        assert go.wait(60)
        return run(rows)

    async def ask() -> list[Any]:
        batcher = Batcher(slow, most_rows)
        first = asyncio.ensure_future(batcher.predict(requests[0]))
        await asyncio.get_running_loop().run_in_executor(None, busy.wait, 60)
        others = [asyncio.ensure_future(batcher.predict(rows)) for rows in requests[1:]]
        await asyncio.sleep(0)
        go.set()
        outcomes = await asyncio.gather(first, *others, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, batcher.close)
        return outcomes

    return asyncio.run(ask()), seen


def test_a_request_alone_does_not_wait_and_those_behind_it_go_together() -> None:
    outcomes, seen = batches_of([[1], [2], [3, 4], [5]], 100, lambda all_: [sum(r) for r in all_])
    assert outcomes == [1, 2, 7, 5]
    assert seen == [[[1]], [[2], [3, 4], [5]]]


def test_a_batch_has_an_end_but_a_long_request_is_not_cut() -> None:
    outcomes, seen = batches_of([[0], [1, 1], [2], [3] * 9, [4]], 3, lambda all_: [*map(len, all_)])
    assert outcomes == [1, 2, 1, 9, 1]
    assert [[len(rows) for rows in batch] for batch in seen] == [[1], [2, 1], [9], [1]]


def test_an_error_of_one_request_is_raised_for_that_one() -> None:
    fault = ModelFault("no")
    outcomes, _ = batches_of(
        [[0], [1], [2]], 9, lambda all_: [fault if r == [1] else r for r in all_]
    )
    assert outcomes == [[0], fault, [2]]


def test_an_error_of_the_batch_is_raised_for_all_and_work_goes_on() -> None:
    def run(all_: Sequence[Any]) -> Sequence[Any]:
        if len(all_) > 1:
            raise RuntimeError("all")
        return all_

    outcomes, _ = batches_of([[0], [1], [2]], 9, run)
    assert outcomes[0] == [0]
    assert all(isinstance(outcome, RuntimeError) for outcome in outcomes[1:])


class Stub:
    """A model with one column of numbers; counts its calls."""

    metadata = Model(signature=ModelSignature(Schema([ColSpec("double", "x")])))

    def __init__(self, predict: Callable[[Any], Any]) -> None:
        self._predict = predict
        self.calls = 0

    def predict_checked(self, data: Any, params: Any = None) -> Any:
        self.calls += 1
        return self._predict(data["x"].to_numpy())


def refuse_negative(values: Any) -> Any:
    if (values < 0).any():
        raise ValueError("negative")
    return values * 2


def test_good_requests_are_predicted_with_one_call() -> None:
    model = Stub(refuse_negative)
    found = Scorer(model).answer_all([[[1.0]], [], [[2.0], [3.0]]])  # type: ignore[arg-type]
    assert found == [b"[2.0]", b"[]", b"[4.0,6.0]"]
    assert model.calls == 1


def test_a_bad_row_fails_its_own_request_only() -> None:
    scorer = Scorer(Stub(refuse_negative))  # type: ignore[arg-type]
    good, unfit, refused, more = scorer.answer_all([[[1.0]], [["x"]], [[-1.0]], [[2.0]]])
    assert (good, more) == (b"[2.0]", b"[4.0]")
    assert unfit.column == "x" and isinstance(refused, ModelFault)


def test_a_model_without_one_prediction_a_row_is_asked_for_each_request() -> None:
    model = Stub(lambda values: np.array([values.sum()]))
    scorer = Scorer(model)  # type: ignore[arg-type]
    assert scorer.answer_all([[[1.0], [2.0]], [[3.0]]]) == [b"[3.0]", b"[3.0]"]
    assert not scorer.splits
    assert scorer.answer_all([[[1.0], [2.0]], [[3.0]]]) == [b"[3.0]", b"[3.0]"]
    assert model.calls == 5


def test_what_has_no_json_is_an_error() -> None:
    with pytest.raises(NotSupported, match="object"):
        answers.dumps([object()])
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotSupported):
        answers.dumps(endless)
