"""``pegboard.metrics.genai``: metrics for ``evaluate`` whose scores a language model gives.

Names and arguments are those of MLflow 2. A row has a score and a justification; one that got none
says why, and counts as failed.
"""

from __future__ import annotations

import inspect
import json
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import asdict, define, evolve, frozen
from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard_scripting.client import Client
from pegboard_scripting.client.transfer import read_bytes

from pegboard_evaluation import grading, rubrics
from pegboard_evaluation.genai import asking, texts
from pegboard_evaluation.genai.asking import Askable, Question
from pegboard_evaluation.metric import EvaluationMetric

__all__ = [
    "EvaluationExample",
    "answer_correctness",
    "answer_relevance",
    "answer_similarity",
    "faithfulness",
    "make_genai_metric",
    "make_genai_metric_from_prompt",
    "relevance",
    "retrieve_custom_metrics",
]

DEFINITIONS = "genai_custom_metrics.json"
"""The table in which a run keeps what such metrics were made of."""

_MLFLOW_VERSION = "3.17.2"
_PREDICTIONS = "predictions"
_STARS = Literal[1, 2, 3, 4, 5]
_AGGREGATIONS = ("mean", "variance", "p90")
_PARAMETERS: Mapping[str, Any] = {"temperature": 0.0}


@define
class EvaluationExample:
    """An answer and the score that it deserves, for a judge to go by."""

    output: str
    score: float
    justification: str
    input: str | None = None
    grading_context: Mapping[str, str] | str | None = None
    """By column; a text is of the first."""

    def __str__(self) -> str:
        return json.dumps({k: v for k, v in asdict(self).items() if v is not None}, indent=1)


@frozen
class _Prompt:
    """A prompt of the user's own, filled in."""

    text: str
    kind: Any

    def messages(self) -> list[dict[str, str]]:
        """Return what the model is told."""
        return [{"role": "user", "content": f"{self.text}\n\n{asking.form(self.kind)}"}]


# -- metrics of the user's own ---------------------------------------------------------------------


def make_genai_metric_from_prompt(
    name: str,
    judge_prompt: str | None = None,
    model: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    aggregations: Sequence[str] | None = None,
    greater_is_better: bool = True,
    max_workers: int = 10,
    metric_metadata: Mapping[str, Any] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    proxy_url: str | None = None,
) -> EvaluationMetric:
    """Make a metric of a prompt.

    Args:
        name: under which it is found.
        judge_prompt: all that the model is told, but for the form of its answer. It names columns
            in braces: ``{predictions}``, ``{question}``.
        model: ``PROVIDER:/MODEL``, ``gateway:/NAME`` or ``endpoints:/NAME``; None: that of
            MLFLOW_GENAI_JUDGE_DEFAULT_MODEL.
        parameters: fields of OpenAI's chat completions; by default a temperature of 0.
        aggregations: of min, max, mean, median, variance, p90; by default mean, variance, p90.
        greater_is_better: which way is up.
        max_workers: how many rows are asked for at once.
        metric_metadata: anything more.
        extra_headers: sent with each request.
        proxy_url: the address of the model's API, if it is not the usual one.
    """
    if not isinstance(judge_prompt, str) or not judge_prompt.strip():
        raise InvalidValue(f"The metric {name!r} has no judge_prompt.")
    prompt, names = judge_prompt, _variables(name, judge_prompt)
    grader = _grader(
        name, model, parameters, aggregations, extra_headers, proxy_url, workers=max_workers
    )

    def questions(rows: Sequence[Mapping[str, Any]]) -> Sequence[Askable]:
        return [
            _Prompt(prompt.format(**{n: texts.as_json(row[n]) for n in names}), float)
            for row in rows
        ]

    given = {
        "name": name,
        "judge_prompt": judge_prompt,
        "model": model,
        "parameters": parameters,
        "aggregations": aggregations,
        "greater_is_better": greater_is_better,
        "max_workers": max_workers,
        "metric_metadata": metric_metadata,
    }
    others = [each for each in names if each != _PREDICTIONS]
    needed = dict.fromkeys((_PREDICTIONS, *others), inspect.Parameter.empty)
    return grading.made(
        grader,
        needed,
        questions,
        name=name,
        greater_is_better=greater_is_better,
        metric_metadata=metric_metadata,
        genai_metric_args=_remembered(given, "make_genai_metric_from_prompt"),
    )


def _variables(name: str, prompt: str) -> list[str]:
    try:
        found = [each for _, each, _, _ in string.Formatter().parse(prompt) if each is not None]
    except ValueError as error:
        raise InvalidValue(
            f"The judge_prompt of {name!r} cannot be filled in: {error}.",
            hint="Write braces that name no column twice: {{ and }}.",
        ) from None
    for each in found:
        if not each.isidentifier():
            raise InvalidValue(
                f"The judge_prompt of {name!r} has {{{each}}}, which is not the name of a column.",
                hint="Write braces that name no column twice: {{ and }}.",
            )
    return list(dict.fromkeys(found))


def _grader(
    key: str,
    model: str | None,
    parameters: Mapping[str, Any] | None,
    aggregations: Sequence[str] | None,
    headers: Mapping[str, str] | None,
    url: str | None,
    *,
    workers: int,
) -> grading.Grader:
    return grading.Grader(
        key,
        model,
        dict(_PARAMETERS if parameters is None else parameters),
        dict(headers or {}),
        None if url is None else url.removesuffix("/").removesuffix("/chat/completions"),
        workers,
        list(aggregations or _AGGREGATIONS),
    )


def _remembered(given: Mapping[str, Any], maker: str) -> dict[str, Any]:
    """Return what a metric was made of, as MLflow keeps it."""
    return {**given, "mlflow_version": _MLFLOW_VERSION, "fn_name": maker}


def make_genai_metric(
    name: str,
    definition: str,
    grading_prompt: str,
    examples: Sequence[EvaluationExample] | None = None,
    version: str | None = "v1",
    model: str | None = None,
    grading_context_columns: str | Sequence[str] | None = None,
    include_input: bool = True,
    parameters: Mapping[str, Any] | None = None,
    aggregations: Sequence[str] | None = None,
    greater_is_better: bool = True,
    max_workers: int = 10,
    metric_metadata: Mapping[str, Any] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    proxy_url: str | None = None,
) -> EvaluationMetric:
    """Make a metric of a definition and a rubric: a model gives each row a score.

    Args:
        name: under which it is found.
        definition: what is measured.
        grading_prompt: what deserves which score.
        examples: answers with the scores that they deserve.
        version: ``v1``.
        model: ``PROVIDER:/MODEL``, ``gateway:/NAME`` or ``endpoints:/NAME``; None: that of
            MLFLOW_GENAI_JUDGE_DEFAULT_MODEL.
        grading_context_columns: columns that the judge is shown, such as ``targets``.
        include_input: whether it is shown the column ``inputs``, too.
        parameters: fields of OpenAI's chat completions; by default a temperature of 0.
        aggregations: of min, max, mean, median, variance, p90; by default mean, variance, p90.
        greater_is_better: which way is up.
        max_workers: how many rows are asked for at once.
        metric_metadata: anything more.
        extra_headers: sent with each request.
        proxy_url: the address of the model's API, if it is not the usual one.
    """
    given = {key: value for key, value in locals().items() if key not in _UNKEPT}
    given["examples"] = None if examples is None else [asdict(each) for each in examples]
    return _rubric_metric(given, float, examples or (), extra_headers, proxy_url)


_UNKEPT = ("extra_headers", "proxy_url")
"""Arguments that may hold what is secret."""


def _rubric_metric(
    given: Mapping[str, Any],
    kind: Any,
    examples: Sequence[EvaluationExample],
    headers: Mapping[str, str] | None,
    url: str | None,
) -> EvaluationMetric:
    name, version = given["name"], given["version"]
    if version != "v1":
        raise InvalidValue(
            f"The metric {name!r} has the version {version!r}, which there is not.",
            hint="There is 'v1'.",
        )
    context = given["grading_context_columns"] or []
    context = [context] if isinstance(context, str) else list(context)
    with_input = given["include_input"]
    told = _instructions(given, [_fitting(each, context, with_input) for each in examples])
    grader = _grader(
        f"{name}/{version}",
        given["model"],
        given["parameters"],
        given["aggregations"],
        headers,
        url,
        workers=given["max_workers"],
    )
    parts = {_PREDICTIONS: "output", **({"inputs": "input"} if with_input else {})}
    parts |= {each: each for each in context}

    def questions(rows: Sequence[Mapping[str, Any]]) -> Sequence[Askable]:
        return [
            Question(
                instructions=told,
                parts={part: texts.as_json(row[column]) for column, part in parts.items()},
                kind=kind,
            )
            for row in rows
        ]

    empty = inspect.Parameter.empty
    columns = dict.fromkeys(parts, empty)
    return grading.made(
        grader,
        columns if with_input else {**columns, "inputs": None},
        questions,
        name=name,
        version=version,
        greater_is_better=given["greater_is_better"],
        metric_details=told,
        metric_metadata=given["metric_metadata"],
        genai_metric_args=_remembered(given, "make_genai_metric"),
    )


def _fitting(
    example: EvaluationExample, context: Sequence[str], with_input: bool
) -> EvaluationExample:
    """Return an example with its context by column; InvalidValue if that is of other columns."""
    found = example.grading_context
    if isinstance(found, str) and context:
        found = {context[0]: found}
    if set(found or {}) != set(context):
        raise InvalidValue(
            f"An example has the grading_context {quoted(found)}.",
            hint=f"The metric has grading_context_columns={list(context)!r}: it has these keys.",
        )
    return evolve(
        example, grading_context=found or None, input=example.input if with_input else None
    )


def _instructions(given: Mapping[str, Any], examples: Sequence[EvaluationExample]) -> str:
    asked = "<input>, " if given["include_input"] else ""
    parts = [
        f"You grade what a model answered. The answer is in <output>; {asked}and what else the "
        f"sections below hold is what it is graded by. The grade is called {given['name']}.",
        f"What it means:\n{given['definition']}",
        f"How it is given:\n{given['grading_prompt']}",
    ]
    if examples:
        told = "\n".join(map(str, examples))
        parts.append(f"Grades that were given to other answers, to go by:\n{told}")
    return "\n\n".join(parts)


# -- ready to use ----------------------------------------------------------------------------------


def _ready(name: str) -> Callable[..., EvaluationMetric]:
    rubric = rubrics.RUBRICS[name]

    def make(
        model: str | None = None,
        metric_version: str | None = None,
        examples: Sequence[EvaluationExample] | None = None,
        metric_metadata: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        proxy_url: str | None = None,
        max_workers: int = 10,
    ) -> EvaluationMetric:
        given = {
            "name": name,
            "definition": rubric.definition,
            "grading_prompt": rubric.grading_prompt,
            "examples": None if examples is None else [asdict(each) for each in examples],
            "version": "v1" if metric_version is None else metric_version,
            "model": model,
            "grading_context_columns": list(rubric.context),
            "include_input": rubric.include_input,
            "parameters": parameters,
            "aggregations": list(_AGGREGATIONS),
            "greater_is_better": True,
            "max_workers": max_workers,
            "metric_metadata": metric_metadata,
        }
        return _rubric_metric(given, _STARS, examples or (), extra_headers, proxy_url)

    columns = [*(["inputs"] if rubric.include_input else []), *rubric.context]
    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"Return {rubric.about}, from 1 to 5.\n\n"
        f"Columns: {', '.join(columns)}; others are named by ``col_mapping``. Arguments are those "
        "of ``make_genai_metric``."
    )
    return make


answer_similarity = _ready("answer_similarity")
answer_correctness = _ready("answer_correctness")
faithfulness = _ready("faithfulness")
answer_relevance = _ready("answer_relevance")
relevance = _ready("relevance")


# -- what runs keep of them ------------------------------------------------------------------------


def definitions(metrics: Sequence[EvaluationMetric]) -> dict[str, list[Any]]:
    """Return the table of what such metrics were made of; empty if there are none."""
    found = [each.genai_metric_args for each in metrics if each.genai_metric_args is not None]
    if not found:
        return {}
    return {
        "name": [each["name"] for each in found],
        "version": [each.get("version", "") for each in found],
        "metric_args": [dict(each) for each in found],
    }


def retrieve_custom_metrics(
    run_id: str, name: str | None = None, version: str | None = None
) -> list[EvaluationMetric]:
    """Return the metrics of this module that a run was evaluated with; of a name and version."""
    try:
        table = json.loads(read_bytes(Client().artifacts(run_id), DEFINITIONS))
    except NotFound:
        return []
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    return [
        _again(row["metric_args"])
        for row in rows
        if name in (None, row["name"]) and version in (None, row["version"])
    ]


def _again(kept: Mapping[str, Any]) -> EvaluationMetric:
    makers = {each.__name__: each for each in (make_genai_metric, make_genai_metric_from_prompt)}
    given = {key: value for key, value in kept.items() if key != "mlflow_version"}
    try:
        maker = makers[given.pop("fn_name")]
        if given.get("examples") is not None:
            given["examples"] = [EvaluationExample(**each) for each in given["examples"]]
        return maker(**given)
    except (KeyError, TypeError) as error:
        raise InvalidValue(
            f"{DEFINITIONS} of the run has a metric that cannot be made: {error}.",
            hint="Evaluate again to write it anew.",
        ) from None
