"""Metrics of RAGAS as scorers: ``get_scorer("Faithfulness")``."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ClassVar

from pegboard.errors import InvalidValue
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai import spending, texts
from pegboard_evaluation.genai.vendors import base
from pegboard_evaluation.genai.vendors.base import Asked, Row, VendorScorer

EMBEDDINGS = "openai:/text-embedding-3-small"
"""The model of vectors, where ``embeddings=`` names none."""

METRICS = (
    "AgentGoalAccuracyWithReference",
    "AgentGoalAccuracyWithoutReference",
    "AnswerAccuracy",
    "AnswerRelevancy",
    "AspectCritic",
    "BleuScore",
    "ChrfScore",
    "ContextEntityRecall",
    "ContextPrecision",
    "ContextRecall",
    "ContextRelevance",
    "ContextUtilization",
    "DiscreteMetric",
    "ExactMatch",
    "FactualCorrectness",
    "Faithfulness",
    "InstanceSpecificRubrics",
    "NoiseSensitivity",
    "NonLLMContextPrecisionWithReference",
    "NonLLMContextRecall",
    "NonLLMStringSimilarity",
    "ResponseGroundedness",
    "RougeScore",
    "RubricsScore",
    "SemanticSimilarity",
    "StringPresence",
    "SummarizationScore",
    "ToolCallAccuracy",
    "ToolCallF1",
    "TopicAdherence",
)
_CALLED = {"ChrfScore": "CHRFScore", "SummarizationScore": "SummaryScore"}
"""What RAGAS calls a metric that MLflow calls otherwise."""
_OF_SESSIONS = re.compile("ToolCall|AgentGoal|TopicAdherence")
_PLACE = re.compile(r"\{(\w+)\}")


def _part(module: str) -> Any:
    return base.library("ragas", "ragas", f"ragas.{module}" if module else "ragas")


class RagasScorer(VendorScorer):
    """A metric of RAGAS: its value is the score, or ``yes`` or ``no`` if it has a threshold.

    ``embeddings`` names the model of vectors, for metrics that need one.
    """

    framework: ClassVar[str] = "ragas"

    def prepare(self) -> None:
        """Find the metric."""
        name = _CALLED.get(self._metric, self._metric)
        _part("")
        places = (_part("metrics.collections"), _part("metrics"))
        found = next((getattr(each, name) for each in places if hasattr(each, name)), None)
        if found is None:
            raise InvalidValue(
                f"RAGAS has no metric {name!r}.",
                hint=f"Among those it has are: {', '.join(METRICS)}.",
            )
        self._made = found
        self._takes = set(inspect.signature(found).parameters)
        scored = inspect.signature(getattr(found, "ascore", found)).parameters
        self._scores = set(scored)
        if any(each.kind is each.VAR_KEYWORD for each in scored.values()):
            # A metric with a prompt of the user's takes what this names, and the model.
            self._scores.add("llm")

    @property
    def asks(self) -> bool:
        """Whether it asks a model."""
        return "llm" in self._takes or "llm" in self._scores

    @property
    def takes(self) -> tuple[str, ...]:
        """What it is given."""
        return ("inputs", "outputs", "expectations", "trace")

    def __call__(
        self,
        *,
        inputs: Any = None,
        outputs: Any = None,
        expectations: Mapping[str, Any] | None = None,
        trace: Trace | None = None,
        session: Sequence[Trace] | None = None,
    ) -> Feedback:
        """Return the score."""
        asked = self.asked()
        options = dict(self.options)
        if "llm" in self._takes:
            options["llm"] = _model()(asked)
        if "embeddings" in self._takes:
            options["embeddings"] = _vectors(options.get("embeddings") or EMBEDDINGS)
        if "name" in self._takes:
            options["name"] = self.name
        metric = self._made(**options)
        row = base.row_of(inputs, outputs, expectations, trace)
        if _OF_SESSIONS.search(self._metric):
            sample = _conversation(session or ([trace] if trace else []), row.expected)
        else:
            sample = _sample(row)
        found = self._measured(metric, sample, asked)
        value, why = getattr(found, "value", found), getattr(found, "reason", None)
        threshold = getattr(metric, "threshold", None)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self.feedback(value, why, asked)
        if threshold is None:
            return self.feedback(float(value), why, asked)
        told = "yes" if value >= threshold else "no"
        return self.feedback(told, why, asked, score=float(value), threshold=threshold)

    def _measured(self, metric: Any, sample: Mapping[str, Any], asked: Asked) -> Any:
        if hasattr(metric, "single_turn_score"):
            made = _part("dataset_schema").SingleTurnSample(**sample)
            return _apart(metric.single_turn_ascore(made))
        wanted = set(self._scores)
        parameters = inspect.signature(metric.ascore).parameters
        if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
            wanted |= set(_PLACE.findall(str(getattr(metric, "prompt", ""))))
        given = {name: value for name, value in sample.items() if name in wanted}
        if "llm" in self._scores and "llm" not in self._takes:
            given["llm"] = _model()(asked)
        needed = [
            name
            for name, p in parameters.items()
            if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        ]
        if missing := [name for name in needed if given.get(name) is None]:
            told = _FROM.get(missing[0], missing[0])
            raise InvalidValue(f"The scorer {self.name!r} needs {told}, which is missing.")
        return _apart(metric.ascore(**given))


_FROM = {
    "user_input": "'inputs'",
    "response": "'outputs'",
    "reference": "the expectation 'expected_output' or 'expected_response'",
    "reference_tool_calls": "the expectation 'expected_tool_calls'",
    "reference_topics": "the expectation 'reference_topics'",
    "retrieved_contexts": "a span of the type RETRIEVER, or the expectation 'context'",
    "reference_contexts": "the expectation 'reference_contexts'",
    "rubrics": "the expectation 'rubrics'",
}
"""What rows have in place of what RAGAS asks for."""


def _apart(made: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine where no loop runs yet, out of the same purse."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(copy_context().run, asyncio.run, made).result()


def _sample(row: Row) -> dict[str, Any]:
    rest = {k: v for k, v in row.expected.items() if k not in ("rubrics", "context")}
    reference = row.expectation("expected_output", "expected_response", "reference")
    if reference is None and rest:
        reference = ", ".join(map(str, rest.values()))
    documents = list(row.documents) or None
    given = {
        "user_input": row.asked,
        "response": row.answer,
        "retrieved_contexts": documents,
        "reference": reference,
        "reference_contexts": row.expected.get("reference_contexts") or documents,
        "rubrics": row.expected.get("rubrics"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _conversation(session: Sequence[Trace], expected: Mapping[str, Any]) -> dict[str, Any]:
    module = _part("messages")
    said = []
    for turn in base.turns(session):
        calls = [module.ToolCall(name=e["name"], args=e["arguments"] or {}) for e in turn.tools]
        said.append(module.HumanMessage(content=turn.asked or ""))
        said.append(module.AIMessage(content=turn.answer or "", tool_calls=calls))
    given: dict[str, Any] = {"user_input": said}
    if "reference_topics" in expected:
        given["reference_topics"] = expected["reference_topics"]
    for name in ("expected_output", "expected_response"):
        if name in expected:
            given.setdefault("reference", texts.as_json(expected[name]))
    wanted = expected.get("expected_tool_calls")
    if wanted is not None:
        given["reference_tool_calls"] = [
            module.ToolCall(name=each["name"], args=each.get("arguments") or {}) for each in wanted
        ]
    return given


@functools.cache
def _model() -> type:
    """Return the class of models that RAGAS asks."""
    parent = _part("llms.base").InstructorBaseRagasLLM

    class Model(parent):  # type: ignore[misc, valid-type]
        is_async = False

        def __init__(self, asked: Asked) -> None:
            super().__init__()
            self.asked = asked

        def generate(self, prompt: str, response_model: Any) -> Any:
            return self.asked.object(prompt, response_model)

        async def agenerate(self, prompt: str, response_model: Any) -> Any:
            return await asyncio.to_thread(self.generate, prompt, response_model)

        def get_model_name(self) -> str:
            return self.asked.model

    return Model


def _vectors(given: Any) -> Any:
    """Return a model of vectors as RAGAS asks it; what is none of our names is left as it is."""
    if not isinstance(given, str):
        return given
    parent = _part("embeddings.base").BaseRagasEmbedding

    class Vectors(parent):  # type: ignore[misc, valid-type]
        def embed_text(self, text: str, **_: Any) -> list[float]:
            return spending.vector(given, text)

        async def aembed_text(self, text: str, **_: Any) -> list[float]:
            return await asyncio.to_thread(self.embed_text, text)

    return Vectors()


def get_scorer(metric_name: str, model: str | None = None, **options: Any) -> RagasScorer:
    """Return a metric of RAGAS as a scorer; InvalidValue if there is none, or no RAGAS."""
    return RagasScorer(metric_name, model, **options)


def __getattr__(name: str) -> Any:
    """Return the class of a metric."""
    return base.named_class(RagasScorer, name, METRICS, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *METRICS})
