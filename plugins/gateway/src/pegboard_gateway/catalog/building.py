"""Endpoints for calls, made of the tables that configure them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from attrs import frozen
from pegboard import settings
from pegboard.contracts.llm import Model, Task
from pegboard.errors import ConfigError, PluginError, quoted

from pegboard_gateway import mlflow_vendors
from pegboard_gateway.catalog.completing import by_chat
from pegboard_gateway.catalog.contract import GatewayEndpoint, Target
from pegboard_gateway.control.guardrails import Setting, guard_of
from pegboard_gateway.settings import EndpointTable, TargetTable

if TYPE_CHECKING:
    from pegboard.host import Host

ANY = ("*",)
"""The hosts that an upstream may have if the owner of the configuration file names it."""


@frozen
class Entry:
    """A table, and where it is from."""

    table: EndpointTable
    source: str
    """A file, or ``database``."""
    where: str
    """What errors call it: file and table."""
    allowed_hosts: tuple[str, ...] = ANY


class Models:
    """The models that endpoints share: one for each provider and settings, kept over reloads."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._made: dict[tuple[str, str], Model] = {}
        self._wanted: dict[tuple[str, str], Model] = {}
        self._allowed: tuple[str, ...] = host.settings("gateway").providers

    def begin(self, allowed: tuple[str, ...] = ()) -> None:
        """Begin to make a snapshot, with models of some providers alone if any are named."""
        self._wanted, self._allowed = {}, allowed

    def keep(self) -> None:
        """Keep the models of the snapshot that was made, and forget others.

        Calls that still run hold those that they need.
        """
        self._made = self._wanted

    def get(self, target: TargetTable, where: str) -> Model:
        """Return the model of a target; ConfigError names ``where``."""
        if self._allowed and target.provider not in self._allowed:
            raise ConfigError(
                f"{where} provider: {quoted(target.provider)} is not allowed here.",
                hint=f"[gateway] providers names: {', '.join(self._allowed)}.",
            )
        key = (target.provider, json.dumps(target.options, sort_keys=True, default=repr))
        model = self._plain(key, target, where)
        can = model.takes_of(target.model)
        lacks = target.completions == "auto" and Task.COMPLETION not in can and Task.CHAT in can
        if not lacks and target.completions != "chat":
            return model
        changed = (key[0], f"by chat: {key[1]}")
        found = self._made.get(changed) or self._wanted.get(changed) or by_chat(model)
        self._wanted[changed] = found
        return found

    def check_guardrails(self, table: EndpointTable, where: str) -> None:
        """Refuse guardrails that cannot be made; ConfigError."""
        if table.guardrails:
            try:
                guard_of(self._host, table.guardrails, Setting(table.name, where=where))
            except ConfigError as error:
                raise ConfigError(f"{where} guardrails: {error.message}", hint=error.hint) from None

    def _plain(self, key: tuple[str, str], target: TargetTable, where: str) -> Model:
        found = self._wanted.get(key) or self._made.get(key)
        if found is None:
            try:
                found = self._host.llm_provider(target.provider, target.options, where)
            except PluginError as error:
                gone = mlflow_vendors.REFUSED.get(mlflow_vendors.name_of(target.provider))
                said = f"{where} provider: {error.message}"
                raise ConfigError(said, hint=gone or error.hint) from None
            except ConfigError as error:
                hint = _of_target(target.options) or error.hint
                raise ConfigError(error.message, hint=hint) from None
        self._wanted[key] = found
        return found


def endpoints(entries: Iterable[Entry], models: Models) -> dict[str, GatewayEndpoint]:
    """Return the endpoints of tables by name; ConfigError for the first that is wrong."""
    found: dict[str, GatewayEndpoint] = {}
    for entry in entries:
        name = entry.table.name
        if name in found:
            raise ConfigError(
                f"{entry.where} name: there is an endpoint {name!r} already, from "
                f"{found[name].source}."
            )
        found[name] = endpoint(entry, models)
    return found


def endpoint(entry: Entry, models: Models) -> GatewayEndpoint:
    """Return the endpoint of a table; ConfigError."""
    table = entry.table
    task = Task(table.task) if table.task else None
    made = []
    for i, (given, where) in enumerate(targets(table, entry.where)):
        model = models.get(given, where)
        if task is not None and task not in model.takes_of(given.model):
            can = ", ".join(model.takes_of(given.model)) or "none"
            raise ConfigError(
                f"{entry.where} task: {given.provider} cannot do {task.value} with "
                f"{given.model!r}.",
                hint=f"Its tasks are: {can}.",
            )
        made.append(_target(f"{table.name}/{i}", given, model, entry.allowed_hosts))
    models.check_guardrails(table, entry.where)
    return GatewayEndpoint(
        name=table.name,
        targets=tuple(made),
        task=task,
        routing=table.routing,
        retries=table.retries,
        breaker=table.breaker,
        timeouts=table.timeouts,
        limits=(*([table.limit] if table.limit else ()), *table.limits),
        budgets=(*([table.budget] if table.budget else ()), *table.budgets),
        cache=table.cache,
        guardrails=table.guardrails,
        trace=table.trace,
        tags=table.tags,
        prompt=table.prompt.removeprefix("prompts:/"),
        proxy=table.proxy,
        source=entry.source,
    )


def _target(key: str, given: TargetTable, model: Model, allowed: tuple[str, ...]) -> Target:
    return Target(
        key=key,
        provider=given.provider,
        model_name=given.model,
        model=model,
        weight=given.weight,
        fallback_order=given.fallback,
        price=given.price,
        max_parallel=given.max_parallel,
        max_output_tokens=given.max_output_tokens,
        allowed_hosts=allowed,
    )


def targets(table: EndpointTable, where: str) -> list[tuple[TargetTable, str]]:
    """Return the targets of an endpoint, and what errors call each."""
    if not table.targets:
        return [(_short(table, where), where)]
    if table.provider or table.model:
        key = "provider" if table.provider else "model"
        raise ConfigError(f"{where} {key}: the endpoint has targets; move it to one of these.")
    for key in table.options:
        raise ConfigError(
            f"{where} {key}: unknown key.",
            hint=_near(key, settings.keys(EndpointTable))
            or "The settings of a provider belong to the targets.",
        )
    if not any(target.weight and not target.fallback for target in table.targets):
        raise ConfigError(
            f"{where} targets: no first choice among them has a weight.",
            hint="One at least needs fallback = 0 and a weight above 0, which are the defaults.",
        )
    return [(target, f"{where} targets[{i}]") for i, target in enumerate(table.targets)]


def _short(table: EndpointTable, where: str) -> TargetTable:
    for key in ("provider", "model"):
        if not getattr(table, key):
            near = get_close_matches(key, list(table.options), 1)
            raise ConfigError(
                f"{where} {key}: the key {key!r} is missing.",
                hint="".join(f"Is {name!r} meant to be it?" for name in near)
                or f'{key} = "…", or several models as [[gateway.endpoints.targets]].',
            )
    return TargetTable(
        table.provider,
        table.model,
        price=table.price,
        max_parallel=table.max_parallel,
        max_output_tokens=table.max_output_tokens,
        options=table.options,
    )


def _of_target(options: Mapping[str, object]) -> str:
    """Say which key of ours may have been meant by one that a provider does not know."""
    known = {*settings.keys(TargetTable), *settings.keys(EndpointTable)}
    return " ".join(filter(None, (_near(key, known) for key in options)))


def _near(name: str, known: Iterable[str]) -> str:
    found = get_close_matches(name, list(known), 1, cutoff=0.75)
    return "".join(f"Did you mean {each!r}?" for each in found)
