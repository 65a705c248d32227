"""What the database holds, as the tables that configure endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pegboard import settings
from pegboard.errors import ConfigError

from pegboard_gateway import mlflow_vendors
from pegboard_gateway.catalog.records import Linkage, Mapped, StoredEndpoint
from pegboard_gateway.settings import EndpointTable

OpenSecret = Callable[[str], Mapping[str, str]]

PER_MODEL = "per_model"
"""The key of those options that belong to one model: its price, say. By model definition."""
OF_MODELS = ("price", "max_parallel", "max_output_tokens")
"""The keys of a target's table that the database keeps beside what MLflow knows."""
OPTIONS = tuple(
    key
    for key in settings.keys(EndpointTable)
    if key not in ("name", "targets", "tags", "provider", "model", *OF_MODELS)
)
"""The keys of an endpoint's table that the database keeps beside what MLflow knows."""


def table(
    stored: StoredEndpoint,
    secrets: Mapping[str, Mapping[str, str]],
    open_secret: OpenSecret,
    where: str,
) -> EndpointTable:
    """Return the table of a stored endpoint; ConfigError, StoreError.

    ``secrets`` holds what is no secret of each secret (``auth_config``), by id.
    """
    if not stored.mappings:
        raise ConfigError(f"{where} has no model.", hint="Attach one.")
    first = next((m for m in stored.mappings if m.linkage_type is Linkage.PRIMARY), None)
    targets = []
    for mapped in sorted(stored.mappings, key=_order):
        alone = stored.routing_strategy is None and mapped.linkage_type is Linkage.PRIMARY
        # Without a strategy MLflow asks the first of the primary models alone.
        weight = float(mapped is first) if alone else mapped.weight
        own = stored.options.get(PER_MODEL, {}).get(mapped.model_definition_id, {})
        targets.append({**_target(mapped, weight, secrets, open_secret, where), **own})
    options = {key: value for key, value in stored.options.items() if key != PER_MODEL}
    made: dict[str, Any] = {
        **options,
        "name": stored.name,
        "tags": dict(stored.tags),
        "targets": targets,
    }
    if stored.fallback and stored.fallback.max_attempts is not None:
        # MLflow does not count the first choice.
        attempts = {"fallback_attempts": stored.fallback.max_attempts + 1}
        made["routing"] = {**made.get("routing", {}), **attempts}
    if stored.usage_tracking and "trace" not in made:
        made["trace"] = {
            "experiment": f"gateway/{stored.name}",
            "experiment_id": stored.experiment_id or "",
        }
    return settings.structure(EndpointTable, made, where)


def _order(mapped: Mapped) -> tuple[int, int]:
    if mapped.linkage_type is Linkage.PRIMARY:
        return 0, 0
    return 1, mapped.fallback_order or 0


def _target(
    mapped: Mapped,
    weight: float,
    secrets: Mapping[str, Mapping[str, str]],
    open_secret: OpenSecret,
    where: str,
) -> dict[str, Any]:
    definition = mapped.definition
    if definition is None or definition.secret_id is None:
        name = definition.name if definition else mapped.model_definition_id
        raise ConfigError(
            f"{where}: the secret of its model definition {name!r} was deleted.",
            hint="Give the definition another one.",
        )
    given = {**secrets.get(definition.secret_id, {}), **open_secret(definition.secret_id)}
    provider = mlflow_vendors.name_of(definition.provider)
    options = {
        mlflow_vendors.key_of(provider, key): value
        for key, value in given.items()
        if key not in mlflow_vendors.NOT_OURS
    }
    fallback = mapped.linkage_type is Linkage.FALLBACK
    return {
        **options,
        "provider": provider,
        "model": definition.model_name,
        # Those that are tried later need no share: all that reaches them is theirs.
        "weight": (weight or 1.0) if fallback else weight,
        "fallback": 1 + (mapped.fallback_order or 0) if fallback else 0,
    }
