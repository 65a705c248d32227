"""Registered scorers of an experiment: listed, returned and deleted, under MLflow's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.errors import InvalidValue, quoted
from pegboard_stores.scorers import ScorerVersion, content

from pegboard_evaluation.genai import (
    builtin,
    ensembles,
    registration,
    rules,
    scoring,
    sources,
    stepwise,
    verdicts,
)
from pegboard_evaluation.genai.judging import InstructionsJudge
from pegboard_evaluation.genai.scoring import Scorer

_HOMES = (builtin, rules, stepwise)


def list_scorers(*, experiment_id: str | None = None) -> list[Scorer]:
    """Return the latest versions of the scorers of an experiment, by default the current one.

    Code is not run by that: see ``get_scorer``.
    """
    store = registration.store()
    return _hydrated(store.latest([registration.home(experiment_id)]))


def list_scorer_versions(
    *, name: str, experiment_id: str | None = None
) -> list[tuple[Scorer, int]]:
    """Return all versions of a scorer with their numbers; NotFound."""
    found = registration.store().versions(registration.home(experiment_id), name)
    return [(made, each.version) for made, each in zip(_hydrated(found), found, strict=True)]


def get_scorer(
    *, name: str, experiment_id: str | None = None, version: int | None = None
) -> Scorer:
    """Return a registered scorer, by default its latest version; NotFound.

    One that is code says so when it is called, and shows its ``source``: it runs only if
    PEGBOARD_SERVER_ENABLE_CUSTOM_SCORERS is true. InvalidValue for a kind that is not known here.
    """
    found = registration.store().get(registration.home(experiment_id), name, version)
    return _hydrated([found])[0]


def delete_scorer(
    *, name: str, experiment_id: str | None = None, version: int | str | None = None
) -> None:
    """Delete a version of a scorer, or ``"all"``; NotFound."""
    if version is None:
        raise InvalidValue("Say which version to delete: its number, or 'all'.")
    number = None if version == "all" else int(version)
    registration.store().delete(registration.home(experiment_id), name, number)


def _hydrated(versions: Sequence[ScorerVersion]) -> list[Scorer]:
    found = registration.store().schedules([each.scorer_id for each in versions])
    schedules = {each.scorer_id: each for each in found}
    return [
        load(each.serialized).with_registration(each, schedules.get(each.scorer_id))
        for each in versions
    ]


def load(serialized: str) -> Scorer:
    """Return the scorer that was serialized; InvalidValue for a kind that is not known here."""
    return _loaded(content.data(serialized))


def _loaded(data: Mapping[str, Any]) -> Scorer:
    name = data.get("name")
    if not isinstance(name, str):
        raise InvalidValue("What is registered has no name, so it is not a scorer.")
    common = {
        "name": name,
        "description": data.get("description"),
        "aggregations": data.get("aggregations"),
        "timeout": data.get("timeout"),
    }
    if data.get("call_source"):
        return sources.loaded(common, data)
    if judge := data.get("instructions_judge_pydantic_data"):
        return InstructionsJudge(
            **common,
            instructions=judge.get("instructions"),
            model=judge.get("model"),
            feedback_type=verdicts.kind_of(judge.get("feedback_value_type")),
            inference_params=judge.get("inference_params"),
        )
    if data.get("builtin_scorer_class"):
        return _builtin(common, data)
    if several := data.get("ensemble_scorer_data"):
        return ensembles.EnsembleScorer(
            **common,
            scorers=[_loaded(each) for each in several.get("scorers") or ()],
            ensemble_fn=several.get("ensemble_fn"),
        )
    kind = next((key for key in sorted(data) if key.endswith("_data") and data[key]), "nothing")
    raise InvalidValue(
        f"The scorer {name!r} is of a kind that is not known here ({quoted(kind)}).",
        hint="Known are judges, built-in scorers, functions, and ensembles of them.",
    )


def _builtin(common: Mapping[str, Any], data: Mapping[str, Any]) -> Scorer:
    named = str(data["builtin_scorer_class"])
    kind = next((getattr(each, named) for each in _HOMES if hasattr(each, named)), None)
    if not (isinstance(kind, type) and issubclass(kind, Scorer)):
        raise InvalidValue(
            f"The scorer {common['name']!r} is a {quoted(named)}, which there is not here."
        )
    given = data.get("builtin_scorer_pydantic_data") or {}
    own = {
        key: given[key]
        for key in scoring.fields_of(kind)
        if key not in common and given.get(key) is not None
    }
    return kind(**common, **own)
