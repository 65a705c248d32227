"""Evaluators of Phoenix as scorers: ``get_scorer("Hallucination")``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from attrs import define, field
from pegboard.errors import InvalidValue
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai.vendors import base, stand_ins
from pegboard_evaluation.genai.vendors.base import Asked, VendorScorer

METRICS = ("Faithfulness", "Hallucination", "QA", "Relevance", "Summarization", "Toxicity")
_CALLED = {"QA": "Correctness", "Relevance": "DocumentRelevance"}
"""What Phoenix calls an evaluator from version 3 on."""


@define
class _Model:
    """The model, as Phoenix asks it: up to version 2 by a call, then for one of several labels."""

    asked: Asked
    _verbose: bool = field(default=False, init=False)
    _rate_limiter: Any = field(factory=lambda: SimpleNamespace(_verbose=False), init=False)

    @property
    def model(self) -> str:
        return self.asked.model

    def get_model_name(self) -> str:
        return self.asked.model

    def __call__(self, prompt: Any, **_: Any) -> str:
        return self.asked.text(str(prompt))

    def generate_classification(self, prompt: Any, labels: Any, **_: Any) -> dict[str, Any]:
        told = _messages(prompt)
        names = list(labels)
        told[-1]["content"] += (
            '\n\nAnswer with one JSON object and nothing else: first "explanation", a few '
            f'sentences on why, then "label", which is one of {json.dumps(names)}.'
        )
        found = self.asked.found(told, {"label": names[0], "explanation": stand_ins.TEXT})
        said = str(found.get("label", "")).strip().lower()
        label = next((each for each in names if each.lower() == said), found.get("label"))
        return {"label": label, "explanation": found.get("explanation")}


def _messages(prompt: Any) -> list[dict[str, str]]:
    given = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    made = []
    for each in given:
        role, content = _field(each, "role"), _field(each, "content")
        if not isinstance(content, str):
            content = "\n".join(str(_field(part, "text")) for part in content)
        made.append({"role": str(getattr(role, "value", role)), "content": content})
    return made


def _field(thing: Any, name: str) -> Any:
    return thing[name] if isinstance(thing, Mapping) else getattr(thing, name)


class PhoenixScorer(VendorScorer):
    """An evaluator of Phoenix: its value is the label that it gives."""

    framework: ClassVar[str] = "phoenix"

    def prepare(self) -> None:
        """Find the evaluator."""
        old = base.library("phoenix.evals", "arize-phoenix-evals")
        new = getattr(old, "metrics", None)
        names = [self._metric, _CALLED.get(self._metric, self._metric)]
        found = [
            (place, getattr(place, f"{name}Evaluator"))
            for name in names
            for place in (new, old)
            if hasattr(place, f"{name}Evaluator")
        ]
        if not found:
            raise InvalidValue(
                f"The installed Phoenix has no evaluator {self._metric!r}.",
                hint=f"Among those of its versions are: {', '.join(METRICS)}.",
            )
        place, self._made = found[0]
        self._is_new = place is new

    def __call__(
        self,
        *,
        inputs: Any = None,
        outputs: Any = None,
        expectations: Mapping[str, Any] | None = None,
        trace: Trace | None = None,
    ) -> Feedback:
        """Return the label, with the score in the metadata."""
        asked = self.asked()
        row = base.row_of(inputs, outputs, expectations, trace)
        expected = row.expectation("expected_response", "context", "reference", "expected_output")
        documents = "\n".join(row.documents)
        told = {"input": row.asked, "output": row.answer, "reference": expected or documents}
        if not self._is_new:
            record = {name: text for name, text in told.items() if text}
            made = self._made(model=_Model(asked), **self.options)
            label, score, why = made.evaluate(record=record)
            return self.feedback(label, why, asked, score=score)
        known = documents or expected
        told |= {"context": known, "document_text": known, "text": row.answer}
        made = self._made(llm=_Model(asked), **self.options)
        (found,) = made.evaluate({name: text for name, text in told.items() if text})
        return self.feedback(found.label, found.explanation, asked, score=found.score)


def get_scorer(metric_name: str, model: str | None = None, **options: Any) -> PhoenixScorer:
    """Return an evaluator of Phoenix as a scorer; InvalidValue if there is none, or no Phoenix."""
    return PhoenixScorer(metric_name, model, **options)


def __getattr__(name: str) -> Any:
    """Return the class of an evaluator."""
    return base.named_class(PhoenixScorer, name, METRICS, __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *METRICS})
