"""Endpoints that are made while the gateway runs, checked before they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
from pegboard import settings, uris
from pegboard.errors import (
    AlreadyExists,
    ConfigError,
    InvalidValue,
    NotFound,
    PegboardError,
    Refused,
    quoted,
)
from pegboard_wire.locations import is_allowed
from pegboard_wire.outbound import Guard

from pegboard_gateway import mlflow_vendors
from pegboard_gateway.catalog import building
from pegboard_gateway.catalog.building import Entry, Models
from pegboard_gateway.catalog.records import Link, Linkage, StoredEndpoint, Strategy
from pegboard_gateway.catalog.tables import OF_MODELS, OPTIONS, PER_MODEL
from pegboard_gateway.settings import EndpointTable, TargetTable

if TYPE_CHECKING:
    from pegboard_gateway.catalog.live import LiveCatalog

_STEERING = frozenset({"api_base", "auth_url", "base_url", "endpoint", "endpoint_url", "token_url"})
_IS_URL = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.I)
_ALLOW = "The gateway's owner can allow it with [plugins.gateway] upstream_allow in pegboard.toml."


class UpstreamGuard(Guard):
    """Checks the addresses of upstreams that are named through the API."""

    def malformed(self, url: str, why: str) -> PegboardError:
        """Return the error for what is not the address of an upstream."""
        shown = quoted(uris.without_secrets(url))
        return InvalidValue(f"{shown} cannot be the address of an upstream.", hint=why)

    def private(self, host: str) -> PegboardError:
        """Return the error for a host that is not on the public internet."""
        return Refused(
            f"Upstreams may not be at {quoted(host)}: it is not on the public internet.",
            hint=_ALLOW,
        )


def check_address(url: str, allowed: tuple[str, ...]) -> None:
    """Refuse an address of an upstream that the gateway may not call; InvalidValue, Refused."""
    target = UpstreamGuard(allowed).check_url(url)
    if target.scheme != "https" and not is_allowed(url, allowed):
        raise Refused(
            f"{quoted(uris.without_secrets(url))} is not encrypted: keys would be sent in the "
            "clear.",
            hint=f"Use https. {_ALLOW}",
        )


def check_open_part(config: Mapping[str, str], allowed: tuple[str, ...]) -> dict[str, str]:
    """Return what is no secret of a secret (``auth_config``), without what is empty."""
    found = {key: value.strip() for key, value in config.items() if value.strip()}
    for key, value in found.items():
        if key in _STEERING or "://" in value:
            check_address(value, allowed)
    return found


def check_secret_part(value: Mapping[str, str]) -> None:
    """Refuse a secret that says where calls go: that belongs to what is checked and shown."""
    urls = {key for key, each in value.items() if _IS_URL.match(each)}
    if steering := sorted(urls | (_STEERING & value.keys())):
        raise InvalidValue(
            f"secret_value must not contain {steering[0]!r}, which chooses where calls go.",
            hint="Set it in auth_config, as api_base.",
        )


def check_provider(catalog: LiveCatalog, name: str) -> None:
    """Refuse a provider that no plugin offers, or that is not allowed."""
    known = catalog.host.declared("LLM provider")
    named = mlflow_vendors.name_of(name)
    if named not in known:
        available = f"Available are: {', '.join(sorted(known)) or 'none'}."
        raise InvalidValue(
            f"No installed plugin provides the LLM provider {quoted(name)}.",
            hint=mlflow_vendors.REFUSED.get(named) or available,
        )
    allowed = catalog.settings.providers
    if allowed and named not in allowed:
        raise Refused(
            f"The LLM provider {quoted(name)} is not allowed here.",
            hint=f"[gateway] providers names: {', '.join(allowed)}.",
        )


def check_free(catalog: LiveCatalog, name: str) -> None:
    """Refuse a name that an endpoint of a file has: AlreadyExists."""
    if catalog.is_of_files(name):
        source = catalog.current.endpoints[name].source
        raise AlreadyExists(
            f"Endpoint with name '{name}' already exists.", hint=f"It is configured in {source}."
        )


def add(catalog: LiveCatalog, table: Mapping[str, Any], user: str | None = None) -> StoredEndpoint:
    """Keep the endpoint that a table of the configuration describes, with its secrets sealed.

    InvalidValue or Refused for what is wrong, AlreadyExists.
    """
    allowed = catalog.settings.upstream_allow
    with as_clients():
        read = settings.structure(EndpointTable, table, "The endpoint:")
        check_free(catalog, read.name)
        targets = [target for target, _ in building.targets(read, "The endpoint:")]
        opened = [_opened(target, allowed) for target in targets]
        # What cannot be served is not kept.
        building.endpoint(Entry(read, "database", "The endpoint:", allowed), Models(catalog.host))
    links: list[Link] = []
    per_model: dict[str, Any] = {}
    try:
        for i, (target, (secret, plain)) in enumerate(zip(targets, opened, strict=True)):
            definition_id = _define(catalog, f"{read.name}/{i}", target, secret, plain, user)
            links.append(_link(definition_id, target))
            own = {key: table_of(getattr(target, key)) for key in OF_MODELS}
            per_model[definition_id] = {k: v for k, v in own.items() if v is not None}
        options = {key: table[key] for key in OPTIONS if key in table}
        made = catalog.store.endpoints.create(
            read.name,
            links,
            routing=Strategy.SPLIT,
            usage_tracking=read.trace is not None,
            options={**options, PER_MODEL: per_model},
            user=user,
        )
        for key, value in read.tags.items():
            catalog.store.endpoints.set_tag(made.endpoint_id, key, value)
    except BaseException:
        _forget(catalog, [link.model_definition_id for link in links])
        raise
    catalog.refresh()
    return catalog.store.endpoints.get(made.endpoint_id)


def remove(catalog: LiveCatalog, name: str) -> None:
    """Delete an endpoint of the database, with models and secrets that only it had."""
    if catalog.is_of_files(name):
        source = catalog.current.endpoints[name].source
        raise Refused(f"The endpoint {name!r} is configured in {source}.", hint="Remove it there.")
    if not catalog.store.exists():
        raise NotFound(f"There is no endpoint {quoted(name)}.")
    stored = catalog.store.endpoints.get(name=name)
    catalog.store.endpoints.delete(stored.endpoint_id)
    own = [
        mapped.model_definition_id
        for mapped in stored.mappings
        if mapped.definition and mapped.definition.name.startswith(f"{name}/")
    ]
    _forget(catalog, own)
    catalog.refresh()


@contextmanager
def as_clients() -> Iterator[None]:
    """Make wrong settings, which are else a fault of the owner's, one of who sent them."""
    try:
        yield
    except ConfigError as error:
        raise InvalidValue(error.message, hint=error.hint) from None


def table_of(value: Any) -> Any:
    """Return a class of settings as JSON: what differs from the defaults."""
    if not attrs.has(type(value)):
        return value
    return {
        each.name: table_of(getattr(value, each.name))
        for each in attrs.fields(type(value))
        if getattr(value, each.name) != each.default
    }


def _opened(target: TargetTable, allowed: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the settings of a provider that are secret, and those that are not."""
    secret: dict[str, str] = {}
    plain: dict[str, str] = {}
    for key, value in target.options.items():
        if not isinstance(value, str):
            # A variable of this process is not the client's to read.
            raise InvalidValue(f"The setting {key!r} of a provider must be text.")
        # A key as JSON, such as Google's, has addresses in it and is none.
        if key in _STEERING or _IS_URL.match(value):
            check_address(value, allowed)
            plain[key] = value
        else:
            secret[key] = value
    return secret, plain


def _define(
    catalog: LiveCatalog,
    name: str,
    target: TargetTable,
    secret: Mapping[str, str],
    plain: Mapping[str, str],
    user: str | None,
) -> str:
    credentials = catalog.store.credentials
    made = credentials.create_secret(
        name, secret, provider=target.provider, auth_config=plain, user=user
    )
    definition = credentials.create_definition(
        name, made.secret_id, target.provider, target.model, user
    )
    return definition.model_definition_id


def _link(definition_id: str, target: TargetTable) -> Link:
    return Link(
        model_definition_id=definition_id,
        linkage_type=Linkage.FALLBACK if target.fallback else Linkage.PRIMARY,
        weight=target.weight,
        fallback_order=target.fallback - 1 if target.fallback else None,
    )


def _forget(catalog: LiveCatalog, definitions: list[str]) -> None:
    """Delete model definitions that no endpoint has, with their secrets."""
    credentials = catalog.store.credentials
    for definition_id in definitions:
        found = credentials.definition(definition_id)
        if any(
            mapped.model_definition_id == definition_id
            for endpoint in catalog.store.endpoints.all()
            for mapped in endpoint.mappings
        ):
            continue
        credentials.delete_definition(definition_id)
        if found.secret_id and not credentials.definitions(secret_id=found.secret_id):
            credentials.delete_secret(found.secret_id)
