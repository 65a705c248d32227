"""What the database holds: endpoints, model definitions and secrets that were made through the API.

The fields are those of MLflow 3, whose clients make them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import field, frozen


class Linkage(StrEnum):
    """How a model belongs to an endpoint."""

    PRIMARY = "PRIMARY"
    FALLBACK = "FALLBACK"


class Strategy(StrEnum):
    """How calls are shared among the primary models of an endpoint."""

    SPLIT = "REQUEST_BASED_TRAFFIC_SPLIT"


class FallbackStrategy(StrEnum):
    """In which order the fallback models of an endpoint are tried."""

    SEQUENTIAL = "SEQUENTIAL"


@frozen(kw_only=True)
class Made:
    """When and by whom something was made and changed; milliseconds since 1970."""

    created_at: int
    last_updated_at: int
    created_by: str | None = None
    last_updated_by: str | None = None


@frozen(kw_only=True)
class SecretInfo(Made):
    """A secret, without its value."""

    secret_id: str
    secret_name: str
    masked_values: Mapping[str, str]
    provider: str | None = None
    auth_config: Mapping[str, str] = field(factory=dict)
    """What is no secret, such as ``api_base``."""


@frozen(kw_only=True)
class Definition(Made):
    """A model of a vendor, with the secret that it is called with."""

    model_definition_id: str
    name: str
    provider: str
    model_name: str
    secret_id: str | None = None
    """None: the secret was deleted."""
    secret_name: str | None = None


@frozen(kw_only=True)
class Link:
    """A model that an endpoint should have."""

    model_definition_id: str
    linkage_type: Linkage
    weight: float = 1.0
    fallback_order: int | None = None


@frozen(kw_only=True)
class Mapped(Link):
    """A model that an endpoint has."""

    mapping_id: str
    endpoint_id: str
    created_at: int
    created_by: str | None = None
    definition: Definition | None = None


@frozen(kw_only=True)
class Fallback:
    """What happens if the primary models fail."""

    strategy: FallbackStrategy | None = None
    max_attempts: int | None = None


@frozen(kw_only=True)
class StoredEndpoint(Made):
    """An endpoint."""

    endpoint_id: str
    name: str
    mappings: tuple[Mapped, ...] = ()
    tags: Mapping[str, str] = field(factory=dict)
    routing_strategy: Strategy | None = None
    fallback: Fallback | None = None
    experiment_id: str | None = None
    usage_tracking: bool = True
    options: Mapping[str, Any] = field(factory=dict)
    """What MLflow does not know: task, limits, budgets, cache and the like, as in pegboard.toml."""


@frozen(kw_only=True)
class Binding(Made):
    """Something of MLflow's, such as a scorer, that uses an endpoint."""

    endpoint_id: str
    resource_type: str
    resource_id: str
    display_name: str | None = None
