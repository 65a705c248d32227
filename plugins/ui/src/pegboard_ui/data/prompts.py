"""``ui/prompts`` and ``ui/prompt-uses``: prompts with their newest text; who uses one, how well.

The registry keeps prompts and knows their past; what used them says so itself: runs, logged models
and traces name versions of prompts in MLflow's tag.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from attrs import define, field, frozen
from pegboard.contracts.traces import TraceStore
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities.registry import ModelVersion, RegisteredModel
from pegboard.entities.traces import TraceInfo
from pegboard.errors import NotSupported
from pegboard.literals import literal
from pegboard_stores import cancellation, prompt_tags
from pegboard_stores.literals import escape_like, quoted_key
from pegboard_stores.run_table import words
from pegboard_stores.traces.usage import COST, TOKEN_USAGE
from pegboard_wire import registries
from pegboard_wire.http import Answer, Call, Permission
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_ui.data import answer_scores
from pegboard_ui.data.answers import json_answer, number
from pegboard_ui.data.spans import named_prompts
from pegboard_ui.data.trace_list import experiments_of, figure_of

CUT = 400
"""How many characters of a text stand in the list."""
MOST_VERSIONS = 50
MOST_RUNS = 500
MOST_TRACES = 200
"""From how many traces of a version, the last ones, its figures are made."""
MOST_LISTED = 20
"""How many runs, models and traces of a version are named."""
_IS_PROMPT = f"tags.{quoted_key(prompt_tags.IS_PROMPT)} = 'true'"


@frozen
class PromptsRequest:
    """Which prompts: words of their names, or a filter of MLflow's grammar."""

    q: Annotated[str, AtMost(4_000)] = ""
    limit: Annotated[int, Between(1, 100)] = 50
    page_token: str = ""


@frozen
class UsesRequest:
    """Whose uses, by which versions."""

    name: Annotated[str, AtMost(250)]
    versions: Annotated[tuple[str, ...], AtMost(MOST_VERSIONS)]


# -- the list --------------------------------------------------------------------------------------


def prompts(call: Call, wanted: PromptsRequest) -> Answer:
    """Return prompts, the last changed first, each with the beginning of its newest text."""
    registry = registries.open_registry(call.host, call.tracking_uri)
    asked = wanted.q.strip()
    terms = [asked] if words.is_filter(asked) else [_named(word) for word in asked.split()]
    page = registry.search_models(
        filter=" AND ".join([_IS_PROMPT, *filter(None, terms)]),
        order_by=["last_updated_timestamp DESC"],
        max_results=wanted.limit,
        page_token=wanted.page_token or None,
    )
    found = [_prompt(each) for each in page]
    return json_answer(call, {"prompts": found, "next_page_token": page.token or ""})


def _named(word: str) -> str:
    return f"name ILIKE {literal(f'%{escape_like(word)}%')}"


def _prompt(prompt: RegisteredModel) -> dict[str, Any]:
    newest = max(prompt.latest_versions, key=lambda each: int(each.version), default=None)
    tags = {key: text for key, text in prompt.tags.items() if not key.startswith(_HIDDEN)}
    return {
        "name": prompt.name,
        "description": prompt.description[:CUT],
        "tags": {key: text[:CUT] for key, text in tags.items()},
        "aliases": dict(prompt.aliases),
        "updated": prompt.last_updated_timestamp,
        "newest": None if newest is None else _newest(newest),
    }


_HIDDEN = ("mlflow.", "_mlflow", prompt_tags.OWN)


def _newest(version: ModelVersion) -> dict[str, Any]:
    text = version.tags.get(prompt_tags.TEXT, "")
    return {
        "version": version.version,
        "time": version.creation_timestamp,
        "user": version.user_id or "",
        "note": version.description[:CUT],
        "chat": version.tags.get(prompt_tags.TYPE) == prompt_tags.CHAT_TYPE,
        "text": text if len(text) <= CUT else f"{text[:CUT]}…",
    }


# -- uses ------------------------------------------------------------------------------------------


@define
class _Uses:
    """What used a version, and numbers of it by name."""

    runs: list[dict[str, Any]] = field(factory=list)
    models: list[dict[str, Any]] = field(factory=list)
    traces: list[dict[str, Any]] = field(factory=list)
    runs_total: int = 0
    traces_total: int = 0
    values: dict[str, list[float]] = field(factory=lambda: defaultdict(list))
    """Scores of runs, and of feedback on traces."""
    measured: set[str] = field(factory=set)
    """The runs whose metrics are among the values."""
    took: list[float] = field(factory=list)
    paid: list[float] = field(factory=list)
    tokens: list[float] = field(factory=list)

    def json(self) -> dict[str, Any]:
        """Return it, numbers as their means."""
        return {
            "runs": self.runs, "runs_total": self.runs_total, "models": self.models,
            "traces": self.traces, "traces_total": self.traces_total,
            "scores": {key: _mean(values) for key, values in sorted(self.values.items())},
            "latency_ms": _mean(self.took), "cost": _mean(self.paid), "tokens": _mean(self.tokens),
        }  # fmt: skip


def _mean(values: Sequence[float]) -> Any:
    return number(math.fsum(values) / len(values)) if values else None


def uses(call: Call, wanted: UsesRequest) -> Answer:
    """Return what used versions of a prompt, and what is known of them by that."""
    store = store_of(call)
    experiments = [*experiments_of(call, ())]
    found = {version: _Uses() for version in wanted.versions}
    if experiments:
        _runs(store, experiments, wanted.name, found)
        _models(store, experiments, wanted.name, found)
        _traces(store, experiments, wanted.name, found)
    return json_answer(call, {"versions": {key: each.json() for key, each in found.items()}})


def _linking(name: str) -> str:
    """Return the filter for what names a prompt; others with a like name may fit too."""
    pattern = literal(f'%"{escape_like(name)}"%')
    return f"tags.{quoted_key(prompt_tags.LINKED)} LIKE {pattern}"


def _of(found: Mapping[str, _Uses], name: str, tags: Mapping[str, str]) -> Iterable[_Uses]:
    linked = dict.fromkeys(named_prompts(tags.get(prompt_tags.LINKED)))
    return [found[version] for each, version in linked if each == name and version in found]


def _runs(
    store: TrackingStore, experiments: list[str], name: str, found: Mapping[str, _Uses]
) -> None:
    for run in store.search_runs(experiments, filter=_linking(name), max_results=MOST_RUNS):
        for each in _of(found, name, run.data.tags):
            each.runs_total += 1
            if len(each.runs) < MOST_LISTED:
                info = run.info
                each.runs.append(
                    {"run_id": info.run_id, "name": info.run_name, "status": info.status.value}
                )
            each.measured.add(run.info.run_id)
            for key, metric in run.data.metrics.items():
                if not key.startswith("system/") and math.isfinite(metric):
                    each.values[key].append(metric)


def _models(
    store: TrackingStore, experiments: list[str], name: str, found: Mapping[str, _Uses]
) -> None:
    try:
        models = store.logged_models().search(
            experiments, filter=_linking(name), max_results=MOST_LISTED
        )
    except NotSupported:
        return
    for model in models:
        for each in _of(found, name, model.tags):
            each.models.append({"model_id": model.model_id, "name": model.name})


def _traces(
    store: TrackingStore, experiments: list[str], name: str, found: Mapping[str, _Uses]
) -> None:
    try:
        traces = store.traces()
    except NotSupported:
        return
    for version, each in found.items():
        cancellation.check()
        for info in _traces_of(traces, experiments, f"{name}/{version}"):
            _add(each, info)


def _traces_of(traces: TraceStore, experiments: list[str], prompt: str) -> Iterable[TraceInfo]:
    return traces.search(experiments, filter=f"prompt = {literal(prompt)}", max_results=MOST_TRACES)


def _add(uses: _Uses, info: TraceInfo) -> None:
    uses.traces_total += 1
    if len(uses.traces) < MOST_LISTED:
        uses.traces.append({"trace_id": info.trace_id, "time": info.request_time})
    if info.execution_duration is not None:
        uses.took.append(info.execution_duration)
    for values, key, part in (
        (uses.paid, COST, "total_cost"),
        (uses.tokens, TOKEN_USAGE, "total_tokens"),
    ):
        if (value := figure_of(info, key, part)) is not None:
            values.append(value)
    for told in info.assessments:
        value = answer_scores.number_of(told.value)
        # What its run says as a metric counts once.
        of_run = told.metadata.get(answer_scores.OF_RUN) in uses.measured
        if told.valid and value is not None and not of_run:
            uses.values[told.name].append(value)


_OBJECT: dict[str, Any] = {"type": "object"}

ENDPOINTS = [
    typed(
        "GET", "/api/pegboard/1.0/ui/prompts", prompts, Permission.READ,
        "Prompts, the last changed first, with the beginning of their newest text.",
        PromptsRequest, record(prompts=array(_OBJECT), next_page_token=TEXT), tags=("Pages",),
    ),
    typed(
        "GET", "/api/pegboard/1.0/ui/prompt-uses", uses, Permission.READ,
        "What used versions of a prompt: runs, logged models, traces; and what they measured.",
        UsesRequest, record(versions=mapping(_OBJECT)), tags=("Pages",),
    ),
]  # fmt: skip
