"""Metrics of DeepEval as scorers: ``get_scorer("AnswerRelevancy", threshold=0.7)``."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pegboard.errors import InvalidValue
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai import texts
from pegboard_evaluation.genai.vendors import base
from pegboard_evaluation.genai.vendors.base import Asked, Row, VendorScorer

_CODE = ("ExactMatch", "PatternMatch")
"""Metrics that ask no model."""
_OF_SESSIONS = ("scenario", "chatbot_role", "expected_outcome")
"""Expectations of a whole conversation."""

METRICS = (
    "AnswerRelevancy",
    "ArgumentCorrectness",
    "Bias",
    "ContextualPrecision",
    "ContextualRecall",
    "ContextualRelevancy",
    "ConversationCompleteness",
    "ExactMatch",
    "Faithfulness",
    "GoalAccuracy",
    "Hallucination",
    "JsonCorrectness",
    "KnowledgeRetention",
    "Misuse",
    "NonAdvice",
    "PIILeakage",
    "PatternMatch",
    "PlanAdherence",
    "PlanQuality",
    "PromptAlignment",
    "RoleAdherence",
    "RoleViolation",
    "StepEfficiency",
    "Summarization",
    "TaskCompletion",
    "ToolCorrectness",
    "ToolUse",
    "TopicAdherence",
    "Toxicity",
    "TurnRelevancy",
)


def _part(module: str) -> Any:
    return base.library("deepeval", "deepeval", f"deepeval.{module}")


class DeepEvalScorer(VendorScorer):
    """A metric of DeepEval: whether its score reaches the threshold.

    ``model_kwargs`` are fields of OpenAI's chat completions; other options are the metric's own.
    """

    framework: ClassVar[str] = "deepeval"

    def prepare(self) -> None:
        """Find the metric."""
        found = getattr(_part("metrics"), f"{self._metric}Metric", None)
        if found is None:
            raise InvalidValue(
                f"DeepEval has no metric {self._metric!r}.",
                hint=f"Among those it has are: {', '.join(METRICS)}.",
            )
        self._made = found
        of_sessions = _part("metrics.base_metric").BaseConversationalMetric
        self._of_sessions = issubclass(found, of_sessions)

    @property
    def asks(self) -> bool:
        """Whether it asks a model."""
        return self._metric not in _CODE

    @property
    def takes(self) -> tuple[str, ...]:
        """What it is given."""
        if self._of_sessions:
            return ("expectations", "session")
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
        """Return ``yes`` or ``no``, with the score in the metadata."""
        options = dict(self.options)
        asked = Asked(self.asked().model, options.pop("model_kwargs", None) or {})
        if self.asks:
            options = {"async_mode": False, "verbose_mode": False, **options}
            options["model"] = _model()(asked)
        metric = self._made(**options)
        if self._of_sessions:
            if not session:
                raise InvalidValue(f"The scorer {self.name!r} needs 'session', a list of traces.")
            case = _conversation(session, expectations or {})
        else:
            case = _case(base.row_of(inputs, outputs, expectations, trace))
        metric.measure(case, _show_indicator=False)
        value = "yes" if metric.is_successful() else "no"
        found = {"score": metric.score, "threshold": metric.threshold}
        return self.feedback(value, metric.reason, asked, **found)


@functools.cache
def _model() -> type:
    """Return the class of models that DeepEval asks."""
    parent = _part("models.base_model").DeepEvalBaseLLM

    class Model(parent):  # type: ignore[misc, valid-type]
        def __init__(self, asked: Asked) -> None:
            self.asked = asked
            super().__init__(asked.model)

        def load_model(self, *_: Any, **__: Any) -> Any:
            return self

        def generate(self, prompt: str, schema: Any = None) -> Any:
            return self.asked.text(prompt) if schema is None else self.asked.object(prompt, schema)

        async def a_generate(self, prompt: str, schema: Any = None) -> Any:
            return self.generate(prompt, schema)

        def get_model_name(self) -> str:
            return self.asked.model

    return Model


def _case(row: Row) -> Any:
    module = _part("test_case")
    given = row.expected.get("context")
    context = [given] if isinstance(given, str) else given
    if context is None and row.expected:
        context = [f"{key}: {texts.as_json(value)}" for key, value in row.expected.items()]
    expected = row.expected.get("expected_tool_calls")
    return module.LLMTestCase(
        input=row.asked or "",
        actual_output=row.answer or "",
        expected_output=row.expectation("expected_output", "expected_response"),
        context=context,
        retrieval_context=list(row.documents) or None,
        tools_called=[_tool(module, each) for each in row.tools] or None,
        expected_tools=None if expected is None else [_tool(module, each) for each in expected],
    )


def _tool(module: Any, call: Any) -> Any:
    given = {"name": call} if isinstance(call, str) else dict(call)
    return module.ToolCall(
        name=given["name"],
        input_parameters=given.get("arguments") or given.get("input_parameters"),
        output=given.get("outputs") or given.get("output"),
    )


def _conversation(session: Sequence[Trace], expected: Mapping[str, Any]) -> Any:
    module = _part("test_case")
    said = []
    for turn in base.turns(session):
        said.append(module.Turn(role="user", content=turn.asked or ""))
        said.append(module.Turn(role="assistant", content=turn.answer or ""))
    known: dict[str, Any] = {name: str(expected[name]) for name in _OF_SESSIONS if name in expected}
    context = expected.get("context")
    if context is not None:
        known["context"] = [context] if isinstance(context, str) else list(map(str, context))
    return module.ConversationalTestCase(turns=said, **known)


def get_scorer(metric_name: str, model: str | None = None, **options: Any) -> DeepEvalScorer:
    """Return a metric of DeepEval as a scorer; InvalidValue if there is none, or no DeepEval."""
    return DeepEvalScorer(metric_name, model, **options)


def __getattr__(name: str) -> Any:
    """Return the class of a metric."""
    return base.named_class(DeepEvalScorer, name, METRICS, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *METRICS})
