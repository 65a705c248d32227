"""MLflow 3's endpoints, with their models, tags and bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import asdict, frozen
from pegboard.errors import AlreadyExists, InvalidState, InvalidValue
from pegboard_wire.http import Call, Endpoint, Result
from pegboard_wire.requests import NOTHING, store_of

from pegboard_gateway.admin.calls import catalog_of, existing, route, user_of, without_nothing
from pegboard_gateway.admin.credentials import definition_json
from pegboard_gateway.catalog import making
from pegboard_gateway.catalog.records import (
    Binding,
    Fallback,
    FallbackStrategy,
    Link,
    Linkage,
    Mapped,
    StoredEndpoint,
    Strategy,
)

if TYPE_CHECKING:
    from pegboard_gateway.catalog.stored import Endpoints

_BASE = "/api/3.0/mlflow/gateway/endpoints"


@frozen
class ModelConfig:
    """A model of an endpoint."""

    model_definition_id: str
    linkage_type: Linkage
    weight: float | None = None
    fallback_order: int | None = None

    def link(self) -> Link:
        """Return it as the database has it."""
        return Link(
            model_definition_id=self.model_definition_id,
            linkage_type=self.linkage_type,
            weight=1.0 if self.weight is None else self.weight,
            fallback_order=self.fallback_order,
        )


@frozen
class FallbackConfig:
    """What happens if the primary models fail."""

    strategy: FallbackStrategy | None = None
    max_attempts: int | None = None


@frozen
class NewEndpoint:
    """An endpoint to make."""

    name: str
    model_configs: tuple[ModelConfig, ...]
    created_by: str | None = None
    routing_strategy: Strategy | None = None
    fallback_config: FallbackConfig | None = None
    experiment_id: str | None = None
    usage_tracking: bool | None = None


@frozen
class ChangedEndpoint:
    """What changes of an endpoint."""

    endpoint_id: str
    name: str | None = None
    model_configs: tuple[ModelConfig, ...] | None = None
    updated_by: str | None = None
    routing_strategy: Strategy | None = None
    fallback_config: FallbackConfig | None = None
    experiment_id: str | None = None
    usage_tracking: bool | None = None


@frozen
class WhichEndpoint:
    """An endpoint, by id or by name."""

    endpoint_id: str | None = None
    name: str | None = None


@frozen
class OfEndpoint:
    """An endpoint, by id."""

    endpoint_id: str


@frozen
class Listed:
    """Which endpoints to list."""

    provider: str | None = None
    secret_id: str | None = None


@frozen
class Attached:
    """A model to attach."""

    endpoint_id: str
    model_config: ModelConfig
    created_by: str | None = None


@frozen
class Detached:
    """A model to detach."""

    endpoint_id: str
    model_definition_id: str


@frozen
class Tag:
    """A tag to set."""

    endpoint_id: str
    key: str
    value: str | None = None


@frozen
class TagKey:
    """A tag to take away."""

    endpoint_id: str
    key: str


@frozen
class NewBinding:
    """Something that uses an endpoint."""

    endpoint_id: str
    resource_type: str
    resource_id: str
    created_by: str | None = None


@frozen
class Bindings:
    """Which bindings to list."""

    endpoint_id: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None


def endpoint_json(endpoint: StoredEndpoint) -> dict[str, object]:
    """Return an endpoint as MLflow's clients know it."""
    fallback = endpoint.fallback
    return without_nothing(
        {
            "endpoint_id": endpoint.endpoint_id,
            "name": endpoint.name,
            "created_at": endpoint.created_at,
            "last_updated_at": endpoint.last_updated_at,
            "model_mappings": [mapping_json(each) for each in endpoint.mappings],
            "created_by": endpoint.created_by,
            "last_updated_by": endpoint.last_updated_by,
            "tags": [{"key": key, "value": value} for key, value in endpoint.tags.items()],
            "routing_strategy": endpoint.routing_strategy,
            "fallback_config": fallback and without_nothing(asdict(fallback)),
            "experiment_id": endpoint.experiment_id,
            "usage_tracking": endpoint.usage_tracking,
        }
    )


def mapping_json(mapped: Mapped) -> dict[str, object]:
    """Return a model that an endpoint has."""
    made = asdict(mapped, recurse=False)
    made["model_definition"] = mapped.definition and definition_json(mapped.definition)
    del made["definition"]
    return without_nothing(made)


def binding_json(binding: Binding) -> dict[str, object]:
    """Return what uses an endpoint."""
    return without_nothing(asdict(binding))


# -- endpoints --------------------------------------------------------------------------------


def _create(call: Call, given: NewEndpoint) -> Result:
    catalog = existing(call, "model definition")
    making.check_free(catalog, given.name)
    tracked = given.usage_tracking is not False
    experiment = given.experiment_id
    if tracked and experiment is None:
        experiment = _experiment(call, given.name)
    made = catalog.store.endpoints.create(
        given.name,
        [each.link() for each in given.model_configs],
        routing=given.routing_strategy,
        fallback=_fallback(given.fallback_config),
        experiment_id=experiment,
        usage_tracking=tracked,
        user=user_of(call, given.created_by),
    )
    catalog.refresh()
    return {"endpoint": endpoint_json(made)}


def _experiment(call: Call, name: str) -> str:
    """Return the experiment for the traces of an endpoint, which is made if it is not there."""
    store, title = store_of(call), f"gateway/{name}"
    tags = {"mlflow.experiment.sourceType": "GATEWAY", "mlflow.experiment.isGateway": "true"}
    try:
        return store.create_experiment(title, tags=tags).experiment_id
    except AlreadyExists:
        found = store.get_experiment_by_name(title)
        if found is None:
            raise InvalidState(f"The experiment {title!r} was deleted just now.") from None
        return found.experiment_id


def _fallback(given: FallbackConfig | None) -> Fallback | None:
    if given is None:
        return None
    return Fallback(strategy=given.strategy, max_attempts=given.max_attempts)


def _get(call: Call, given: WhichEndpoint) -> Result:
    if bool(given.endpoint_id) == bool(given.name):
        raise InvalidValue("Exactly one of endpoint_id or name must be provided.")
    return {"endpoint": endpoint_json(_stored(call).get(given.endpoint_id, given.name))}


def _stored(call: Call) -> Endpoints:
    return existing(call, "endpoint").store.endpoints


def _update(call: Call, given: ChangedEndpoint) -> Result:
    catalog = existing(call, "endpoint")
    before = catalog.store.endpoints.get(given.endpoint_id)
    if given.name and given.name != before.name:
        making.check_free(catalog, given.name)
    experiment = given.experiment_id
    if given.usage_tracking and experiment is None and before.experiment_id is None:
        experiment = _experiment(call, given.name or before.name)
    changed = catalog.store.endpoints.update(
        given.endpoint_id,
        name=given.name or None,
        # An empty list is one that was not given.
        links=[each.link() for each in given.model_configs] if given.model_configs else None,
        routing=given.routing_strategy,
        fallback=_fallback(given.fallback_config),
        experiment_id=experiment,
        usage_tracking=given.usage_tracking,
        user=user_of(call, given.updated_by),
    )
    catalog.refresh()
    return {"endpoint": endpoint_json(changed)}


def _delete(call: Call, given: OfEndpoint) -> Result:
    catalog = existing(call, "endpoint")
    catalog.store.endpoints.delete(given.endpoint_id)
    catalog.refresh()
    return NOTHING


def _list(call: Call, given: Listed) -> Result:
    catalog = catalog_of(call)
    if not catalog.store.exists():
        return {"endpoints": []}
    found = catalog.store.endpoints.all(given.provider or None, given.secret_id or None)
    return {"endpoints": [endpoint_json(each) for each in found]}


# -- models, tags, bindings -------------------------------------------------------------------


def _attach(call: Call, given: Attached) -> Result:
    catalog = existing(call, "endpoint")
    made = catalog.store.endpoints.attach(
        given.endpoint_id, given.model_config.link(), user_of(call, given.created_by)
    )
    catalog.refresh()
    return {"mapping": mapping_json(made)}


def _detach(call: Call, given: Detached) -> Result:
    catalog = existing(call, "endpoint")
    catalog.store.endpoints.detach(given.endpoint_id, given.model_definition_id)
    catalog.refresh()
    return NOTHING


def _set_tag(call: Call, given: Tag) -> Result:
    catalog = existing(call, "endpoint")
    catalog.store.endpoints.set_tag(given.endpoint_id, given.key, given.value or "")
    catalog.refresh()
    return NOTHING


def _delete_tag(call: Call, given: TagKey) -> Result:
    catalog = existing(call, "endpoint")
    catalog.store.endpoints.delete_tag(given.endpoint_id, given.key)
    catalog.refresh()
    return NOTHING


def _bind(call: Call, given: NewBinding) -> Result:
    made = _stored(call).bind(
        given.endpoint_id, given.resource_type, given.resource_id, user_of(call, given.created_by)
    )
    return {"binding": binding_json(made)}


def _unbind(call: Call, given: NewBinding) -> Result:
    _stored(call).unbind(given.endpoint_id, given.resource_type, given.resource_id)
    return NOTHING


def _list_bindings(call: Call, given: Bindings) -> Result:
    catalog = catalog_of(call)
    if not catalog.store.exists():
        return {"bindings": []}
    found = catalog.store.endpoints.bindings(
        given.endpoint_id or None, given.resource_type or None, given.resource_id or None
    )
    return {"bindings": [binding_json(each) for each in found]}


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, which are for administrators."""
    return [
        route(f"POST {_BASE}/create", _create, "Make an endpoint.", NewEndpoint),
        route(f"GET {_BASE}/get", _get, "Return an endpoint.", WhichEndpoint),
        route(f"POST {_BASE}/update", _update, "Change an endpoint.", ChangedEndpoint),
        route(f"DELETE {_BASE}/delete", _delete, "Delete an endpoint.", OfEndpoint),
        route(f"GET {_BASE}/list", _list, "List endpoints that were made so.", Listed),
        route(f"POST {_BASE}/models/attach", _attach, "Attach a model.", Attached),
        route(f"POST {_BASE}/models/detach", _detach, "Detach a model.", Detached),
        route(f"POST {_BASE}/set-tag", _set_tag, "Tag an endpoint.", Tag),
        route(f"DELETE {_BASE}/delete-tag", _delete_tag, "Take a tag away.", TagKey),
        route(f"POST {_BASE}/bindings/create", _bind, "Note what uses an endpoint.", NewBinding),
        route(f"DELETE {_BASE}/bindings/delete", _unbind, "Forget such a note.", NewBinding),
        route(f"GET {_BASE}/bindings/list", _list_bindings, "List what uses endpoints.", Bindings),
    ]
