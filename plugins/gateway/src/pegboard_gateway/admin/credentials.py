"""MLflow 3's secrets and model definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from attrs import asdict, frozen
from pegboard.errors import InvalidValue
from pegboard_wire.http import Call, Endpoint, Result
from pegboard_wire.requests import NOTHING
from pegboard_wire.typed import AtMost

from pegboard_gateway.admin.calls import catalog_of, existing, route, user_of, without_nothing
from pegboard_gateway.catalog import making
from pegboard_gateway.catalog.records import Definition, SecretInfo

_BASE = "/api/3.0/mlflow/gateway"
_Name = Annotated[str, AtMost(255)]


@frozen
class NewSecret:
    """A secret to keep."""

    secret_name: _Name
    secret_value: dict[str, str]
    provider: str | None = None
    auth_config: dict[str, str] | None = None
    created_by: str | None = None


@frozen
class ChangedSecret:
    """What changes of a secret; what is empty stays."""

    secret_id: str
    secret_value: dict[str, str] | None = None
    auth_config: dict[str, str] | None = None
    updated_by: str | None = None


@frozen
class WhichSecret:
    """A secret, by id or by name."""

    secret_id: str | None = None
    secret_name: str | None = None


@frozen
class OfSecret:
    """A secret, by id."""

    secret_id: str


@frozen
class Secrets:
    """Which secrets to list."""

    provider: str | None = None


@frozen
class NewDefinition:
    """A model to define."""

    name: _Name
    secret_id: str
    provider: str
    model_name: str
    created_by: str | None = None


@frozen
class ChangedDefinition:
    """What changes of a model definition."""

    model_definition_id: str
    name: _Name | None = None
    secret_id: str | None = None
    model_name: str | None = None
    provider: str | None = None
    updated_by: str | None = None


@frozen
class OfDefinition:
    """A model definition, by id."""

    model_definition_id: str


@frozen
class Definitions:
    """Which model definitions to list."""

    provider: str | None = None
    secret_id: str | None = None


def secret_json(secret: SecretInfo) -> dict[str, object]:
    """Return a secret without its value."""
    return without_nothing(asdict(secret))


def definition_json(definition: Definition) -> dict[str, object]:
    """Return a model definition."""
    return without_nothing(asdict(definition))


# -- secrets ----------------------------------------------------------------------------------


def _create_secret(call: Call, given: NewSecret) -> Result:
    catalog = catalog_of(call)
    _check_value(given.secret_value)
    config = making.check_open_part(given.auth_config or {}, catalog.settings.upstream_allow)
    made = catalog.store.credentials.create_secret(
        given.secret_name,
        given.secret_value,
        provider=given.provider or None,
        auth_config=config,
        user=user_of(call, given.created_by),
    )
    return {"secret": secret_json(made)}


def _check_value(value: dict[str, str]) -> None:
    if not value or not all(value.values()):
        raise InvalidValue(
            "A secret needs a value.", hint='Such as {"api_key": "…"}; none may be empty.'
        )
    making.check_secret_part(value)


def _get_secret(call: Call, given: WhichSecret) -> Result:
    if bool(given.secret_id) == bool(given.secret_name):
        raise InvalidValue("Exactly one of secret_id or secret_name must be provided.")
    credentials = existing(call, "secret").store.credentials
    return {"secret": secret_json(credentials.secret(given.secret_id, given.secret_name))}


def _update_secret(call: Call, given: ChangedSecret) -> Result:
    catalog = existing(call, "secret")
    if given.secret_value:
        _check_value(given.secret_value)
    config = None
    if given.auth_config:
        config = making.check_open_part(given.auth_config, catalog.settings.upstream_allow)
    changed = catalog.store.credentials.update_secret(
        given.secret_id,
        value=given.secret_value or None,
        auth_config=config,
        user=user_of(call, given.updated_by),
    )
    catalog.refresh()
    return {"secret": secret_json(changed)}


def _delete_secret(call: Call, given: OfSecret) -> Result:
    catalog = existing(call, "secret")
    catalog.store.credentials.delete_secret(given.secret_id)
    catalog.refresh()
    return NOTHING


def _list_secrets(call: Call, given: Secrets) -> Result:
    catalog = catalog_of(call)
    if not catalog.store.exists():
        return {"secrets": []}
    found = catalog.store.credentials.secrets(given.provider or None)
    return {"secrets": [secret_json(each) for each in found]}


# -- model definitions ------------------------------------------------------------------------


def _create_definition(call: Call, given: NewDefinition) -> Result:
    catalog = existing(call, "secret")
    making.check_provider(catalog, given.provider)
    made = catalog.store.credentials.create_definition(
        given.name,
        given.secret_id,
        given.provider,
        given.model_name,
        user_of(call, given.created_by),
    )
    return {"model_definition": definition_json(made)}


def _get_definition(call: Call, given: OfDefinition) -> Result:
    credentials = existing(call, "model definition").store.credentials
    return {"model_definition": definition_json(credentials.definition(given.model_definition_id))}


def _list_definitions(call: Call, given: Definitions) -> Result:
    catalog = catalog_of(call)
    if not catalog.store.exists():
        return {"model_definitions": []}
    found = catalog.store.credentials.definitions(given.provider or None, given.secret_id or None)
    return {"model_definitions": [definition_json(each) for each in found]}


def _update_definition(call: Call, given: ChangedDefinition) -> Result:
    catalog = existing(call, "model definition")
    if given.provider:
        making.check_provider(catalog, given.provider)
    changed = catalog.store.credentials.update_definition(
        given.model_definition_id,
        name=given.name or None,
        secret_id=given.secret_id or None,
        model=given.model_name or None,
        provider=given.provider or None,
        user=user_of(call, given.updated_by),
    )
    catalog.refresh()
    return {"model_definition": definition_json(changed)}


def _delete_definition(call: Call, given: OfDefinition) -> Result:
    catalog = existing(call, "model definition")
    catalog.store.credentials.delete_definition(given.model_definition_id)
    return NOTHING


def endpoints() -> Sequence[Endpoint]:
    """Return the routes, which are for administrators."""
    secrets, models = f"{_BASE}/secrets", f"{_BASE}/model-definitions"
    return [
        route(f"POST {secrets}/create", _create_secret, "Keep a secret.", NewSecret),
        route(f"GET {secrets}/get", _get_secret, "Return a secret, masked.", WhichSecret),
        route(f"POST {secrets}/update", _update_secret, "Change a secret.", ChangedSecret),
        route(f"DELETE {secrets}/delete", _delete_secret, "Forget a secret.", OfSecret),
        route(f"GET {secrets}/list", _list_secrets, "List the secrets, masked.", Secrets),
        route(f"POST {models}/create", _create_definition, "Define a model.", NewDefinition),
        route(f"GET {models}/get", _get_definition, "Return a model definition.", OfDefinition),
        route(f"GET {models}/list", _list_definitions, "List model definitions.", Definitions),
        route(
            f"POST {models}/update",
            _update_definition,
            "Change a model definition.",
            ChangedDefinition,
        ),
        route(
            f"DELETE {models}/delete",
            _delete_definition,
            "Delete a model definition.",
            OfDefinition,
        ),
    ]
