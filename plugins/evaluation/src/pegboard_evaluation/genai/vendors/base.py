"""What the scorers of all libraries share: the model that they ask, and what they return."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

from attrs import define, field
from pegboard.errors import InvalidValue, command_line, quoted
from pegboard_tracing.api import AssessmentSource, AssessmentSourceType, Feedback, Trace

from pegboard_evaluation.genai import limits, scoring, spending, summary, texts, verdicts
from pegboard_evaluation.genai.asking import default_model
from pegboard_evaluation.genai.judging import check_model, filled
from pegboard_evaluation.genai.scoring import Scorer
from pegboard_evaluation.genai.vendors import stand_ins

FRAMEWORK = "mlflow.scorer.framework"
"""In the metadata of a score: the library that it is of."""

# None of them is to tell its makers what users do, unless these say that it may.
for _name, _value in (("DEEPEVAL_TELEMETRY_OPT_OUT", "YES"), ("RAGAS_DO_NOT_TRACK", "true")):
    os.environ.setdefault(_name, _value)


def library(package: str, distribution: str, module: str = "") -> Any:
    """Return a module of a library; InvalidValue says what to install if that is missing."""
    try:
        return import_module(module or package)
    except ImportError as error:
        name = package.partition(".")[0]
        told = "is not installed" if (error.name or "").partition(".")[0] == name else ""
        raise InvalidValue(
            f"{name!r} {told or f'cannot be imported: {error}'}.",
            hint=f"Install it, with what it needs: {command_line('pip', 'install', distribution)}",
        ) from None


@define
class Asked:
    """A model, as libraries ask it; and what its answers took."""

    model: str
    params: Mapping[str, Any] = field(factory=dict)
    spent: list[dict[str, Any]] = field(factory=list)

    def text(self, prompt: str | Sequence[Mapping[str, Any]]) -> str:
        """Return the answer to a prompt, or to messages; one that stands for it while counted."""
        if self._is_noted(prompt):
            return stand_ins.TEXT
        answer = spending.complete(
            self.model,
            prompt,
            timeout=limits.judge_seconds(),
            retries=limits.retries(),
            **self.params,
        )
        made: dict[str, Any] = {
            summary.INPUT_TOKENS: answer.usage.get("prompt_tokens") or 0,
            summary.OUTPUT_TOKENS: answer.usage.get("completion_tokens") or 0,
        }
        self.spent.append(made if answer.cost is None else {**made, summary.COST: answer.cost})
        return answer.text

    def _is_noted(self, prompt: str | Sequence[Mapping[str, Any]]) -> bool:
        """Whether calls are only counted, for an estimate; if so, count this one."""
        notes = spending.notes()
        if notes is not None:
            notes.append(spending.counted(self.model, prompt, self.params))
        return notes is not None

    def found(
        self, prompt: str | Sequence[Mapping[str, Any]], stand_in: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the JSON object in the answer to a prompt; ValueError if there is none.

        ``stand_in`` stands for it while calls are only counted.
        """
        if self._is_noted(prompt):
            return stand_in
        answer = self.text(prompt)
        for each in verdicts.objects(answer):
            return each
        raise ValueError(f"The answer of {self.model} holds no JSON object: {quoted(answer)}.")

    def object(self, prompt: Any, form: Any) -> Any:
        """Return the answer as an object of a class of pydantic; ValueError if it is none."""
        schema = form.model_json_schema()
        asked = "Answer with one JSON object and nothing else. Its JSON schema is"
        told = f"{prompt}\n\n{asked} {json.dumps(schema)}"
        return form.model_validate(self.found(told, stand_ins.fitting(schema)))


class VendorScorer(Scorer):
    """A metric of another library as a scorer.

    Each row has a metric of its own: those of libraries keep what they measured in themselves.
    """

    model: str | None = None
    options: Mapping[str, Any] = {}
    """What the metric of the library is made with."""

    reckoning: ClassVar[str] = "how often its library asks depends on the answers"
    """Why an estimate of it is not sure."""
    metric_name: ClassVar[str] = ""
    framework: ClassVar[str] = ""

    def __init__(
        self, metric_name: str | None = None, model: str | None = None, **options: Any
    ) -> None:
        name = metric_name or self.metric_name
        if not name:
            raise InvalidValue(f"{type(self).__name__} needs the name of a metric.")
        self._metric = name
        shown = options.pop("name", name)
        own = {each: options.pop(each) for each in _OURS if each in options}
        super().__init__(name=shown, model=model, options=options, **own)

    def check(self) -> None:
        """Refuse what the library does not have."""
        check_model(self.name, self.model)
        self.prepare()

    def prepare(self) -> None:
        """Find the metric; InvalidValue if there is none, or no library."""
        raise NotImplementedError

    @functools.cached_property
    def digest(self) -> str:
        """What is the same for the same metric, model and options."""
        told = (self.framework, self._metric, self.source().source_id, dict(self.options))
        return scoring.sha256(repr(told))

    @property
    def asks(self) -> bool:
        """Whether it asks a model."""
        return True

    def source(self) -> AssessmentSource:
        """Return who gives the scores."""
        if not self.asks:
            return scoring.code(self.name)
        return AssessmentSource(AssessmentSourceType.LLM_JUDGE, self.model or default_model())

    def asked(self) -> Asked:
        """Return the model, for one row."""
        return Asked(self.model or default_model())

    def feedback(self, value: Any, rationale: Any, asked: Asked, **metadata: Any) -> Feedback:
        """Return a score."""
        known = {name: each for name, each in metadata.items() if each is not None}
        return Feedback(
            self.name,
            value,
            source=self.source(),
            rationale=None if rationale in (None, "") else str(rationale),
            metadata={FRAMEWORK: self.framework, **known, **summary.spent(asked.spent)},
        )


_OURS = ("aggregations", "description", "pass_if", "timeout")


@define
class Row:
    """What a row holds, as the texts that libraries take."""

    asked: str | None
    answer: str | None
    expected: Mapping[str, Any]
    documents: Sequence[str]
    tools: Sequence[Mapping[str, Any]]

    def expectation(self, *names: str) -> str | None:
        """Return the first of some expectations that is there."""
        found = next((self.expected[each] for each in names if each in self.expected), None)
        return None if found is None else texts.as_json(found)


def row_of(
    inputs: Any, outputs: Any, expectations: Mapping[str, Any] | None, trace: Trace | None
) -> Row:
    """Return a row; what is not given comes out of the trace."""
    inputs, outputs, expected = filled(inputs, outputs, expectations, trace)
    found = {} if trace is None else texts.retrieved(trace)
    documents = [document for each in found.values() for document in each]
    for name in () if documents else ("retrieval_context", "context"):
        given = expected.get(name)
        if given:
            documents = [given] if isinstance(given, str) else [texts.as_json(e) for e in given]
            break
    return Row(
        None if inputs is None else texts.request_of(inputs),
        texts.answer_of(outputs),
        expected,
        documents,
        [] if trace is None else texts.tools_called(trace),
    )


def turns(session: Sequence[Trace]) -> list[Row]:
    """Return the turns of a session, in their order."""
    return [row_of(None, None, None, trace) for trace in texts.in_order(session)]


@functools.cache
def named_class(base: type[VendorScorer], name: str, names: tuple[str, ...], module: str) -> Any:
    """Return the class of a metric; AttributeError if it is not among ``names``."""
    if name not in names:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return type(name, (base,), {"metric_name": name, "__module__": module, "__doc__": base.__doc__})
