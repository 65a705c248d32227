"""Judges: scorers that ask a language model."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pegboard.entities.traces import AssessmentKind
from pegboard.errors import InvalidValue, quoted
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation.genai import scoring, texts, verdicts
from pegboard_evaluation.genai.alignment import Alignment, AlignmentOptimizer, aligned
from pegboard_evaluation.genai.asking import Judging, Question, default_model
from pegboard_evaluation.genai.scoring import Scorer

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
VARIABLES = ("inputs", "outputs", "expectations", "trace", "conversation")
"""What instructions may name."""
_CHECKED = re.compile(r"[a-z][a-z0-9-]*:/.+")


def check_model(name: str, model: str | None) -> None:
    """Refuse a model of a judge that is none."""
    if model is not None and _CHECKED.fullmatch(model) is None:
        raise InvalidValue(
            f"The judge {name!r} has the model {quoted(model)}.",
            hint="Write it as PROVIDER:/MODEL, such as openai:/gpt-4o-mini, or gateway:/NAME.",
        )


class Judge(Scorer):
    """A scorer that asks a language model.

    ``model`` is ``PROVIDER:/MODEL``, ``gateway:/NAME`` or ``endpoints:/NAME``; None: that of
    MLFLOW_GENAI_JUDGE_DEFAULT_MODEL.
    """

    model: str | None = None
    inference_params: Mapping[str, Any] | None = None
    """Fields of OpenAI's chat completions, such as temperature."""
    base_url: str | None = None
    extra_headers: Mapping[str, str] | None = None

    kind: ClassVar[Any] = verdicts.YesNo
    """The type of the value."""

    def check(self) -> None:
        """Refuse a model that is none."""
        check_model(self.name, self.model)

    @functools.cached_property
    def digest(self) -> str:
        """What is the same for the same instructions and model."""
        found = Scorer.digest.func(self)  # type: ignore[attr-defined]
        return scoring.sha256(f"{found}\n{self.used_model}") if found else ""

    @property
    def used_model(self) -> str:
        """The model that it asks."""
        return self.model or default_model()

    @property
    def feedback_value_type(self) -> Any:
        """The type of its values."""
        return self.kind

    def _serialized(self) -> dict[str, Any]:
        for name in ("base_url", "extra_headers"):
            if getattr(self, name):
                raise InvalidValue(
                    f"The judge {self.name!r} has {name}, which is not registered: whoever loads "
                    "it would send there what is to be judged.",
                    hint="Name a model that all know, such as gateway:/NAME.",
                )
        found = super()._serialized()
        del found["builtin_scorer_pydantic_data"]["base_url"]
        return found

    def ask(self, instructions: str, kind: Any = None, **parts: str) -> Feedback:
        """Return the model's verdict on what the parts hold."""
        judging = Judging(
            self.used_model,
            dict(self.inference_params or {}),
            self.base_url,
            dict(self.extra_headers or {}),
        )
        question = Question(instructions=instructions, parts=parts, kind=kind or self.kind)
        return judging.ask(self.name, question)


def asked(scorer: Scorer) -> set[str]:
    """Return the models that a scorer asks, or those that it is made of."""
    if isinstance(scorer, Judge) or getattr(scorer, "asks", False):
        return {getattr(scorer, "model", None) or default_model()}
    return {model for each in getattr(scorer, "scorers", ()) for model in asked(each)}


def filled(
    inputs: Any, outputs: Any, expectations: Mapping[str, Any] | None, trace: Trace | None
) -> tuple[Any, Any, Mapping[str, Any]]:
    """Return inputs, outputs and expectations; those that were not given, out of the trace."""
    root = None if trace is None else trace.data.root
    if root is not None:
        inputs = root.inputs if inputs is None else inputs
        outputs = root.outputs if outputs is None else outputs
    expected = {} if trace is None else expected_in(trace)
    return inputs, outputs, {**expected, **(expectations or {})}


def expected_in(trace: Trace) -> dict[str, Any]:
    """Return what was said to be expected of a trace."""
    return {
        each.name: each.value
        for each in trace.info.assessments
        if each.kind is AssessmentKind.EXPECTATION and each.valid is not False
    }


class InstructionsJudge(Judge):
    """A judge with instructions of one's own, made by ``make_judge``."""

    instructions: str
    feedback_type: Any = str
    generate_rationale_first: bool = True

    alignment: ClassVar[Alignment | None] = None
    """What was gained, if it comes from ``align``."""

    def check(self) -> None:
        """Refuse instructions that name nothing to judge, or what there is not."""
        super().check()
        if not isinstance(self.instructions, str) or not self.instructions.strip():
            raise InvalidValue(f"The judge {self.name!r} has no instructions.")
        found = list(dict.fromkeys(_VARIABLE.findall(self.instructions)))
        for each in found:
            if each not in VARIABLES:
                raise InvalidValue(
                    f"The instructions of {self.name!r} name {{{{ {each} }}}}, which there is not.",
                    hint=f"They may name: {', '.join(VARIABLES)}.",
                )
        if not found:
            raise InvalidValue(
                f"The instructions of {self.name!r} name nothing to judge.",
                hint="Write, for example, {{ outputs }}. They may name: "
                f"{', '.join(VARIABLES)}.",
            )
        if "conversation" in found and set(found) - {"conversation", "expectations"}:
            raise InvalidValue(
                f"The instructions of {self.name!r} name {{{{ conversation }}}}, which goes with "
                "{{ expectations }} alone."
            )
        self.template_variables = tuple(found)

    @property
    def feedback_value_type(self) -> Any:
        """The type of its values."""
        return self.feedback_type

    def _serialized(self) -> dict[str, Any]:
        super()._serialized()
        said = {
            "instructions": self.instructions,
            "model": self.model or default_model(),
            "feedback_value_type": verdicts.kind_json(self.feedback_type),
        }
        if self.inference_params:
            said["inference_params"] = dict(self.inference_params)
        return {"instructions_judge_pydantic_data": said}

    def align(self, traces: Any, optimizer: AlignmentOptimizer | None = None) -> InstructionsJudge:
        """Return a new judge that has learned from what people said of traces.

        Args:
            traces: with feedback of people that has the judge's name; a list, or the table that
                ``search_traces`` returns.
            optimizer: how to learn; by default an ``ExampleAlignmentOptimizer``.

        This judge stays as it is. ``alignment`` of the new one says what was gained, and
        ``register()`` makes it a version. InvalidValue, LLMError.
        """
        if self.is_session_level_scorer:
            raise InvalidValue(
                f"The judge {self.name!r} is about sessions, and learns from single traces.",
                hint="Align one that judges {{ inputs }}, {{ outputs }} or {{ trace }}.",
            )

        def is_judge(found: Any) -> bool:
            return isinstance(found, Judge)

        made: InstructionsJudge = aligned(self, traces, optimizer, is_judge)
        return made

    def with_instructions(self, instructions: str) -> InstructionsJudge:
        """Return the same judge with other instructions, not registered."""
        given = {name: getattr(self, name) for name in scoring.fields_of(type(self))}
        return type(self)(**{**given, "instructions": instructions})

    @property
    def insists_on_expectations(self) -> bool:
        """Whether the instructions name expectations."""
        return "expectations" in self.template_variables

    @property
    def takes(self) -> tuple[str, ...]:
        """What the instructions name."""
        return tuple("session" if n == "conversation" else n for n in self.template_variables)

    def __call__(
        self,
        *,
        inputs: Any = None,
        outputs: Any = None,
        expectations: Mapping[str, Any] | None = None,
        trace: Trace | None = None,
        session: Sequence[Trace] | None = None,
    ) -> Feedback:
        """Return the model's verdict; InvalidValue names what is missing."""
        if session is None:
            inputs, outputs, expectations = filled(inputs, outputs, expectations, trace)
        given: dict[str, Any] = {
            "inputs": None if inputs is None else texts.as_json(inputs),
            "outputs": None if outputs is None else texts.as_json(outputs),
            "expectations": texts.as_json(dict(expectations)) if expectations else None,
            "trace": None if trace is None else texts.trace_text(trace),
            "conversation": None if session is None else texts.conversation(session),
        }
        wanted = self.template_variables
        if missing := [name for name in wanted if given[name] is None]:
            raise InvalidValue(f"The judge {self.name!r} needs {missing[0]!r}, which is missing.")
        told = _VARIABLE.sub(r"the section <\1>", self.instructions)
        found = self.ask(told, self.feedback_type, **{name: given[name] for name in wanted})
        found.metadata = {**(found.metadata or {}), "guideline": self.instructions}
        return found


def make_judge(
    name: str,
    instructions: str,
    model: str | None = None,
    description: str | None = None,
    feedback_value_type: Any = None,
    inference_params: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
    generate_rationale_first: bool = True,
) -> InstructionsJudge:
    """Make a judge.

    Args:
        name: under which its scores are found.
        instructions: what to judge, and by what. They name ``{{ inputs }}``, ``{{ outputs }}``,
            ``{{ expectations }}``, ``{{ trace }}`` or ``{{ conversation }}``, at least one.
        model: ``PROVIDER:/MODEL``, ``gateway:/NAME`` or ``endpoints:/NAME``.
        description: for people.
        feedback_value_type: str, int, float, bool, one of them or None, a Literal, or a list or
            dict of them; by default a text.
        inference_params: fields of OpenAI's chat completions, such as temperature.
        base_url: of the model's API, if it is not the usual one.
        extra_headers: sent with each request.
        generate_rationale_first: taken for MLflow's sake; the rationale always comes first.
    """
    return InstructionsJudge(
        name=name,
        instructions=instructions,
        model=model,
        description=description,
        feedback_type=verdicts.checked(feedback_value_type),
        inference_params=inference_params,
        base_url=base_url,
        extra_headers=extra_headers,
        generate_rationale_first=generate_rationale_first,
    )
