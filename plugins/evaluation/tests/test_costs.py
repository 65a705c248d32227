"""What an evaluation costs: estimated before, kept within a budget, said after."""

from __future__ import annotations

import json
from typing import Any

import pegboard
import pytest
from pegboard.errors import InvalidValue
from pegboard_evaluation.genai.spending import counted
from pegboard_testing.llm_server import FakeOpenAI

genai = pegboard.genai
Safety = genai.scorers.Safety

MODEL = "openai:/gpt-4o-mini"
INTO, OUT = 0.15e-6, 0.6e-6
"""Its price for a token."""
LONGEST = 16_384
"""Tokens of the longest answer that it gives."""
SAFE = json.dumps({"rationale": "So it is.", "result": "yes"})
"""The server says again what it was told, so a judge of this answer says yes."""


def rows(count: int) -> list[dict[str, Any]]:
    return [{"inputs": {"q": f"question {n}"}, "outputs": SAFE} for n in range(count)]


def asked(count: int) -> list[dict[str, Any]]:
    said = [{"role": "user", "content": SAFE}]
    return [{"inputs": {"messages": said, "max_tokens": 10 + n}} for n in range(count)]


def test_an_estimate_counts_what_would_be_asked_and_asks_nothing(server: FakeOpenAI) -> None:
    unpriced = genai.scorers.Fluency(model="openai:/of-our-own")

    @genai.scorer
    def words(outputs: str) -> int:
        return len(outputs.split())

    predict = genai.to_predict_fn(MODEL)
    found = genai.estimate(asked(3), [Safety(), unpriced, words], predict)
    assert server.seen == []
    parts = {each.name: each for each in found.parts}
    assert [(name, each.calls) for name, each in parts.items()] == [
        ("predict_fn", 3),
        ("safety", 3),
        ("fluency", 3),
        ("words", 0),
    ]
    of_predict = parts["predict_fn"]
    assert of_predict.output_tokens == 10 + 11 + 12
    assert of_predict.cost == pytest.approx(
        of_predict.input_tokens * INTO + of_predict.output_tokens * OUT, rel=0.01
    )
    assert parts["fluency"].cost is None
    assert found.unknown == {"fluency": "the price of openai:/of-our-own is unknown"}
    assert found.cost == pytest.approx((of_predict.cost or 0) + (parts["safety"].cost or 0))
    assert "at least $" in str(found)

    own = genai.estimate(asked(1), [words], lambda messages, max_tokens: "")
    assert own.unknown == {"predict_fn": "what the function asks is not known"}
    needs_trace = genai.estimate(rows(1), [genai.scorers.RetrievalRelevance()])
    assert "depends on the trace" in needs_trace.unknown["retrieval_relevance"]

    result = genai.evaluate(asked(3), [Safety()], predict)
    assert result.spent <= found.cost
    kept = genai.estimate(asked(4), [Safety()], predict, resume=result.run_id)
    assert [each.calls for each in kept.parts] == [1, 1]


def test_a_budget_stops_before_the_call_that_could_pass_it(server: FakeOpenAI) -> None:
    whole = genai.evaluate(rows(6), [Safety()])
    assert whole.spent == pytest.approx(whole.costs["safety"].cost)
    once = whole.spent / 6
    (first,) = genai.estimate(rows(1), [Safety()]).parts
    most = first.input_tokens * INTO + LONGEST * OUT
    assert most > (first.cost or 0.0) > once

    budget = 2.5 * once + most
    before = len(server.seen)
    with pytest.raises(genai.BudgetExceeded, match=r"could pass the budget") as caught:
        genai.evaluate(rows(6), [Safety()], budget=budget)
    part = caught.value.result
    assert len(server.seen) - before == 3
    assert part.spent == pytest.approx(3 * once)
    assert part.spent <= budget
    assert part.figures["safety/mean"].count == 3
    assert f"resume={part.run_id!r}" in str(caught.value)

    again = genai.evaluate(rows(6), [Safety()], resume=part.run_id, budget=1)
    assert len(server.seen) - before == 6
    assert again.figures["safety/mean"].count == 6
    assert again.spent == pytest.approx(3 * once), "what is kept costs nothing"
    assert again.costs["safety"].cost == pytest.approx(6 * once)


def test_answers_are_paid_out_of_the_budget_too(server: FakeOpenAI) -> None:
    predict = genai.to_predict_fn(MODEL)
    with pytest.raises(genai.BudgetExceeded) as caught:
        genai.evaluate(asked(4), [genai.scorer(name="one")(lambda outputs: 1)], predict, budget=0)
    assert server.seen == []
    assert caught.value.result.metrics == {}

    # A function that asks on its own is known by what its trace says.
    def agent(q: str) -> str:
        with pegboard.start_span("ask", "CHAT_MODEL") as span:
            cost = {"input_cost": 0.15, "output_cost": 0, "total_cost": 0.15}
            span.set_attribute("mlflow.llm.cost", cost)
            usage = {"input_tokens": 1_000_000, "output_tokens": 0, "total_tokens": 1_000_000}
            span.set_attribute("mlflow.chat.tokenUsage", usage)
        return q

    one = genai.scorer(name="one")(lambda outputs: 1)
    data = [{"inputs": {"q": str(n)}} for n in range(40)]
    with pytest.raises(genai.BudgetExceeded) as caught:
        genai.evaluate(data, [one], agent, budget=0.3)
    part = caught.value.result
    assert 2 <= part.figures["one/mean"].count < 40
    assert part.spent == pytest.approx(0.15 * part.figures["one/mean"].count)
    assert part.costs["predict_fn"].cost == pytest.approx(part.spent)


def test_what_cannot_be_kept_is_refused(server: FakeOpenAI) -> None:
    fluency = genai.scorers.Fluency(model="openai:/of-our-own")
    several = genai.make_scorer_ensemble(name="all", scorers=[fluency], ensemble_fn="agg_all")
    with pytest.raises(InvalidValue, match=r"price of 'openai:/of-our-own' is not known.*'all'"):
        genai.evaluate(rows(1), [several], budget=1)
    with pytest.raises(InvalidValue, match=r"price of 'gateway:/chat'.*predict_fn"):
        genai.evaluate(asked(1), [Safety()], genai.to_predict_fn("gateway:/chat"), budget=1)
    for odd in (-1, float("nan"), "much", True):
        with pytest.raises(InvalidValue, match="'budget' is"):
            genai.evaluate(rows(1), [Safety()], budget=odd)
    assert server.seen == []
    assert counted("llamacpp:/smollm2", "x", {}).cost == 0
