"""``genai.evaluate``: answers rows, scores them, and keeps each as soon as it is there."""

from __future__ import annotations

import inspect
import json
import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

import attrs
from attrs import define, field, frozen
from pegboard.contracts.evaluation import EvaluationTable
from pegboard.entities import DatasetInput, Metric
from pegboard.entities.logged_models import LoggedModelInput
from pegboard.errors import InvalidValue, PegboardError, quoted
from pegboard_scripting import data as descriptions
from pegboard_scripting.client import Client
from pegboard_scripting.fluent import models
from pegboard_stores.evaluations import FIGURES, ROWS
from pegboard_tracing.api import SESSION, Feedback, check_kept, context, traces_of

from pegboard_evaluation import distance, pool, resumption, workers
from pegboard_evaluation import rows as kept_rows
from pegboard_evaluation.data_sets import data_set as data_sets
from pegboard_evaluation.genai import cases as reading
from pegboard_evaluation.genai import (
    judging,
    keeping,
    limits,
    scoring,
    spending,
    summary,
    texts,
)
from pegboard_evaluation.genai.answering import MODEL, Answer, Place, answer
from pegboard_evaluation.genai.cases import Case
from pegboard_evaluation.genai.gathering import Gathering
from pegboard_evaluation.genai.patience import Patience
from pegboard_evaluation.genai.results import EvaluationResult, criteria
from pegboard_evaluation.genai.scoring import Scorer

KIND = "genai"
_RUN_TYPE, _RUN_TYPE_TAG = "genai_evaluate", "mlflow.runType"
_SCORERS, _FUNCTION, _DIGEST = (
    "mlflow.genaiEvaluate.scorersDigest",
    "mlflow.genaiEvaluate.agent.function",
    "mlflow.genaiEvaluate.agent.digest",
)

logger = logging.getLogger("pegboard")


def evaluate(
    data: Any,
    scorers: Sequence[Scorer],
    predict_fn: Callable[..., Any] | None = None,
    model_id: str | None = None,
    *,
    resume: str | None = None,
    predict_timeout: float | None = None,
    budget: float | None = None,
    runner: str | None = None,
) -> EvaluationResult:
    """Answer rows, score the answers, and log all of it to the active run, or to one of its own.

    Each answer and each score is kept when it is there: after a crash or Ctrl-C, the same call with
    ``resume`` goes on where it broke off, and pays for nothing twice. What failed is tried again.

    Args:
        data: a list of dicts or a DataFrame with ``inputs`` (dicts), ``outputs``, ``expectations``
            (dicts) and ``tags``; traces, as ``search_traces`` returns them; or a data set of
            ``genai.datasets``, of which the run names the version.
        scorers: functions with ``@scorer``, and judges.
        predict_fn: answers a row; its keywords are the row's inputs. It may be asynchronous. None:
            the rows have outputs.
        model_id: the logged model that metrics are of.
        resume: the id of the run to go on with.
        predict_timeout: seconds that ``predict_fn`` may take for a row.
        budget: US dollars that calls of models may cost. It stops before a call that could pass
            it; ``estimate`` says beforehand what to expect.
        runner: workers that call ``predict_fn`` and scorers of code, as ``"ray"``; None: threads.

    Raises:
        InvalidValue: names the row, scorer, expectation or parameter that is wrong.
        BudgetExceeded: what there is then, is kept: ``resume`` goes on.
    """
    purse = spending.Purse(spending.checked(budget))
    return carry_out(
        data,
        scorers,
        predict_fn,
        model_id,
        resume=resume,
        options=Options(predict_timeout=predict_timeout, purse=purse, runner=runner),
    )


@frozen(kw_only=True)
class Options:
    """How an evaluation is carried out."""

    predict_timeout: float | None = None
    runner: str | None = None
    purse: spending.Purse = field(factory=spending.Purse)
    derive: Callable[[summary.Scores, Mapping[int, Answer]], None] | None = None
    """Adds scores that are made of others, once these are there; with the answers, by row."""


def carry_out(
    data: Any,
    scorers: Sequence[Scorer],
    predict_fn: Callable[..., Any] | None = None,
    model_id: str | None = None,
    *,
    resume: str | None = None,
    options: Options,
) -> EvaluationResult:
    """Do as ``evaluate``, with what only our own callers ask for."""
    found = scoring.checked(scorers)
    cases = reading.read(data)
    reading.check(cases, found, predict_fn)
    if options.purse.budget is not None:
        check_prices(found, predict_fn)
    check_kept()
    begun = workers.opened(options.runner or limits.runner())
    with begun as calling, resumption.run_of(resume) as (client, run_id, experiment_id):
        about = _describe(client, run_id, (data, cases), model_id, (found, predict_fn))
        known = keeping.earlier(run_id, experiment_id) if resume else {}
        place = Place(run_id, experiment_id, workers=calling)
        work = _Work(cases, found, predict_fn, place, known, options)
        try:
            with options.purse.used():
                work.do()
        except BaseException:
            # Ctrl-C, too: what is there is summed up.
            with suppress(Exception):
                _sum_up(client, work, about)
            logger.warning(
                "The evaluation broke off; evaluate(…, resume=%r) goes on with it.", run_id
            )
            raise
        result = _sum_up(client, work, about)
        if options.purse.stopped:
            raise _stopped(result, options.purse)
        return result


def check_prices(scorers: Sequence[Scorer], predict: Any) -> None:
    """Refuse a budget where it is not known what calls cost."""
    models = {
        model: f"the scorer {each.name!r}" for each in scorers for model in judging.asked(each)
    }
    if (model := getattr(predict, MODEL, None)) is not None:
        models[model] = "predict_fn"
    for model, who in models.items():
        if not spending.is_priced(model):
            raise InvalidValue(
                f"There is a budget, and the price of {quoted(model)} is not known, which {who} "
                "asks.",
                hint="Leave the budget out; endpoints of a gateway have budgets of their own.",
            )


def _stopped(result: EvaluationResult, purse: spending.Purse) -> spending.BudgetExceeded:
    error = spending.BudgetExceeded(
        f"The evaluation stopped at ${purse.spent:.6g}: the next call could pass the budget of "
        f"${purse.budget:g}. What is there is kept in the run {result.run_id!r}.",
        hint=f"evaluate(…, resume={result.run_id!r}) goes on, and pays for nothing twice.",
    )
    error.result = result
    return error


# -- the work ------------------------------------------------------------------------------------


@define
class _Work:
    """Rows on their way: answered by one pool of threads, scored by another."""

    cases: list[Case]
    scorers: list[Scorer]
    predict: Callable[..., Any] | None
    place: Place
    known: Mapping[str, keeping.Earlier]
    options: Options
    answers: dict[int, Answer] = field(factory=dict)
    scores: summary.Scores = field(init=False)
    _done: SimpleQueue[Any] = field(factory=SimpleQueue)
    kept: Gathering = field(factory=Gathering)

    def __attrs_post_init__(self) -> None:
        by_name = {each.name: each for each in self.scorers}
        self.scores = summary.Scores(by_name, len(self.cases))

    @property
    def run_id(self) -> str:
        """The run that it is for."""
        return self.place.run_id

    def do(self) -> None:
        """Do all of it."""
        own = [each for each in self.scorers if not each.is_session_level_scorer]
        least = 0 if self.place.workers is None else self.place.workers.count
        answering = pool.Pool(limits.workers(least), self._done)
        score = pool.Pool(limits.scorer_workers(least), self._done)
        try:
            waiting = 0
            for case in self.cases:
                answering.submit(partial(self._answer, case))
                waiting += 1
            while waiting:
                found = self._next()
                waiting -= 1
                if isinstance(found, Case):
                    for each in own:
                        waiting += self._begin(score, found, each)
                elif found is not None:
                    self.scores.add(*found)
            for _ in range(self._begin_sessions(score)):
                if (found := self._next()) is not None:
                    self.scores.add(*found)
        finally:
            answering.close()
            score.close()

    def _next(self) -> Any:
        """Return what is done next; None if the budget was spent. What was raised is raised."""
        found = self._done.get()
        if isinstance(found, spending.OverBudget):
            return None
        if isinstance(found, BaseException):
            raise found
        return found

    def _answer(self, case: Case) -> Case:
        earlier = self.known.get(case.key)
        if earlier is not None:
            found = earlier.answer
        else:
            found = self._asked(case)
            keeping.find_root(found)
        known = set() if earlier is None else earlier.expected
        self.kept.add(keeping.expectations(case, found, self.run_id, known))
        self.answers[case.number] = found
        return case

    def _asked(self, case: Case) -> Answer:
        """Answer a row, and count what its trace says of calls that were not made by us."""
        purse, seconds = self.options.purse, self.options.predict_timeout
        if self.predict is None or purse.budget is None:
            return answer(case, self.place, self.predict, seconds)
        purse.check()
        with purse.row() as row:
            found = answer(case, self.place, self.predict, seconds)
        trace = keeping.whole_trace(found)
        cost = None if trace is None else trace.info.cost
        purse.settle(row, (cost or {}).get("total_cost") or 0.0)
        return found

    def _begin(self, score: pool.Pool, case: Case, whole: Scorer) -> int:
        """Have a row scored, and return 1; 0 if its score is known, or it has none."""
        if (scorer := whole.at(case.number)) is None:
            return 0
        if (known := self._known(case, scorer)) is not None:
            self.scores.add(scorer.name, case.number, known)
            return 0
        score.submit(partial(self._score, case, scorer))
        return 1

    def _known(self, case: Case, scorer: Scorer) -> list[Feedback] | None:
        """Return what this scorer, as it is now, gave to a row before; None if it did not."""
        earlier = self.known.get(case.key)
        found = None if earlier is None else earlier.scores.get(scorer.name)
        return found if found and keeping.digest_of(found) == scorer.digest else None

    def _score(self, case: Case, scorer: Scorer) -> tuple[str, int, list[Feedback]]:
        of_row = self.answers[case.number]
        if of_row.error is not None:
            found = [scoring.failed(scorer.name, "PREDICT_ERROR", of_row.error)]
        elif (why := reading.lacks(case, scorer)) is not None:
            found = [scoring.failed(scorer.name, "MISSING_EXPECTATION", why)]
        else:
            trace = keeping.whole_trace(of_row) if "trace" in scorer.takes else None
            given = {"inputs": case.inputs, "outputs": of_row.outputs, "trace": trace}
            found = self._scored(scorer, **given, expectations=case.expectations)
        return self._keep(scorer, case, found)

    def _keep(
        self, scorer: Scorer, case: Case, found: list[Feedback]
    ) -> tuple[str, int, list[Feedback]]:
        of_row, earlier = self.answers[case.number], self.known.get(case.key)
        self.kept.add(keeping.marked(scorer, found, of_row, self.run_id))
        if earlier is not None and (old := earlier.ids_of(scorer.name)):
            self.kept.finish()
            keeping.forget(of_row, old)
        return scorer.name, case.number, found

    def _scored(self, scorer: Scorer, **given: Any) -> list[Feedback]:
        # Judges wait for models: here, where their budget and their pace are.
        there = None if judging.asked(scorer) else self.place.workers
        call = None if there is None else partial(distance.untraced, there)
        return scored(scorer, self.place.scoring, call, **given)

    def _begin_sessions(self, score: pool.Pool) -> int:
        """Have the traces of each session scored together; the score is that of the first.

        Returns how many scores there will be.
        """
        wanted = [each for each in self.scorers if each.is_session_level_scorer]
        sessions: dict[str, list[tuple[Case, Any]]] = {}
        for case in self.cases if wanted else ():
            trace = keeping.whole_trace(self.answers[case.number])
            session = None if trace is None else trace.info.trace_metadata.get(SESSION)
            if session is not None:
                sessions.setdefault(session, []).append((case, trace))
        if wanted and not sessions:
            raise InvalidValue(
                f"The scorer {wanted[0].name!r} is about sessions, and no trace is of one.",
                hint="Set it with update_current_trace(session_id=…).",
            )
        begun = 0
        for session, given in sessions.items():
            traces = texts.in_order([trace for _, trace in given])
            cases = {trace.info.trace_id: case for case, trace in given}
            in_order = [cases[each.info.trace_id] for each in traces]
            for each in wanted:
                if (known := self._known(in_order[0], each)) is not None:
                    self.scores.add(each.name, in_order[0].number, known)
                    continue
                score.submit(partial(self._score_session, session, in_order, traces, each))
                begun += 1
        return begun

    def _score_session(
        self, session: str, cases: list[Case], traces: list[Any], scorer: Scorer
    ) -> tuple[str, int, list[Feedback]]:
        expected = {k: v for case in cases for k, v in case.expectations.items()}
        found = self._scored(scorer, session=traces, expectations=expected)
        for each in found:
            each.metadata = {**(each.metadata or {}), SESSION: session}
        return self._keep(scorer, cases[0], found)


def scored(
    scorer: Scorer, patience: Patience, call: Callable[..., Any] | None = None, **given: Any
) -> list[Feedback]:
    """Return what a scorer says, called by ``call`` if given; why it failed, if it failed."""
    try:
        # Traces of what scorers do would stand among those of the rows.
        with context(enabled=False):
            run = partial(call, scorer.run, given) if call else partial(scorer.run, **given)
            said = patience.call(run)
            return scoring.feedback_of(scorer.name, said)
    except Exception as error:
        told = traceback.format_exc()
        return [scoring.failed(scorer.name, "SCORER_ERROR", _told(error), told)]


def _told(error: Exception) -> str:
    text = str(error)
    return text if isinstance(error, PegboardError) and text else f"{type(error).__name__}: {text}"


# -- what the run says ---------------------------------------------------------------------------


@frozen
class _About:
    """The description of the data, and the model that metrics are of."""

    dataset: Any
    model_id: str | None


def _describe(
    client: Client, run_id: str, given: tuple[Any, list[Case]], model_id: str | None, used: Any
) -> _About:
    """Log what is evaluated, and with what."""
    model_id = model_id or models.get_active_model_id()
    data, cases = given
    dataset = None
    # Of values that refer to themselves, or cannot be shown, there is no description.
    with suppress(PegboardError, TypeError, ValueError, RuntimeError):
        dataset = (
            data_sets.describe(data)
            if data_sets.is_data_set(data)
            else descriptions.from_pandas(reading.frame_of(cases), name="dataset")
        )
    inputs = [] if dataset is None else [DatasetInput(dataset, [])]
    used_models = [] if model_id is None else [LoggedModelInput(model_id)]
    client.log_inputs(run_id, inputs, used_models)
    if _RUN_TYPE_TAG not in client.get_run(run_id).data.tags:
        # That of tests stays one of tests.
        client.set_tag(run_id, _RUN_TYPE_TAG, _RUN_TYPE)
    for key, value in _lineage(*used).items():
        client.set_tag(run_id, key, value)
    return _About(dataset, model_id)


def _lineage(scorers: list[Scorer], predict: Any) -> dict[str, str]:
    hashed = sorted(each.digest for each in scorers if each.digest)
    told: dict[str, Any] = {"hashed": len(hashed), "total": len(scorers)}
    if hashed:
        told = {"digest": scoring.sha256("\n".join(hashed)), **told}
    found = {_SCORERS: json.dumps(told)}
    while isinstance(predict, partial):
        predict = predict.func
    if predict is None:
        return found
    target = predict if inspect.isroutine(predict) or inspect.isclass(predict) else type(predict)
    found[_FUNCTION] = f"{target.__module__}.{target.__qualname__}"
    if source := resumption.source_of(target):
        found[_DIGEST] = scoring.sha256(source)
    return found


def _sum_up(client: Client, work: _Work, about: _About) -> EvaluationResult:
    """Log the numbers and what ``pegboard eval`` reads, and return the result."""
    work.kept.finish()
    scores = work.scores
    if work.options.derive is not None:
        work.options.derive(scores, work.answers)
    scores.summarize()
    metrics = scores.metrics()
    _log_metrics(client, work.run_id, metrics, about)
    answers = [work.answers[case.number] for case in work.cases if case.number in work.answers]
    final = partial(keeping.final_traces, answers, traces_of())
    costs = scores.costs()
    if work.predict is not None and (cost := summary.cost_of(final())) is not None:
        costs["predict_fn"] = cost
    told = {
        "kind": KIND,
        "rows": len(work.cases),
        "figures": [attrs.asdict(each) for each in scores.figures.values()],
        "skipped": scores.skipped,
        "costs": {name: attrs.asdict(each) for name, each in costs.items()},
        "spent": work.options.purse.spent,
    }
    client.log_text(work.run_id, json.dumps(told), FIGURES)
    if len(work.cases) <= kept_rows.MOST:
        kept = kept_rows.kept(_table(work), scores.columns())
        of_rows = [work.answers.get(case.number) for case in work.cases]
        kept.traces = [None if each is None else each.trace_id for each in of_rows]
        client.log_text(work.run_id, kept_rows.text_of(kept), ROWS)
    return EvaluationResult(
        run_id=work.run_id,
        metrics=metrics,
        read=lambda: summary.result_table(list(final()), work.run_id),
        figures=scores.figures,
        skipped=scores.skipped,
        costs=costs,
        spent=work.options.purse.spent,
        pass_criteria=criteria(work.scorers),
        scored=scores.names,
    )


def _table(work: _Work) -> EvaluationTable:
    cases = work.cases
    nothing = Answer()
    names = dict.fromkeys(name for case in cases for name in case.extra)
    return EvaluationTable(
        count=len(cases),
        kind=KIND,
        inputs=[case.inputs for case in cases],
        targets=[case.expectations for case in cases],
        outputs=[work.answers.get(case.number, nothing).outputs for case in cases],
        ids=[case.id for case in cases],
        columns={name: [case.extra.get(name) for case in cases] for name in names},
    )


def _log_metrics(client: Client, run_id: str, metrics: Mapping[str, float], about: _About) -> None:
    now = time.time_ns() // 1_000_000
    name, digest = (about.dataset.name, about.dataset.digest) if about.dataset else (None, None)
    points = [
        Metric(key, value, now, 0, about.model_id, name, digest) for key, value in metrics.items()
    ]
    if points:
        client.log_batch(run_id, metrics=points)
