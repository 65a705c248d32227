"""All that a page of the registry shows, in one answer each: models, one model, one version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from attrs import frozen
from pegboard.contracts.registry import Promotion
from pegboard.entities.registry import ChangeKind
from pegboard.errors import NotFound, NotSupported, PegboardError
from pegboard.literals import literal
from pegboard_stores.prompt_tags import IS_PROMPT, is_prompt
from pegboard_wire.http import Call, Permission, Result
from pegboard_wire.pairs import JsonObject
from pegboard_wire.requests import store_of
from pegboard_wire.shapes import BOOLEAN, INT64, TEXT, array, mapping, record
from pegboard_wire.typed import AtMost, Between, typed

from pegboard_registry import promotion
from pegboard_registry.names import NAME
from pegboard_registry.wire import origins
from pegboard_registry.wire.calls import author_of, registry_of
from pegboard_registry.wire.codec import change_json, model_json, version_json
from pegboard_registry.wire.schemas import CHANGE, MODEL, VERSION

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities.registry import ModelVersion, RegisteredModel, RegistryChange

BASE = "/api/pegboard/1.0/registry"
MOST_MODELS, MOST_VERSIONS, MOST_CHANGES = 100, 200, 1_000
MOST_ALIASES = 8
"""For how many aliases of a model the list of models says where they point."""
MOST_LISTED = 50
"""How many copies, versions and runs that came of a version are listed."""


# -- models ----------------------------------------------------------------------------------------


@frozen
class ModelsRequest:
    """Which models: words of their names, or a filter of MLflow's grammar."""

    words: Annotated[str, AtMost(250)] = ""
    filter: Annotated[str, AtMost(4_000)] = ""
    limit: Annotated[int, Between(1, MOST_MODELS)] = 50
    page_token: str = ""


def _models(call: Call, asked: ModelsRequest) -> Result:
    registry, store = registry_of(call), store_of(call)
    terms = [f"name ILIKE {literal(f'%{word}%')}" for word in asked.words.split()]
    page = registry.search_models(
        filter=asked.filter or " AND ".join(terms),
        order_by=["last_updated_timestamp DESC"],
        max_results=asked.limit,
        page_token=asked.page_token or None,
    )
    shown = [(model, _aliased(registry, model, MOST_ALIASES)) for model in page]
    newest = [_newest(model) for model in page]
    versions = [version for _, held in shown for version in held]
    return {
        "models": [
            {
                "model": model_json(model),
                "newest": None if last is None else version_json(last),
                "aliased": [version_json(version) for version in held],
                "moves": [*map(change_json, _last_moves(registry, model))],
            }
            for (model, held), last in zip(shown, newest, strict=True)
        ],
        "runs": origins.runs_of(store, [*versions, *(last for last in newest if last)]),
        "next_page_token": page.token or "",
    }


def _newest(model: RegisteredModel) -> ModelVersion | None:
    return max(model.latest_versions, key=lambda version: int(version.version), default=None)


def _aliased(registry: ModelRegistry, model: RegisteredModel, most: int) -> list[ModelVersion]:
    """Return the versions that aliases of a model point at, each once."""
    found: list[ModelVersion] = []
    for number in dict.fromkeys([*model.aliases.values()][:most]):
        try:
            found.append(registry.get_version(model.name, number))
        except NotFound:
            # Deleted since the model was read.
            continue
    return found


def _last_moves(registry: ModelRegistry, model: RegisteredModel) -> list[RegistryChange]:
    """Return the move of each alias that made it point where it does."""
    found: list[RegistryChange] = []
    for alias in [*model.aliases][:MOST_ALIASES]:
        found += registry.history(model.name, kinds=[ChangeKind.ALIAS], key=alias, max_results=1)
    return found


# -- one model -------------------------------------------------------------------------------------


@frozen
class ModelRequest:
    """Which model, and how many of its versions and changes."""

    name: str
    limit: Annotated[int, Between(1, MOST_VERSIONS)] = 50
    page_token: str = ""
    changes: Annotated[int, Between(1, MOST_CHANGES)] = 500


def _model(call: Call, asked: ModelRequest) -> Result:
    registry, store = registry_of(call), store_of(call)
    model = registry.get_model(asked.name)
    # Versions of prompts are found by who asks for prompts.
    prompts = f" AND tags.`{IS_PROMPT}` = 'true'" if is_prompt(model.tags) else ""
    page = registry.search_versions(
        filter=f"name = {literal(asked.name)}{prompts}",
        order_by=["version_number DESC"],
        max_results=asked.limit,
        page_token=asked.page_token or None,
    )
    changes = registry.history(asked.name, max_results=asked.changes)
    aliased = _aliased(registry, model, len(model.aliases))
    return {
        "model": model_json(model),
        "versions": [*map(version_json, page)],
        "next_page_token": page.token or "",
        "aliased": [*map(version_json, aliased)],
        "runs": origins.runs_of(store, [*page, *aliased]),
        "changes": [*map(change_json, changes)],
        "more_changes": changes.token is not None,
        **_rules(call, registry),
    }


def _rules(call: Call, registry: ModelRegistry) -> JsonObject:
    """Return the stages there are, and what aliases and stages require."""
    settings = call.host.settings(NAME)
    return {
        "stages": [*registry.stages],
        "gates": {key: [*gates] for key, gates in settings.gates.items()},
        "approvals_needed": settings.approvals_needed,
    }


# -- one version -----------------------------------------------------------------------------------


@frozen
class VersionRequest:
    """Which version of which model."""

    name: str
    version: str


def _version(call: Call, asked: VersionRequest) -> Result:
    registry, store = registry_of(call), store_of(call)
    version = registry.get_version(asked.name, asked.version)
    logged = origins.logged_of(store, version.model_id)
    run = origins.run_of(store, version.run_id or (logged.source_run_id if logged else None))
    changes = registry.history(version.name, version=version.version, max_results=MOST_CHANGES)
    return {
        "version": version_json(version),
        "run": None if run is None else origins.run_json(run),
        "logged_model": None if logged is None else origins.logged_json(logged),
        "copies": _found(registry, f"source_path = {literal(version.model_uri)}"),
        "same_model": [
            each
            for each in _found(registry, f"model_id = {literal(version.model_id or '')}")
            if (each["name"], each["version"]) != (version.name, version.version)
        ]
        if version.model_id
        else [],
        "users": _users(store, version.model_id),
        "changes": [*map(change_json, changes)],
        **_rules(call, registry),
    }


def _found(registry: ModelRegistry, filter_text: str) -> list[JsonObject]:
    try:
        found = registry.search_versions(filter=filter_text, max_results=MOST_LISTED)
    except PegboardError:
        # A registry of another make does not know this key.
        return []
    return [*map(version_json, found)]


def _users(store: TrackingStore, model_id: str | None) -> list[JsonObject]:
    """Return the runs that used the logged model of a version."""
    if not model_id:
        return []
    try:
        ids = store.logged_models().used_by(model_id, max_results=MOST_LISTED)
    except (NotFound, NotSupported):
        return []
    runs = (origins.run_of(store, run_id) for run_id in ids)
    return [
        {"run_id": run.info.run_id, "name": run.info.run_name, "status": run.info.status.value}
        for run in runs
        if run is not None
    ]


# -- what a promotion would meet -------------------------------------------------------------------


@frozen
class CheckRequest:
    """A promotion that somebody thinks about: a version to an alias, or to a stage."""

    name: str
    version: str
    key: str
    kind: ChangeKind = ChangeKind.ALIAS


def _check(call: Call, asked: CheckRequest) -> Result:
    registry = registry_of(call)
    version = registry.get_version(asked.name, asked.version)
    is_alias = asked.kind is ChangeKind.ALIAS
    key = asked.key if is_alias else registry.stage(asked.key)
    before = registry.get_model(asked.name).aliases.get(key) if is_alias else version.current_stage
    thought = Promotion(asked.kind, asked.name, version.version, key, before, author_of(call))
    is_asked = registry.allow is not None and (is_alias or key != registry.stages[0])
    given = registry.approvals(asked.name, version.version, key)
    return {
        "before": before,
        "gates": _verdicts(call, registry, thought) if is_asked else [],
        "approvals": [*map(change_json, given)],
    }


def _verdicts(call: Call, registry: ModelRegistry, thought: Promotion) -> Sequence[JsonObject]:
    """Return what each gate says; one that fails to say anything lets nothing pass."""
    return [*_each_verdict(call, registry, thought)]


def _each_verdict(call: Call, registry: ModelRegistry, thought: Promotion) -> Iterable[JsonObject]:
    for name in promotion.required_gates(call.host, thought.key):
        try:
            verdict = promotion.verdict_of(name, thought, registry, call.host)
        except PegboardError as error:
            told = " ".join(filter(None, (error.message, error.hint)))
            yield {"name": name, "passed": False, "explanation": told}
        else:
            yield {"name": name, "passed": verdict.passed, "explanation": verdict.explanation}


# -- endpoints -------------------------------------------------------------------------------------

_MAYBE = {"type": ["object", "null"]}
_RULES = {"stages": array(TEXT), "gates": mapping(array(TEXT)), "approvals_needed": INT64}
_RUNS = mapping(origins.RUN)
_TAGS = ("Pages",)

ENDPOINTS = [
    typed(
        "GET", f"{BASE}/models", _models, Permission.READ,
        "Registered models with what their aliases point at.", ModelsRequest,
        record(
            models=array(
                record(model=MODEL, newest=_MAYBE, aliased=array(VERSION), moves=array(CHANGE))
            ),
            runs=_RUNS, next_page_token=TEXT,
        ), tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/model", _model, Permission.READ,
        "A registered model with its versions, the runs behind them and its history.", ModelRequest,
        record(
            model=MODEL, versions=array(VERSION), next_page_token=TEXT, aliased=array(VERSION),
            runs=_RUNS, changes=array(CHANGE), more_changes=BOOLEAN, **_RULES,
        ), tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/version", _version, Permission.READ,
        "A version with what it comes from and what came of it.", VersionRequest,
        record(
            version=VERSION, run=_MAYBE, logged_model=_MAYBE, copies=array(VERSION),
            same_model=array(VERSION), changes=array(CHANGE),
            users=array(record(run_id=TEXT, name=TEXT, status=TEXT)), **_RULES,
        ), tags=_TAGS,
    ),
    typed(
        "GET", f"{BASE}/check", _check, Permission.WRITE,
        "Ask the gates about a promotion, without making it.", CheckRequest,
        record(
            before={"type": ["string", "null"]}, approvals=array(CHANGE),
            gates=array(record(name=TEXT, passed=BOOLEAN, explanation=TEXT)),
        ), tags=_TAGS,
    ),
]  # fmt: skip
