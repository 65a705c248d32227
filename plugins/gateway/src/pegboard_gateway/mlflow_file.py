"""The YAML file of MLflow's gateway, read unchanged: that of 2.x, its older names, and that of 3.x.

Unlike MLflow, which passes over keys that it does not know, this refuses them: a key that is
misspelled would hold for nothing. An ``api_key`` may be the key, ``$NAME`` of an environment
variable, or the path of a file that holds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen, validators
from pegboard import settings
from pegboard.errors import ConfigError

from pegboard_gateway import mlflow_vendors
from pegboard_gateway.settings import (
    EndpointTable,
    Limit,
    TargetTable,
    Validator,
    name_of_endpoint,
    one_of,
    period,
)

TASKS = ("llm/v1/chat", "llm/v1/completions", "llm/v1/embeddings")


@frozen
class _Limit:
    calls: int = field(validator=validators.ge(1))
    renewal_period: str = field(validator=period)
    key: str | None = None


@frozen
class _Model:
    provider: str
    name: str | None = None
    config: dict[str, Any] = field(factory=dict, repr=False)


_TASK: Validator = validators.optional(one_of(*TASKS))


@frozen
class _Endpoint:
    model: _Model
    name: str = field(validator=name_of_endpoint)
    endpoint_type: str | None = field(default=None, validator=_TASK)
    route_type: str | None = field(default=None, validator=_TASK)
    limit: _Limit | None = None

    def __attrs_post_init__(self) -> None:
        if (self.endpoint_type is None) == (self.route_type is None):
            raise ValueError("expected endpoint_type (or route_type, its older name)")


@frozen
class _Destination:
    name: str
    traffic_percentage: int = field(validator=[validators.ge(0), validators.le(100)])


@frozen
class _Route:
    name: str = field(validator=name_of_endpoint)
    task_type: str = field(validator=one_of(*TASKS))
    destinations: tuple[_Destination, ...] = field(validator=validators.min_len(1))
    routing_strategy: str = field(default="TRAFFIC_SPLIT", validator=one_of("TRAFFIC_SPLIT"))

    def __attrs_post_init__(self) -> None:
        if sum(each.traffic_percentage for each in self.destinations) != 100:
            raise ValueError("the traffic_percentage of all destinations should sum to 100")


@frozen
class _File:
    endpoints: tuple[_Endpoint, ...] = ()
    routes: tuple[_Route, ...] = ()


_CHATS = frozenset({"openai", "azure"})
"""What MLflow asks to chat where its endpoints complete."""
_SECRETS = ("api_key", "client_secret", "credentials", "provider_api_key")
"""The keys, by their names here, that may name a variable or a file."""
_SAPS_ADDRESS = "MLFLOW_GENAI_JUDGE_BASE_URL"


def read(file: Path, environ: Mapping[str, str] | None = None) -> tuple[EndpointTable, ...]:
    """Return the endpoints of a file; ConfigError names the file and the key that is wrong."""
    return _tables(
        _structured(_loaded(file), file), file, os.environ if environ is None else environ
    )


def _loaded(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text())
    except OSError as error:
        raise ConfigError(f"Cannot read {file}: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not valid YAML: {_fault(error)}.") from None
    if not isinstance(content, Mapping):
        raise ConfigError(
            f"{file}: expected endpoints, as in MLflow's gateway configuration.",
            hint="It begins with 'endpoints:'.",
        )
    return content


def _fault(error: Exception) -> str:
    """Return what is wrong with YAML and where, without a word of it: keys stand in it."""
    import yaml

    is_of_form = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
    said = str(error.problem) if is_of_form else "it cannot be read"  # type: ignore[attr-defined]
    mark = getattr(error, "problem_mark", None)
    return said if mark is None else f"{said} (line {mark.line + 1}, column {mark.column + 1})"


def _structured(content: Mapping[str, Any], file: Path) -> _File:
    """Check the form. What 2.x calls routes is endpoints by its older name."""
    given = {key: value for key, value in content.items() if value is not None}
    where = f"{file}:"
    routes = given.get("routes")
    if isinstance(routes, list) and not any(
        isinstance(each, Mapping) and "destinations" in each for each in routes
    ):
        if "endpoints" in given:
            raise ConfigError(f"{where} routes and endpoints are the same: leave one out.")
        given = {**given, "endpoints": routes}
        del given["routes"]
    if "endpoints" not in given:
        raise ConfigError(f"{where} the key 'endpoints' is missing.")
    given["endpoints"] = [_without_null(each) for each in _listed(given["endpoints"])]
    return settings.structure(_File, given, where)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _without_null(value: Any) -> Any:
    """Leave out what is null: for MLflow it is the same as what is not there."""
    if isinstance(value, Mapping):
        return {key: _without_null(each) for key, each in value.items() if each is not None}
    return value


def _tables(content: _File, file: Path, environ: Mapping[str, str]) -> tuple[EndpointTable, ...]:
    names = [each.name for each in content.endpoints] + [each.name for each in content.routes]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{file}: two endpoints are named {twice[0]!r}.")
    found = {
        each.name: _table(each, f"{file}: endpoints[{i}]", environ)
        for i, each in enumerate(content.endpoints)
    }
    routes = [
        _split(route, found, f"{file}: routes[{i}]") for i, route in enumerate(content.routes)
    ]
    return (*found.values(), *routes)


def _table(endpoint: _Endpoint, where: str, environ: Mapping[str, str]) -> EndpointTable:
    model, limit = endpoint.model, endpoint.limit
    provider, options = _options(model, f"{where}.model", environ)
    target = TargetTable(
        provider,
        model.name or endpoint.name,
        completions="chat" if provider in _CHATS else "auto",
        options=options,
    )
    return EndpointTable(
        name=endpoint.name,
        task=endpoint.endpoint_type or endpoint.route_type or "",
        targets=(target,),
        # MLflow counts the calls of each address.
        limits=(Limit(limit.calls, per=limit.renewal_period, by="address"),) if limit else (),
    )


def _split(route: _Route, endpoints: Mapping[str, EndpointTable], where: str) -> EndpointTable:
    """Return the endpoint that shares calls among others, by their first targets."""
    targets = []
    for i, each in enumerate(route.destinations):
        at = f"{where}.destinations[{i}].name"
        endpoint = endpoints.get(each.name)
        if endpoint is None:
            raise ConfigError(
                f"{at}: there is no endpoint {each.name!r}.", hint=_near(each.name, endpoints)
            )
        if endpoint.task != route.task_type:
            raise ConfigError(
                f"{at}: {each.name!r} is of type {endpoint.task}, the route of {route.task_type}."
            )
        [target] = endpoint.targets
        weight = float(each.traffic_percentage)
        targets.append(evolve(target, weight=weight))
    return EndpointTable(name=route.name, task=route.task_type, targets=tuple(targets))


def _options(model: _Model, where: str, environ: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return what the provider is called here, and its settings."""
    named, given = mlflow_vendors.name_of(model.provider), model.config
    kind = str(given.get("openai_api_type", "openai")).lower()
    if named == "openai" and kind in ("azure", "azuread"):
        named = "azure"
    elif kind not in ("openai", "azure", "azuread"):
        raise ConfigError(f"{where}.config.openai_api_type: expected openai, azure or azuread.")
    vendor = mlflow_vendors.VENDORS.get(named)
    if vendor is None:
        hint = mlflow_vendors.REFUSED.get(named) or _near(named, mlflow_vendors.VENDORS)
        known = ", ".join(sorted(mlflow_vendors.VENDORS))
        raise ConfigError(
            f"{where}.provider: there is no provider {model.provider!r}.",
            hint=hint or f"Providers of MLflow's that are here: {known}.",
        )
    _check(given, vendor.keys, vendor.required, f"{where}.config")
    if named == mlflow_vendors.LITELLM:
        provider, options = _of_litellm(given, where)
    else:
        provider, options = vendor.provider, _renamed(given, vendor.keys)
    _complete(options, named, model, where, environ)
    for key in _SECRETS:
        if key in options:
            options[key] = _secret(options[key], f"{where}.config", environ)
    if kind == "azuread":
        options["entra_token"] = options.pop("api_key")
    return provider, options


def _complete(
    options: dict[str, Any], named: str, model: _Model, where: str, environ: Mapping[str, str]
) -> None:
    """Add to the settings of a provider what MLflow says otherwise."""
    if named == "bedrock":
        options |= _of_aws(model.config["aws_config"], f"{where}.config.aws_config")
    elif named == mlflow_vendors.SERVED:
        options["chat"] = "inputs"  # It sends the text of a single message.
    elif named == mlflow_vendors.SAP:
        if not environ.get(_SAPS_ADDRESS):
            raise ConfigError(
                f"{where}: the address of SAP AI Core is missing.",
                hint=f"MLflow reads it from the environment variable {_SAPS_ADDRESS}.",
            )
        options["base_url"] = environ[_SAPS_ADDRESS]
    elif named == "ai21labs" and (model.name or "").startswith("j2"):
        raise ConfigError(
            f"{where}.name: {model.name!r} is no longer served.", hint=mlflow_vendors.JURASSIC
        )


def _of_litellm(given: Mapping[str, Any], where: str) -> tuple[str, dict[str, Any]]:
    """Return the provider and settings of a vendor that MLflow asks through LiteLLM."""
    named = mlflow_vendors.name_of(str(given.get("litellm_provider") or ""))
    settings_of = given.get("litellm_auth_config") or {}
    if not mlflow_vendors.is_known(named):
        what = f"there is no provider {named!r} here" if named else "it is missing"
        raise ConfigError(
            f"{where}.config.litellm_provider: {what}.", hint=mlflow_vendors.NO_LIBRARY
        )
    if not isinstance(settings_of, Mapping):
        raise ConfigError(f"{where}.config.litellm_auth_config: expected a table.")
    options = {
        mlflow_vendors.key_of(named, str(key)): value
        for key, value in settings_of.items()
        if key not in mlflow_vendors.NOT_OURS and value is not None
    }
    return named, options


def _of_aws(given: Any, where: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: expected a table.")
    _check(given, mlflow_vendors.AWS, (), where)
    return _renamed(given, mlflow_vendors.AWS)


def _renamed(given: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    return {keys[key]: value for key, value in given.items() if keys[key] and value is not None}


def _check(
    given: Mapping[str, Any], known: Iterable[str], required: Iterable[str], where: str
) -> None:
    for key in given:
        if key not in known:
            raise ConfigError(
                f"{where}.{key}: unknown key.",
                hint=_near(str(key), known) or f"Its keys are: {', '.join(known)}.",
            )
    for key in required:
        if given.get(key) in (None, ""):
            raise ConfigError(f"{where}: the key {key!r} is missing.")


def _near(name: str, known: Iterable[str]) -> str:
    return "".join(f"Did you mean {each!r}?" for each in get_close_matches(name, list(known), 1))


def _secret(value: Any, where: str, environ: Mapping[str, str]) -> str:
    """Return a key that is given as it is, as a variable, or in a file."""
    if not isinstance(value, str):
        raise ConfigError(f"{where}: expected a key as text, $NAME or the path of a file.")
    if value.startswith("$"):
        if found := environ.get(value[1:]):
            return found
        raise ConfigError(f"{where}: the environment variable {value[1:]!r} is not set.")
    try:
        if Path(value).is_file():
            return Path(value).read_text().strip()
    except (OSError, ValueError):
        # A key may be too long for a path, or no path at all.
        pass
    return value
