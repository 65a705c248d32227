"""``genai.optimize_prompts``: prompts refined by what a function that uses them gives.

What is tried is a run of its own for each set of templates, in which rows are kept as they are
there; what models propose is kept before it is tried. So whatever breaks off, goes on, and nothing
is paid for twice.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import asdict, define, field
from pegboard.errors import InvalidState, InvalidValue, NotFound
from pegboard_prompts.api import PromptVersion, load_prompt, register_once, tried
from pegboard_scripting.client import Client
from pegboard_scripting.client.transfer import read_bytes
from pegboard_scripting.fluent import logging as fluent
from pegboard_scripting.fluent import runs
from pegboard_tracing.api import Feedback, get_trace

from pegboard_evaluation.genai import cases as reading
from pegboard_evaluation.genai import scoring, spending
from pegboard_evaluation.genai.answering import Answer
from pegboard_evaluation.genai.evaluating import Options, carry_out
from pegboard_evaluation.genai.scoring import Scorer
from pegboard_evaluation.genai.summary import Scores
from pegboard_evaluation.optimize import optimizers
from pegboard_evaluation.optimize.entities import (
    Aggregation,
    EvaluationResultRecord,
    PromptOptimizationResult,
    PromptOptimizerOutput,
)
from pegboard_evaluation.optimize.optimizers import BasePromptOptimizer

_FILE = "prompt_optimization.json"
_WORDS = {"yes": 1.0, "no": 0.0}

logger = logging.getLogger("pegboard")


def optimize_prompts(
    *,
    predict_fn: Callable[..., Any],
    train_data: Any,
    prompt_uris: Sequence[str],
    optimizer: BasePromptOptimizer,
    scorers: Sequence[Scorer] | None = None,
    aggregation: Aggregation | None = None,
    enable_tracking: bool = True,
    resume: str | None = None,
    budget: float | None = None,
) -> PromptOptimizationResult:
    """Refine prompts together, and register what is better as their next versions.

    It moves no alias, and changes nothing that is there. A prompt that stays as it is gets no
    version: its own is returned.

    Args:
        predict_fn: answers a row; its keywords are the row's inputs. It loads the prompts and fills
            them in (``load_prompt(…).format(…)``): there it gets the templates that are tried.
        train_data: a list of dicts or a DataFrame with ``inputs`` (dicts) and ``expectations``
            (dicts), or ``outputs``, which are then the ``expected_response``; or a data set. Empty:
            the optimizer has nothing to go by.
        prompt_uris: the prompts, such as ``prompts:/support@production``.
        optimizer: proposes templates, such as ``MetaPromptOptimizer("gateway:/chat")``.
        scorers: functions with ``@scorer``, and judges. None: nothing says what is better.
        aggregation: returns one number of what each scorer returned; None: the mean of them, in
            which yes is 1 and no is 0.
        enable_tracking: whether it is kept in a run: the active one, or one of its own.
        resume: the id of a run of it that broke off, with the same arguments.
        budget: US dollars that calls of models may cost together.

    Raises:
        InvalidValue: an argument is wrong.
        InvalidState: what is resumed was of other prompts or rows.
        BudgetExceeded: what there is then, is kept: ``resume`` goes on.
    """
    if not isinstance(optimizer, BasePromptOptimizer):
        raise InvalidValue("'optimizer' is not a BasePromptOptimizer.")
    if not prompt_uris or isinstance(prompt_uris, str):
        raise InvalidValue("'prompt_uris' is a list of the prompts to refine.")
    if resume is not None and not enable_tracking:
        raise InvalidValue("Without tracking nothing is kept, so nothing can be resumed.")
    rows = _rows(train_data)
    found = scoring.checked(scorers) if scorers else []
    if found and not rows:
        raise InvalidValue("There are 'scorers', but 'train_data' has no rows for them.")
    work = _Work(predict_fn, rows, found, aggregation, spending.Purse(spending.checked(budget)))
    if not enable_tracking:
        return work.do(optimizer, [_loaded(uri) for uri in prompt_uris])
    with _run(resume) as (client, run_id):
        work.client, work.run_id = client, run_id
        return work.do(optimizer, work.begun(optimizer, prompt_uris, is_new=resume is None))


@contextmanager
def _run(resume: str | None) -> Iterator[tuple[Client, str]]:
    active = runs.active_run()
    if active is not None and resume in (None, active.info.run_id):
        yield runs.active().client, active.info.run_id
        return
    with runs.start_run(run_id=resume, run_name=None if resume else "Refine prompts") as run:
        yield runs.active().client, run.info.run_id


def _rows(data: Any) -> list[dict[str, Any]]:
    """Return rows as optimizers see them; InvalidValue names what is wrong."""
    if hasattr(data, "to_df"):
        data = data.to_df()
    if data is None or len(data) == 0:
        return []
    return [
        {
            "inputs": each.inputs,
            **({"outputs": each.outputs} if each.is_answered else {}),
            **({"expectations": each.expectations} if each.expectations else {}),
        }
        for each in reading.read(data)
    ]


def _expected(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if row.get("expectations") or "outputs" not in row:
        return row.get("expectations") or {}
    return {"expected_response": row["outputs"]}


def _loaded(uri: str) -> PromptVersion:
    found = load_prompt(uri, link_to_model=False)
    assert found is not None
    return found


@define
class _State:
    """What a run of this has done so far."""

    digest: str
    """Of the rows and scorers."""
    prompts: list[str]
    """The URIs of the versions that are refined."""
    tried: dict[str, str] = field(factory=dict)
    """The runs of what was tried, by its digest."""
    said: dict[str, str] = field(factory=dict)
    """What models answered the optimizer, by the digest of the question."""


@define(eq=False)
class _Work:
    predict: Callable[..., Any]
    rows: list[dict[str, Any]]
    scorers: list[Scorer]
    aggregation: Aggregation | None
    purse: spending.Purse
    client: Client | None = None
    run_id: str = ""
    state: _State = field(factory=lambda: _State("", []))
    named: set[str] = field(factory=set)

    def begun(
        self, optimizer: BasePromptOptimizer, uris: Sequence[str], *, is_new: bool
    ) -> list[PromptVersion]:
        """Return the versions that are refined, which the run names."""
        assert self.client is not None
        digest = _digest([self.rows, [[each.name, each.digest] for each in self.scorers]])
        if is_new:
            prompts = [_loaded(uri) for uri in uris]
            self.state = _State(digest, [each.uri for each in prompts])
            self.save()
            told = {
                "optimizer": type(optimizer).__name__,
                "num_prompts": len(prompts),
                "num_training_samples": len(self.rows),
            }
            fluent.log_params(told)
            logger.info("If it breaks off: optimize_prompts(…, resume=%r)", self.run_id)
            return prompts
        try:
            text = read_bytes(self.client.artifacts(self.run_id), _FILE)
            self.state = _State(**json.loads(text))
        except (NotFound, ValueError, TypeError):
            raise InvalidState(f"The run {self.run_id!r} refines no prompts.") from None
        names = {_name(uri) for uri in uris}
        if self.state.digest != digest or names != {_name(uri) for uri in self.state.prompts}:
            raise InvalidState(
                f"The run {self.run_id!r} is of other prompts, rows or scorers.",
                hint="Begin anew, without resume.",
            )
        return [_loaded(uri) for uri in self.state.prompts]

    def save(self) -> None:
        """Keep what was done."""
        if self.client is not None:
            self.client.log_text(self.run_id, json.dumps(asdict(self.state)), _FILE)

    def do(
        self, optimizer: BasePromptOptimizer, prompts: Sequence[PromptVersion]
    ) -> PromptOptimizationResult:
        """Let the optimizer work, then register what it found."""
        there = {each.name: each.text for each in prompts}
        if len(there) < len(prompts):
            raise InvalidValue("'prompt_uris' names a prompt twice.")
        token = optimizers.kept.set(self.keep)
        try:
            with self.purse.used():
                found = optimizer.optimize(
                    self.tries if self.rows else None, self.rows, there, bool(self.run_id)
                )
        except spending.OverBudget:
            raise self._stopped() from None
        finally:
            optimizers.kept.reset(token)
        made = [self.registered(each, found) for each in prompts]
        self._log(found)
        return PromptOptimizationResult(
            made,
            type(optimizer).__name__,
            found.initial_eval_score,
            found.final_eval_score,
            found.initial_eval_score_per_scorer,
            found.final_eval_score_per_scorer,
            self.run_id or None,
        )

    def keep(self, question: str, ask: Callable[[], str]) -> str:
        """Return what a model said to a question before, or ask it."""
        key = _digest(question)
        if key not in self.state.said:
            self.state.said[key] = ask()
            self.save()
        return self.state.said[key]

    def registered(self, prompt: PromptVersion, found: PromptOptimizerOutput) -> PromptVersion:
        """Return the version with the template that was found; the old one if it is the same."""
        text = found.optimized_prompts.get(prompt.name, prompt.text)
        if text == prompt.text:
            return prompt
        gain = ""
        if found.final_eval_score is not None and found.initial_eval_score is not None:
            gain = f": score {found.initial_eval_score:.3g} → {found.final_eval_score:.3g}"
        template = text if prompt.is_text_prompt else optimizers.loaded(text)
        message = f"Refined from {prompt.name}/{prompt.version}{gain}"
        return register_once(prompt, template, message, self.run_id)

    def _log(self, found: PromptOptimizerOutput) -> None:
        if self.client is None:
            return
        scores = {
            "initial_eval_score": found.initial_eval_score,
            "final_eval_score": found.final_eval_score,
        }
        for key, each in (
            ("initial_eval_score", found.initial_eval_score_per_scorer),
            ("final_eval_score", found.final_eval_score_per_scorer),
        ):
            scores |= {f"{key}.{name}": value for name, value in each.items()}
        fluent.log_metrics({name: value for name, value in scores.items() if value is not None})

    def _stopped(self) -> spending.BudgetExceeded:
        return spending.BudgetExceeded(
            f"It stopped at ${self.purse.spent:.6g}: the next call could pass the budget of "
            f"${self.purse.budget:g}.",
            hint=f"optimize_prompts(…, resume={self.run_id!r}) goes on."
            if self.run_id
            else "Nothing was tracked, so nothing is kept.",
        )

    # -- trying ------------------------------------------------------------------------------------

    def tries(
        self, candidates: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
    ) -> list[EvaluationResultRecord]:
        """Return what becomes of rows with templates in place of those that there are."""
        templates = {name: optimizers.loaded(text) for name, text in candidates.items()}
        used: set[str] = set()
        predict = _with(templates, self.predict, used)
        if self.run_id and self.scorers:
            found = self._in_run(candidates, rows, predict)
        else:
            found = [self._directly(row, predict) for row in rows]
        unused = sorted(candidates.keys() - used - self.named)
        if used and unused:
            self.named |= set(unused)
            logger.warning("predict_fn does not fill in: %s.", ", ".join(unused))
        return found

    def _directly(
        self, row: Mapping[str, Any], predict: Callable[..., Any]
    ) -> EvaluationResultRecord:
        expected = _expected(row)
        try:
            outputs = predict(**row["inputs"])
            outputs = asyncio.run(outputs) if inspect.iscoroutine(outputs) else outputs
        except Exception as error:
            return self._record(row, None, f"{type(error).__name__}: {error}", {}, None)
        given = {
            each.name: each.run(inputs=row["inputs"], outputs=outputs, expectations=expected)
            for each in self.scorers
        }
        return self._record(row, outputs, None, given, None)

    def _in_run(
        self,
        candidates: Mapping[str, str],
        rows: Sequence[Mapping[str, Any]],
        predict: Callable[..., Any],
    ) -> list[EvaluationResultRecord]:
        key = _digest([sorted(candidates.items()), list(rows)])
        known = self.state.tried.get(key)
        records: list[EvaluationResultRecord] = []

        def take(scores: Scores, answers: Mapping[int, Answer]) -> None:
            records[:] = [
                self._scored(row, place, scores, answers.get(place))
                for place, row in enumerate(rows)
            ]

        data = [{"inputs": each["inputs"], "expectations": dict(_expected(each))} for each in rows]
        name = f"Trial {len(self.state.tried) + (known is None)}"
        with runs.start_run(run_id=known, run_name=None if known else name, nested=True) as run:
            self.state.tried[key] = run.info.run_id
            self.save()
            options = Options(purse=self.purse, derive=take)
            try:
                carry_out(data, self.scorers, predict, resume=known, options=options)
            except spending.BudgetExceeded:
                raise self._stopped() from None
        return records

    def _scored(
        self, row: Mapping[str, Any], place: int, scores: Scores, answer: Answer | None
    ) -> EvaluationResultRecord:
        if answer is None or answer.error is not None:
            why = "It was not asked." if answer is None else answer.error
            return self._record(row, None, why, {}, answer)
        given = {each.name: scores.of(each.name, place) for each in self.scorers}
        one = {name: each[0] if len(each) == 1 else each for name, each in given.items()}
        return self._record(row, answer.outputs, None, one, answer)

    def _record(
        self,
        row: Mapping[str, Any],
        outputs: Any,
        error: str | None,
        given: Mapping[str, Any],
        answer: Answer | None,
    ) -> EvaluationResultRecord:
        """Return what became of a row; what failed has the score 0."""
        why = {
            name: each.rationale or _why(each)
            for name, each in given.items()
            if isinstance(each, Feedback)
        }
        values = {name: _number(each) for name, each in given.items()}
        numbers = {name: value for name, value in values.items() if value is not None}
        score: float | None = 0.0 if self.scorers else None
        if error is None and self.scorers:
            score = self._score(given, numbers)
        trace = None
        if answer is not None and answer.trace_id is not None:
            trace = answer.trace or get_trace(answer.trace_id)
        return EvaluationResultRecord(
            dict(row["inputs"]),
            f"predict_fn failed: {error}" if error is not None else outputs,
            dict(_expected(row)),
            score,
            trace,
            why,
            numbers,
        )

    def _score(self, given: Mapping[str, Any], numbers: Mapping[str, float]) -> float:
        if self.aggregation is not None:
            return float(self.aggregation(dict(given)))
        failed = [each for each in given.values() if isinstance(each, Feedback) and each.error]
        lacking = sorted(given.keys() - numbers.keys())
        if lacking and not failed:
            raise InvalidValue(
                f"The scorer {lacking[0]!r} returns no number: {given[lacking[0]]!r:.80}.",
                hint="Say with aggregation=… how good that is.",
            )
        return sum(numbers.values()) / len(given) if given else 0.0


def _why(given: Feedback) -> str:
    return "" if given.error is None else given.error.error_message or given.error.error_code


def _number(given: Any) -> float | None:
    value = given.value if isinstance(given, Feedback) else given
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return float(value) if isinstance(value, (bool, int, float)) else None


def _with(
    templates: Mapping[str, Any], predict: Callable[..., Any], used: set[str]
) -> Callable[..., Any]:
    """Return a function that has templates in place of those that there are."""
    if inspect.iscoroutinefunction(predict):

        @functools.wraps(predict)
        async def answered(**inputs: Any) -> Any:
            with tried(templates) as names:
                found = await predict(**inputs)
            used.update(names)
            return found

        return answered

    @functools.wraps(predict)
    def answer(**inputs: Any) -> Any:
        with tried(templates) as names:
            found = predict(**inputs)
        used.update(names)
        return found

    return answer


def _digest(value: Any) -> str:
    return scoring.sha256(json.dumps(value, sort_keys=True, default=str))


def _name(uri: str) -> str:
    return uri.removeprefix("prompts:/").partition("@")[0].partition("/")[0]
