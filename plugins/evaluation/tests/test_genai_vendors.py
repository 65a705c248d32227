"""Scorers of other libraries: stand-ins for these check what they are given.

The stand-ins have the parts of DeepEval 4.3, RAGAS 0.4 and Phoenix 3.9 that are used.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import pegboard
import pytest
from attrs import define
from pegboard.errors import PegboardError
from pegboard_evaluation.genai.summary import INPUT_TOKENS
from pegboard_evaluation.genai.vendors import deepeval, phoenix, ragas, stand_ins
from pegboard_testing.llm_server import FakeOpenAI, saying

genai = pegboard.genai
MODEL = "openai:/gpt-4o-mini"
CALL = {"name": "look", "arguments": {"n": 1}}
EXPECTED = {"expected_output": "Paris", "expected_tool_calls": [CALL]}


def modules(monkeypatch: pytest.MonkeyPatch, **parts: Mapping[str, Any]) -> None:
    """Install modules, whose names have _ for a dot, with what is in them."""
    for name, content in parts.items():
        made = ModuleType(name.replace("__", "."))
        vars(made).update(content)
        monkeypatch.setitem(sys.modules, made.__name__, made)


class Form:
    """A class of pydantic."""

    def __init__(self, good: bool) -> None:
        self.good = good

    @staticmethod
    def model_json_schema() -> dict[str, Any]:
        return {"properties": {"good": {"type": "boolean"}}}

    @classmethod
    def model_validate(cls, given: Mapping[str, Any]) -> Form:
        return cls(**given)


@define(kw_only=True)
class Tool:
    name: str
    input_parameters: Any = None
    output: Any = None


@define(kw_only=True)
class Case:
    input: str
    actual_output: str
    expected_output: str | None
    context: list[str] | None
    retrieval_context: list[str] | None
    tools_called: list[Tool] | None
    expected_tools: list[Tool] | None


@define(kw_only=True)
class Turn:
    role: str
    content: str


@define(kw_only=True)
class Conversation:
    turns: list[Turn]
    scenario: str | None = None
    context: list[str] | None = None


class Metric:
    seen: list[Any] = []  # noqa: RUF012

    def __init__(
        self, model: Any, threshold: float = 0.5, async_mode: bool = True, verbose_mode: bool = True
    ) -> None:
        assert (async_mode, verbose_mode) == (False, False)
        self.model, self.threshold = model, threshold

    def measure(self, case: Any, _show_indicator: bool) -> None:
        assert not _show_indicator
        self.seen.append(case)
        assert self.model.generate("plain?") in ("plain", stand_ins.TEXT)
        self.score = 0.7 if self.model.generate("good?", schema=Form).good else 0.1
        self.reason = "because"

    def is_successful(self) -> bool:
        return self.score >= self.threshold


class Conversational(Metric):
    pass


class Model:
    def __init__(self, model: str) -> None:
        assert model == MODEL
        self.model = self.load_model()

    def load_model(self) -> Any:
        raise NotImplementedError


@pytest.fixture
def trace(server: FakeOpenAI) -> Any:
    del server
    with pegboard.start_span("agent") as root:
        pegboard.update_current_trace(session_id="s")
        root.set_inputs({"question": "Capital?"})
        with pegboard.start_span("search", span_type="RETRIEVER") as span:
            span.set_outputs([{"page_content": "It is Paris."}, "Lyon"])
        with pegboard.start_span("look", span_type="TOOL") as span:
            span.set_inputs({"n": 1})
            span.set_outputs(2)
        root.set_outputs("Paris")
    return pegboard.get_trace(root.trace_id)


def test_metrics_of_deepeval(
    trace: Any, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = {"AnswerRelevancyMetric": Metric, "TurnRelevancyMetric": Conversational}
    cases = {"LLMTestCase": Case, "ToolCall": Tool, "Turn": Turn}
    modules(
        monkeypatch,
        deepeval={},
        deepeval__metrics=metrics,
        deepeval__metrics__base_metric={"BaseConversationalMetric": Conversational},
        deepeval__models={},
        deepeval__models__base_model={"DeepEvalBaseLLM": Model},
        deepeval__test_case={**cases, "ConversationalTestCase": Conversation},
    )
    deepeval._model.cache_clear()
    monkeypatch.setattr(Metric, "seen", [])
    made = genai.scorers.deepeval.get_scorer("AnswerRelevancy", MODEL, threshold=0.6)
    server.faults = [saying("plain"), saying('Sure: {"good": true}')]
    result = genai.evaluate([{"trace": trace, "expectations": EXPECTED}], [made])
    assert result.metrics == {"AnswerRelevancy/mean": 1}
    (found,) = pegboard.get_trace(trace.info.trace_id).search_assessments("AnswerRelevancy")
    assert (found.value, found.rationale, found.source.source_id) == ("yes", "because", MODEL)
    assert found.metadata["mlflow.scorer.framework"] == "deepeval"
    assert (found.metadata["score"], found.metadata[INPUT_TOKENS]) == ("0.7", "200")
    assert result.costs["AnswerRelevancy"].input_tokens == 200
    (case,) = Metric.seen
    assert (case.input, case.actual_output, case.expected_output) == ("Capital?", "Paris", "Paris")
    assert case.retrieval_context == ["It is Paris.", "Lyon"]
    assert case.tools_called == [Tool(name="look", input_parameters={"n": 1}, output=2)]
    assert case.expected_tools == [Tool(name="look", input_parameters={"n": 1})]
    assert '"good"' in server.seen[-1].body["messages"][0]["content"]
    # Estimated before, and within a budget: what does not fit into it is not asked.
    asked_so_far = len(server.seen)
    expected = genai.estimate([{"trace": trace, "expectations": EXPECTED}] * 3, [made])
    assert (expected.calls, len(server.seen)) == (6, asked_so_far)
    assert expected.cost > 0
    assert "depends on the answers" in expected.unknown["AnswerRelevancy"]
    with pytest.raises(genai.BudgetExceeded):
        genai.evaluate([{"trace": trace, "expectations": EXPECTED}], [made], budget=1e-9)
    assert len(server.seen) == asked_so_far

    turns = genai.scorers.deepeval.TurnRelevancy(model=MODEL, name="turns")
    assert (turns.name, turns.is_session_level_scorer) == ("turns", True)
    server.faults = [saying("plain"), saying('{"good": false}')]
    found = turns(session=[trace], expectations={"scenario": "a", "context": "b"})
    assert found.value == "no"
    assert Metric.seen[-1] == Conversation(
        turns=[Turn(role="user", content="Capital?"), Turn(role="assistant", content="Paris")],
        scenario="a",
        context=["b"],
    )
    for name, model, said in (("Nothing", None, "no metric 'Nothing'"), ("Bias", "x", "model 'x'")):
        with pytest.raises(PegboardError, match=said):
            genai.scorers.deepeval.get_scorer(name, model)


def test_metrics_of_ragas(trace: Any, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    class Faithfulness:
        def __init__(self, llm: Any) -> None:
            assert isinstance(llm, Abstract)
            self.llm = llm

        async def ascore(self, user_input: str, response: str, retrieved_contexts: Any) -> Any:
            assert (user_input, response) == ("Capital?", "Paris")
            assert retrieved_contexts == ["It is Paris.", "Lyon"]
            good = (await self.llm.agenerate("good?", Form)).good
            return SimpleNamespace(value=0.5 if good else 0.0, reason="why")

    class ToolCallF1:
        async def ascore(self, user_input: Any, reference_tool_calls: Any) -> Any:
            assert [each.content for each in user_input] == ["Capital?", "Paris"]
            return SimpleNamespace(value=user_input[1].tool_calls == reference_tool_calls)

    class ExactMatch:
        def __init__(self, name: str) -> None:
            assert name == "same"

        async def ascore(self, reference: str, response: str) -> Any:
            return SimpleNamespace(value=float(reference == response))

    class DiscreteMetric:
        prompt = "tone of {response}?"

        async def ascore(self, **given: Any) -> Any:
            llm = given.pop("llm")
            assert given == {"response": "Paris"}
            return SimpleNamespace(value="good" if llm.generate("good?", Form).good else "bad")

    class Abstract:
        pass

    def message(**given: Any) -> Any:
        return SimpleNamespace(**given)

    found = (Faithfulness, ToolCallF1, ExactMatch, DiscreteMetric)
    messages = {"HumanMessage": message, "AIMessage": message, "ToolCall": message}
    modules(
        monkeypatch,
        ragas={},
        ragas__metrics={},
        ragas__metrics__collections={each.__name__: each for each in found},
        ragas__llms={},
        ragas__llms__base={"InstructorBaseRagasLLM": Abstract},
        ragas__messages=messages,
    )
    ragas._model.cache_clear()
    server.faults = [saying('{"good": true}')]
    made = genai.scorers.ragas.Faithfulness(model=MODEL)(trace=trace)
    assert (made.name, made.value, made.rationale) == ("Faithfulness", 0.5, "why")
    assert made.metadata[INPUT_TOKENS] == 100
    # In the threads that RAGAS needs, too.
    scorers, rows = [genai.scorers.ragas.Faithfulness(model=MODEL)], [{"trace": trace}]
    assert genai.estimate(rows, scorers).calls == 1
    seen = len(server.seen)
    with pytest.raises(genai.BudgetExceeded):
        genai.evaluate(rows, scorers, budget=1e-9)
    assert len(server.seen) == seen
    calls = genai.scorers.ragas.ToolCallF1()
    assert calls(trace=trace, expectations=EXPECTED).value is True
    server.faults = [saying('{"good": true}')]
    assert genai.scorers.ragas.DiscreteMetric(model=MODEL)(trace=trace).value == "good"
    same = genai.scorers.ragas.get_scorer("ExactMatch", name="same")
    exact = same(outputs="Paris", expectations=EXPECTED)
    assert (exact.value, str(exact.source.source_type)) == (1.0, "CODE")
    with pytest.raises(PegboardError, match=r"'Faithfulness' needs a span of the type RETRIEVER"):
        genai.scorers.ragas.Faithfulness(model=MODEL)(inputs={"q": "a"}, outputs="b")
    with pytest.raises(PegboardError, match=r"no metric 'Nothing'"):
        genai.scorers.ragas.get_scorer("Nothing")


def test_evaluators_of_phoenix_old_and_new(
    trace: Any, server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    class New:
        def __init__(self, llm: Any) -> None:
            self.llm = llm

        def evaluate(self, given: Mapping[str, Any]) -> list[Any]:
            assert (given["input"], given["context"]) == ("Capital?", "It is Paris.\nLyon")
            prompt = [{"role": "user", "content": [{"type": "text", "text": "good?"}]}]
            made = self.llm.generate_classification(prompt=prompt, labels={"good": 1, "bad": 0})
            score = {"good": 1.0, "bad": 0.0}[made["label"]]
            return [SimpleNamespace(score=score, **made)]

    class Old:
        def __init__(self, model: Any) -> None:
            self.model = model
            assert not model._rate_limiter._verbose

        def evaluate(self, record: Mapping[str, Any]) -> tuple[str, float, str]:
            assert record == {"input": "Capital?", "output": "Paris", "reference": "Paris"}
            return self.model("factual?"), 1.0, ""

    metrics = SimpleNamespace(CorrectnessEvaluator=New)
    evals = {"metrics": metrics, "HallucinationEvaluator": Old}
    modules(monkeypatch, phoenix={}, phoenix__evals=evals)
    server.faults = [saying(json.dumps({"explanation": "e", "label": "Good"})), saying("factual")]
    found = genai.scorers.phoenix.QA(model=MODEL)(trace=trace)
    assert (found.name, found.value, found.rationale) == ("QA", "good", "e")
    assert found.metadata["score"] == 1.0
    told = server.seen[0].body["messages"][0]["content"]
    assert told.startswith("good?\n")
    assert '["good", "bad"]' in told
    assert genai.estimate([{"trace": trace}], [genai.scorers.phoenix.QA(model=MODEL)]).calls == 1
    old = genai.scorers.phoenix.get_scorer("Hallucination", MODEL)
    found = old(trace=trace, expectations=EXPECTED)
    assert (found.value, found.rationale, found.metadata["score"]) == ("factual", None, 1.0)
    with pytest.raises(PegboardError, match=r"no evaluator 'Toxicity'"):
        genai.scorers.phoenix.Toxicity()


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, distribution in (
        (deepeval, "deepeval"),
        (ragas, "ragas"),
        (phoenix, "arize-phoenix-evals"),
    ):
        monkeypatch.setitem(sys.modules, module.__name__.rpartition(".")[2], None)
        with pytest.raises(PegboardError) as raised:
            module.get_scorer(module.METRICS[0])
        assert f"pip install {distribution}" in str(raised.value)
        with pytest.raises(AttributeError, match="Nothing"):
            _ = module.Nothing
