"""A test form is carried out: a run for each prompt with each model, all in one parent run.

The runs are those of ``genai.evaluate``: rows are durable when they are there, have traces and
scores, and a form that broke off goes on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from attrs import asdict, define, evolve, field, frozen
from pegboard.errors import InvalidState, command_line
from pegboard.literals import literal
from pegboard.tags import USER
from pegboard_scripting.client import Client
from pegboard_scripting.fluent import logging as fluent_logging
from pegboard_scripting.fluent import runs
from pegboard_stores.evaluations import FIGURES, FOLDER, ROWS, Rows
from pegboard_tracing.api import Feedback

from pegboard_evaluation import certainty
from pegboard_evaluation.genai import cases as reading
from pegboard_evaluation.genai import spending
from pegboard_evaluation.genai.answering import Answer
from pegboard_evaluation.genai.estimating import Estimate, Part, estimate
from pegboard_evaluation.genai.evaluating import Options, carry_out, check_prices
from pegboard_evaluation.genai.results import EvaluationResult
from pegboard_evaluation.genai.scoring import code
from pegboard_evaluation.genai.summary import Scores
from pegboard_evaluation.genai.texts import answer_of
from pegboard_evaluation.rows import text_of
from pegboard_evaluation.suites.cases import Case
from pegboard_evaluation.suites.checks import Check, Verdict
from pegboard_evaluation.suites.prompts import Prompt
from pegboard_evaluation.suites.suite import Suite
from pegboard_evaluation.suites.targets import Target

PROMPT, MODEL = "pegboard.evaluation.prompt", "pegboard.evaluation.model"
_DIGEST, _FORM = "pegboard.evaluation.digest", "pegboard.evaluation.form"
_PARENT, _TYPE = "mlflow.parentRunId", "mlflow.runType"
PASSED, SCORE = "passed", "score"
"""What each row gets beside its assertions: whether it passes, and the weighted mean of them."""

logger = logging.getLogger("pegboard")

State = Literal["passed", "failed", "error", "not asked"]


@frozen(kw_only=True)
class Outcome:
    """What became of one case with one prompt and one model."""

    case: str
    row: int
    state: State
    score: float = 0.0
    output: str = ""
    reasons: Sequence[str] = ()
    """Which assertions fail, and why; of an error, what went wrong."""
    trace_id: str | None = None
    verdicts: Mapping[str, Verdict] = field(factory=dict)
    """What each assertion that can fail came to."""


@define(kw_only=True)
class Column:
    """One prompt with one model: its run, and what became of its rows."""

    prompt: str
    model: str
    run_id: str
    result: EvaluationResult | None = None
    outcomes: list[Outcome] = field(factory=list)
    spent: float = 0.0
    """US dollars that were paid for it now."""

    def count(self, state: State) -> int:
        """Return how many rows ended so."""
        return sum(each.state == state for each in self.outcomes)

    @property
    def share(self) -> float:
        """The share of its rows that passed."""
        return self.count("passed") / len(self.outcomes) if self.outcomes else 0.0

    @property
    def label(self) -> str:
        """What it is called."""
        return self.model if self.prompt == "-" else f"{self.prompt} × {self.model}"


@define(kw_only=True)
class Outcomes:
    """What became of a form."""

    run_id: str
    columns: list[Column]
    spent: float = 0.0
    unpriced: int = 0
    stopped: str = ""
    """Why not all was asked."""

    @property
    def passed(self) -> bool:
        """Whether all passed."""
        return all(each.count("passed") == len(each.outcomes) for each in self.columns)


# -- before ------------------------------------------------------------------------------------


Kept = Mapping[tuple[str, str, str], str]
"""The runs of an earlier run of a form: by prompt, model, and the digest of what was asked."""


def expected(suite: Suite, kept: Kept) -> Estimate:
    """Return what a form would ask and cost beside what is kept; nothing is asked."""
    parts = []
    for prompt, target in suite.pairs:
        known = kept.get((prompt.name, target.name, target.digest(prompt)))
        rows = suite.all_rows
        scorers = suite.scorers(rows)
        found = estimate(suite.data(rows), scorers, target.predictor(prompt), resume=known)
        label = Column(prompt=prompt.name, model=target.name, run_id="").label
        parts += [
            _named(each, label) for each in found.parts if each.calls or each.name == "predict_fn"
        ]
    return Estimate(parts)


def _named(part: Part, label: str) -> Part:
    return evolve(part, name=label if part.name == "predict_fn" else f"{label}: {part.name}")


# -- the work ----------------------------------------------------------------------------------


def begin(
    name: str,
    suite: Suite,
    experiment_id: str | None = None,
    more: Mapping[str, str] | None = None,
) -> str:
    """Make the run of a form before anything is asked, to be gone on with; return its id.

    ``more`` are further tags.
    """
    tags = {_FORM: suite.path.name, _TYPE: "genai_evaluate_suite", **(more or {})}
    nested = runs.active_run() is not None
    with runs.start_run(
        experiment_id=experiment_id, run_name=name, nested=nested, tags=tags
    ) as run:
        return str(run.info.run_id)


def carry_out_suite(
    suite: Suite,
    *,
    resume: str | None = None,
    budget: float | None = None,
    chosen: Mapping[int, Sequence[int]] | None = None,
    told: Callable[[Column], None] | None = None,
) -> Outcomes:
    """Ask and score all that a form says, and return what became of it.

    Args:
        suite: the form.
        resume: the id of a run of the same form, to go on with: nothing is paid for twice.
        budget: US dollars that calls of models may cost together.
        chosen: the rows to ask, by the number of the pair of prompt and model; None: all.
        told: is called with each prompt and model that is done.
    """
    purse = spending.Purse(spending.checked(budget))
    if purse.budget is not None:
        for prompt, target in suite.pairs:
            check_prices(suite.scorers(suite.all_rows), target.predictor(prompt))
    kept = {} if resume is None else kept_of(Client(), resume)
    tags = {_FORM: suite.path.name, _TYPE: "genai_evaluate_suite"}
    name = None if resume else suite.name
    # Within a session of pytest, there may be the run of other tests.
    nested = runs.active_run() is not None
    with runs.start_run(run_id=resume, run_name=name, nested=nested, tags=tags) as run:
        client = runs.active().client
        found = Outcomes(run_id=run.info.run_id, columns=[])
        client.log_text(found.run_id, suite.path.read_text(encoding="utf-8-sig"), _file(suite))
        try:
            for task in _tasks(suite, kept, chosen):
                _carry_out(task, purse)
                found.columns.append(task.column)
                if told is not None:
                    told(task.column)
        except BaseException:
            words = suite.again or ("pegboard", "eval", "run", str(suite.path))
            again = command_line(*words, "--resume", found.run_id)
            logger.warning("The form broke off. To go on: %s", again)
            raise
        finally:
            found.spent, found.unpriced = purse.spent, purse.unpriced
            if found.columns:
                _sum_up(client, suite, found)
    if purse.stopped:
        found.stopped = (
            f"Stopped at ${purse.spent:.6g}: the next call could pass the budget of ${budget:g}."
        )
    return found


def _file(suite: Suite) -> str:
    return f"{FOLDER}/form{suite.path.suffix}"


@frozen
class _Task:
    """What is asked of one model with one prompt, and where it goes."""

    suite: Suite
    prompt: Prompt
    target: Target
    rows: Sequence[int]
    column: Column

    def derive(self, scores: Scores, answers: Mapping[int, Answer]) -> None:
        """Add ``passed`` and ``score`` to each row that was answered, out of its assertions."""
        self.column.outcomes.clear()
        for place, row in enumerate(self.rows):
            made = self._outcome(row, place, scores, answers.get(place))
            self.column.outcomes.append(made)
            if made.state != "not asked":
                why = "; ".join(made.reasons) or None
                scores.add(PASSED, place, [_derived(PASSED, made.state == "passed", why)])
                scores.add(SCORE, place, [_derived(SCORE, made.score, None)])

    def _outcome(self, row: int, place: int, scores: Scores, answer: Answer | None) -> Outcome:
        name = self.suite.name_of(row)
        if answer is None:
            return Outcome(case=name, row=row, state="not asked", reasons=["It was not asked."])
        if answer.error is not None:
            why = answer.error.removeprefix("predict_fn failed: ")
            return Outcome(
                case=name, row=row, state="error", reasons=[why], trace_id=answer.trace_id
            )
        case = self.suite.case_of(row)
        verdicts = [(each, each.verdict(scores.of(each.name, place))) for each in case.checks]
        passed, score, failing = _judged(case, verdicts)
        return Outcome(
            case=name,
            row=row,
            state="passed" if passed else "failed",
            score=score,
            output=answer_of(answer.outputs) or "",
            reasons=failing,
            trace_id=answer.trace_id,
            verdicts={each.name: verdict for each, verdict in verdicts if each.weight},
        )


def _tasks(suite: Suite, kept: Kept, chosen: Mapping[int, Sequence[int]] | None) -> Iterator[_Task]:
    """Yield what is asked of each model with each prompt, and the runs that are there of it."""
    for number, (prompt, target) in enumerate(suite.pairs):
        rows = suite.all_rows if chosen is None else chosen.get(number, ())
        known = kept.get((prompt.name, target.name, target.digest(prompt)), "")
        if rows:
            column = Column(prompt=prompt.name, model=target.name, run_id=known)
            yield _Task(suite, prompt, target, rows, column)


def _judged(case: Case, verdicts: Sequence[tuple[Check, Verdict]]) -> tuple[bool, float, list[str]]:
    """Return whether a case passes, its score, and why it does not pass."""
    weights = sum(each.weight for each, _ in verdicts)
    score = sum(each.weight * found.score for each, found in verdicts) / weights if weights else 1.0
    failing = [
        f"{each.name}: {found.why}" for each, found in verdicts if not found.passed and each.weight
    ]
    if case.threshold is None:
        return not failing, score, failing
    if score >= case.threshold:
        return True, score, []
    wanted = f"score: it is {score:.4g}; at least {case.threshold:g} is wanted."
    return False, score, [*failing, wanted]


def _carry_out(task: _Task, purse: spending.Purse) -> None:
    """Ask and score, in a run of its own, or in the one that is there."""
    prompt, target, column = task.prompt, task.target, task.column
    known, before = column.run_id or None, purse.spent
    tags = {PROMPT: prompt.name, MODEL: target.name, _DIGEST: target.digest(prompt)}
    if (user := runs.active().run.data.tags.get(USER)) is not None:
        # Who had the form carried out, which a server does for others.
        tags[USER] = user
    started = runs.start_run(
        run_id=known,
        experiment_id=None if known else runs.active().run.info.experiment_id,
        run_name=None if known else column.label,
        nested=True,
        tags=tags,
    )
    with started as run:
        column.run_id = run.info.run_id
        if known is None:
            params = {"prompt": prompt.name, "model": target.model, **target.params}
            fluent_logging.log_params({key: str(value)[:500] for key, value in params.items()})
        try:
            column.result = carry_out(
                task.suite.data(task.rows),
                task.suite.scorers(task.rows),
                target.predictor(prompt),
                resume=known,
                options=Options(predict_timeout=target.timeout, purse=purse, derive=task.derive),
            )
        except spending.BudgetExceeded as error:
            column.result = error.result
    column.spent = purse.spent - before


def _derived(name: str, value: Any, why: str | None) -> Feedback:
    return Feedback(name, value, source=code(name), rationale=why)


# -- what the parent run says ------------------------------------------------------------------


def _sum_up(client: Client, suite: Suite, found: Outcomes) -> None:
    """Log what ``pegboard eval show`` and ``compare`` read of the whole form."""
    every = [each for column in found.columns for each in column.outcomes]
    share = sum(column.share for column in found.columns) / len(found.columns)
    fluent_logging.log_metric(f"{PASSED}/mean", share)
    figures = [_figure(column) for column in found.columns]
    costs = {
        f"{column.label}: {name}": asdict(cost)
        for column in found.columns
        if column.result is not None
        for name, cost in column.result.costs.items()
    }
    told = {
        "kind": "genai",
        "rows": len(every),
        "figures": figures,
        "skipped": {},
        "costs": costs,
        "spent": found.spent,
    }
    client.log_text(found.run_id, json.dumps(told), FIGURES)
    ids = [case.id for case in reading.read(suite.data(suite.all_rows))]
    rows = Rows(
        [f"{ids[each.row]} {column.label}" for column, each in _all(found)],
        "genai",
        outputs=[each.output for _, each in _all(found)],
        groups={
            "prompt": [column.prompt for column, _ in _all(found)],
            "model": [column.model for column, _ in _all(found)],
        },
        traces=[each.trace_id for each in every],
        scores={
            PASSED: [_number(each, float(each.state == "passed")) for each in every],
            SCORE: [_number(each, each.score) for each in every],
        },
    )
    client.log_text(found.run_id, text_of(rows), ROWS)


def _all(found: Outcomes) -> list[tuple[Column, Outcome]]:
    return [(column, each) for column in found.columns for each in column.outcomes]


def _number(outcome: Outcome, value: float) -> float | None:
    return None if outcome.state == "not asked" else value


def _figure(column: Column) -> dict[str, Any]:
    hits = column.count("passed")
    count = len(column.outcomes) - column.count("not asked")
    sure = certainty.of_share(hits, count) if count else certainty.Certainty()
    return {
        "name": f"{column.label}: {PASSED}",
        "value": hits / count if count else None,
        "count": count,
        "failed": column.count("error"),
        "error": sure.error,
        "interval": sure.interval,
        "skipped": "",
    }


# -- earlier runs of it ------------------------------------------------------------------------


def kept_of(client: Client, run_id: str) -> Kept:
    """Return the runs in a form's run; InvalidState if it is not one."""
    return {
        (tags.get(PROMPT, ""), tags.get(MODEL, ""), tags.get(_DIGEST, "")): child
        for child, tags in children(client, run_id)
    }


def children(client: Client, run_id: str) -> list[tuple[str, Mapping[str, str]]]:
    """Return the runs of prompts and models in a form's run, with their tags, oldest first.

    InvalidState if the run is not of a form.
    """
    if not is_form(client, run_id):
        raise InvalidState(f"The run {run_id!r} is not of a test form.")
    run = client.get_run(run_id)
    where = f"tags.`{_PARENT}` = {literal(run_id)}"
    found = client.search_runs([run.info.experiment_id], where)
    tagged = [(each.info.run_id, dict(each.data.tags)) for each in reversed(found)]
    return [(child, tags) for child, tags in tagged if PROMPT in tags]


def is_form(client: Client, run_id: str) -> bool:
    """Whether a run is that of a whole form."""
    return _FORM in client.get_run(run_id).data.tags
