"""Judges that learn from people: what they say of traces becomes guidelines and examples.

What is gained is measured on traces that nothing was learned from, with an error bar: on those
that a judge was shown, it looks better than it is.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Protocol

import numpy as np
from attrs import frozen
from pegboard.entities.traces import AssessmentKind
from pegboard.errors import InvalidValue, quoted
from pegboard_tracing.api import Feedback, Trace

from pegboard_evaluation import certainty
from pegboard_evaluation.genai import limits, texts, verdicts
from pegboard_evaluation.genai.asking import Judging, Question
from pegboard_evaluation.genai.summary import COST

LEAST = 8
"""How many labels are needed: half of them is learned from, the other half measures."""
LEARNED = "\n\n## What people said of such cases\n"
"""Where what was learned begins in the instructions of a judge; what was before is kept."""
_DRAWS = 2000
_LONGEST = 600
_MOST_SHOWN = 20
_DISTIL = """\
You improve the instructions of a judge. Below are the instructions, and cases with the verdict of
the judge and that of people, who are right. Say in up to 5 short guidelines what people go by that
the instructions do not say, or that the judge gets wrong. Each is a rule for all such cases, and
names no single one."""

logger = logging.getLogger("pegboard")


class Alignable(Protocol):
    """What an optimizer has to know of a judge."""

    name: str
    instructions: str

    @property
    def used_model(self) -> str:
        """The model that it asks."""

    @property
    def feedback_value_type(self) -> Any:
        """The type of its values."""

    def __call__(self, *, trace: Any) -> Feedback:
        """Return its verdict on a trace."""

    def with_instructions(self, instructions: str) -> Any:
        """Return the same judge with other instructions, not registered."""


class AlignmentOptimizer(ABC):
    """Makes a judge agree with people. Derive from it to bring another way of doing that."""

    @abstractmethod
    def align(self, judge: Any, traces: list[Trace]) -> Any:
        """Return a new judge that has learned from the feedback of people on traces."""


@frozen
class Agreement:
    """How far a judge and people agree on labels that it has not seen."""

    share: float
    """Of the traces, those on which both say the same."""
    kappa: float | None
    """Cohen's kappa: 0 is chance, 1 is full agreement; for numbers weighted by the squares of their
    distances. None: all said the same, and nothing can be told from that."""
    error: float | None = None
    """Its standard error, by 2,000 draws from the traces."""
    interval: tuple[float, float] | None = None
    """Where it is for 95 of 100 such sets of traces."""
    failed: int = 0
    """How many verdicts there are none of; they count as disagreement."""


@frozen(kw_only=True)
class Alignment:
    """What became of a judge that was to learn from people."""

    learned_from: int
    held_out: int
    before: Agreement
    after: Agreement
    gain: float | None
    """The difference of the two kappas."""
    gain_interval: tuple[float, float] | None
    improved: bool
    """Whether the judge that was returned has learned; else it says what it said before."""
    guidelines: tuple[str, ...] = ()
    examples: int = 0
    cost: float | None = None
    """US dollars; None: not known."""


@frozen
class _Label:
    trace: Trace
    value: Any
    why: str


class ExampleAlignmentOptimizer(AlignmentOptimizer):
    """Guidelines that a model distils from labels, and some labels as examples.

    Half of the labels is learned from, the other half measures the judge before and after. A judge
    that does not agree better with those it has not seen comes back as it was, with a warning.
    """

    def __init__(self, model: str | None = None, *, max_examples: int = 6, seed: int = 0) -> None:
        """Choose how to learn.

        Args:
            model: distils guidelines, ``PROVIDER:/MODEL``; by default that of the judge.
            max_examples: how many labels are shown to the judge; 0: guidelines alone.
            seed: which half is learned from.
        """
        if max_examples < 0:
            raise InvalidValue(f"max_examples is {max_examples}; it is 0 or more.")
        self.model, self.max_examples, self.seed = model, max_examples, seed

    def align(self, judge: Alignable, traces: list[Trace]) -> Any:
        """Return the judge with what people said in its instructions; InvalidValue.

        ``alignment`` of the judge that is returned says what was gained.
        """
        labels = labels_of(judge, traces)
        if len(labels) < LEAST:
            raise InvalidValue(
                f"The judge {judge.name!r} is to learn from {len(labels)} labels; it takes "
                f"{LEAST}.",
                hint=f"A label is feedback of a person on a trace, named {judge.name!r}: ask for "
                "it with a label schema of this name.",
            )
        learned, held = halves(labels, self.seed)
        said = _verdicts(judge, [*learned, *held])
        before = said[len(learned) :]
        order = _worth(learned, said)
        guidelines, distilled = self._distil(judge, order)
        examples = [label for label, _ in order[: self.max_examples]]
        new = judge.with_instructions(_told(judge, guidelines, examples))
        after = _verdicts(new, held)
        costs = [_cost(each) for each in (*said, distilled, *after)]
        found = _measured(held, before, after)
        improved = found["after"].kappa is not None and (found["gain"] or 0) > 0
        if not improved:
            logger.warning(
                "The judge %r agrees no better with labels it has not seen, so it stays as it was.",
                judge.name,
            )
            new = judge.with_instructions(judge.instructions)
        new.alignment = Alignment(
            learned_from=len(learned),
            held_out=len(held),
            improved=improved,
            guidelines=tuple(guidelines),
            examples=len(examples),
            cost=None if None in costs else sum(each for each in costs if each is not None),
            **found,
        )
        return new

    def _distil(
        self, judge: Alignable, cases: Sequence[tuple[_Label, Feedback]]
    ) -> tuple[list[str], Feedback]:
        """Return guidelines, and the answer that they are of; none if it cannot be read."""
        lines = [
            json.dumps(
                {**_case(label), "judge": said.value, "judge_why": _short(said.rationale or "")},
                ensure_ascii=False,
            )
            for label, said in cases[:_MOST_SHOWN]
        ]
        question = Question(
            instructions=_DISTIL,
            parts={"instructions": _base(judge), "cases": "\n".join(lines)},
            kind=list[str],
        )
        found = Judging(self.model or judge.used_model).ask("guidelines", question)
        if found.value is None:
            logger.warning("No guidelines: %s", found.error)
        return [_plain(str(each)) for each in found.value or ()][:5], found


# -- labels ----------------------------------------------------------------------------------------


def labels_of(judge: Alignable, traces: Sequence[Trace]) -> list[_Label]:
    """Return the last valid feedback of a person on each trace that has the judge's name.

    In an order that does not depend on that of the traces. InvalidValue for a value that the judge
    could not give.
    """
    found: dict[str, _Label] = {}
    for trace in traces:
        given = [each for each in trace.info.assessments if _is_label(each, judge.name)]
        if not given:
            continue
        last = max(given, key=lambda each: (each.create_time_ms or 0, each.assessment_id or ""))
        try:
            value = verdicts.fitting(last.value, judge.feedback_value_type)
        except verdicts.NotAVerdict as error:
            raise InvalidValue(
                f"A person said of the trace {quoted(trace.info.trace_id)} what the judge "
                f"{judge.name!r} cannot say: {error}.",
                hint="Ask people for the values that the judge gives.",
            ) from None
        found[trace.info.trace_id] = _Label(trace, value, last.rationale or "")
    return [found[each] for each in sorted(found)]


def _is_label(each: Any, name: str) -> bool:
    return (
        each.name == name
        and each.kind is AssessmentKind.FEEDBACK
        and each.source.source_type == "HUMAN"
        and each.valid is not False
        and each.error is None
        and each.value is not None
    )


def halves(labels: Sequence[_Label], seed: int) -> tuple[list[_Label], list[_Label]]:
    """Return labels to learn from and to measure by: of each value as many, chosen by the seed."""

    def place(label: _Label) -> tuple[str, str]:
        text = f"{seed} {label.trace.info.trace_id}"
        return _key(label.value), hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

    order = sorted(labels, key=place)
    return order[::2], order[1::2]


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _worth(labels: Sequence[_Label], said: Sequence[Feedback]) -> list[tuple[_Label, Feedback]]:
    """Return cases, those first from which most is learned.

    The values take turns, so that the first ones are of all values; of each value those come first
    on which the judge was wrong.
    """
    turns: dict[str, int] = {}
    ranked = []
    pairs = zip(labels, said, strict=False)
    for label, verdict in sorted(pairs, key=lambda it: it[0].value == it[1].value):
        key = _key(label.value)
        turns[key] = turns.get(key, 0) + 1
        ranked.append((turns[key], label.value == verdict.value, label, verdict))
    ranked.sort(key=lambda it: it[:2])
    return [(label, verdict) for _, _, label, verdict in ranked]


def _verdicts(judge: Alignable, labels: Sequence[_Label]) -> list[Feedback]:
    """Return the verdicts of a judge; LLMError if its model does not answer."""
    calls = [(copy_context(), each.trace) for each in labels]
    with ThreadPoolExecutor(limits.scorer_workers()) as pool:
        asked = [pool.submit(context.run, _ask, judge, trace) for context, trace in calls]
        return [each.result() for each in asked]


def _ask(judge: Alignable, trace: Trace) -> Feedback:
    return judge(trace=trace)


def _cost(said: Feedback) -> float | None:
    found = (said.metadata or {}).get(COST)
    return None if found is None else float(found)


# -- instructions ----------------------------------------------------------------------------------


def _base(judge: Alignable) -> str:
    return judge.instructions.split(LEARNED)[0]


def _told(judge: Alignable, guidelines: Sequence[str], examples: Sequence[_Label]) -> str:
    """Return instructions with what was learned, in place of what was learned before."""
    parts = [f"- {each}" for each in guidelines]
    if examples:
        parts.append("Cases as people judged them, one a line. They are material to learn from:")
        parts += [_plain(json.dumps(_case(each), ensure_ascii=False)) for each in examples]
    return _base(judge) + LEARNED + "\n".join(parts)


def _case(label: _Label) -> dict[str, Any]:
    root = label.trace.data.root
    found = {} if root is None else {"inputs": root.inputs, "outputs": root.outputs}
    shown: dict[str, Any] = {name: _short(texts.as_json(each)) for name, each in found.items()}
    return {**shown, "result": label.value, **({"why": _short(label.why)} if label.why else {})}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plain(text: str) -> str:
    """Return text that names no variable of instructions, and is on one line."""
    return " ".join(text.split()).replace("{{", "{ {").replace("}}", "} }")


# -- agreement -------------------------------------------------------------------------------------


def kappa(people: Sequence[Any], judge: Sequence[Any]) -> float:
    """Return Cohen's kappa of two lists of labels; NaN where it is not defined.

    Numbers are weighted by the squares of their distances; None, no label, is as far off as can be.
    Source: Cohen 1960 and 1968.
    """
    values = sorted({_key(each) for each in (*people, *judge)})
    place = {value: number for number, value in enumerate(values)}
    rows = np.array([place[_key(each)] for each in people])
    columns = np.array([place[_key(each)] for each in judge])
    weights = _weights([json.loads(each) for each in values])
    seen = weights[rows, columns].mean()
    by_chance = weights[np.ix_(rows, columns)].mean()
    return math.nan if by_chance == 0 else float(1 - seen / by_chance)


def _weights(values: Sequence[Any]) -> Any:
    known = [each for each in values if each is not None]
    numeric = all(isinstance(each, int | float) and not isinstance(each, bool) for each in known)
    width = max(known) - min(known) if numeric and known else 0

    def weight(a: Any, b: Any) -> float:
        if a == b:
            return 0.0
        return 1.0 if a is None or b is None or not width else float(((a - b) / width) ** 2)

    return np.array([[weight(a, b) for b in values] for a in values])


def _measured(
    held: Sequence[_Label], before: Sequence[Feedback], after: Sequence[Feedback]
) -> dict[str, Any]:
    """Return ``before``, ``after``, ``gain`` and ``gain_interval``."""
    people = [each.value for each in held]
    said = {"before": [each.value for each in before], "after": [each.value for each in after]}

    def measure(rows: Any) -> dict[str, float]:
        drawn = [people[row] for row in rows]
        found = {name: kappa(drawn, [each[row] for row in rows]) for name, each in said.items()}
        return {**found, "gain": found["after"] - found["before"]}

    exact = measure(range(len(people)))
    sure = certainty.by_bootstrap(len(people), measure, _DRAWS, 0)
    nothing = certainty.Certainty()

    def agreement(name: str) -> Agreement:
        same = sum(a == b for a, b in zip(people, said[name], strict=True))
        known = sure.get(name, nothing)
        return Agreement(
            same / len(people),
            _number(exact[name]),
            known.error,
            known.interval,
            sum(each is None for each in said[name]),
        )

    return {
        "before": agreement("before"),
        "after": agreement("after"),
        "gain": _number(exact["gain"]),
        "gain_interval": sure.get("gain", nothing).interval,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def aligned(
    judge: Alignable,
    traces: Any,
    optimizer: AlignmentOptimizer | None,
    is_fitting: Callable[[Any], bool],
) -> Any:
    """Return what an optimizer makes of a judge; InvalidValue if that is no judge."""
    given = traces["trace"] if hasattr(traces, "columns") else traces
    found = (optimizer or ExampleAlignmentOptimizer()).align(judge, [*given])
    if not is_fitting(found) or found is judge:
        raise InvalidValue(
            f"The optimizer {type(optimizer).__name__} returned {quoted(found)}.",
            hint="It returns a new judge.",
        )
    return found
