"""Promotion: the stages there are, and the gates that the configuration puts before them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from pegboard import plugin_calls
from pegboard.contracts.registry import ModelRegistry, Promotion
from pegboard.errors import ConfigError, PegboardError, PluginError, Refused
from pegboard.targets import resolve

from pegboard_registry.hookspecs import Verdict
from pegboard_registry.names import NAME

if TYPE_CHECKING:
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.host import Host

    from pegboard_registry.hookspecs import Gate


def govern(registry: ModelRegistry, host: Host) -> None:
    """Give a registry the configured stages and gates; ConfigError if these are wrong."""
    settings = host.settings(NAME)
    registry.stages = _stages(host, settings.stages)
    if settings.gates:
        registry.allow = partial(_ask, host, registry)


def required_gates(host: Host, key: str) -> Sequence[str]:
    """Return the names of the gates that an alias or a stage requires.

    Small and capital letters count as the same, so that no gate is missed by a spelling.
    """
    wanted = ("*", key.casefold())
    configured = host.settings(NAME).gates.items()
    names = [name for at, gates in configured if at.casefold() in wanted for name in gates]
    return list(dict.fromkeys(names))


def store_beside(host: Host, registry: ModelRegistry) -> TrackingStore:
    """Return the tracking store with the runs that the versions of a registry come from.

    That is the configured one for the configured registry, else the one of the same URI.
    """
    configured = host.config.pegboard.registry_uri
    return host.tracking_store(None if registry.uri == configured else registry.uri)


def _stages(host: Host, stages: Sequence[str]) -> Sequence[str]:
    if not stages or len({stage.casefold() for stage in stages}) < len(stages):
        raise ConfigError(
            f"{host.config.file}: [registry] stages has to name at least one, each once: "
            f"{stages!r}.",
        )
    return tuple(stages)


def _ask(host: Host, registry: ModelRegistry, promotion: Promotion) -> None:
    """Raise Refused unless every gate that is configured for a promotion lets it pass."""
    for name in required_gates(host, promotion.key):
        verdict = verdict_of(name, promotion, registry, host)
        if not verdict.passed:
            what = f"version {promotion.version} of {promotion.name!r}"
            raise Refused(
                f"The gate {name!r} does not let {what} become {promotion.key!r}: "
                f"{verdict.explanation or 'it gives no reason'}",
            )


def verdict_of(name: str, promotion: Promotion, registry: ModelRegistry, host: Host) -> Verdict:
    """Return what a gate says of a promotion; ConfigError if there is no gate of that name."""
    known = host.declared("gate")
    if name not in known:
        raise ConfigError(
            f"{host.config.file}: [registry.gates] names {name!r}, which is not a gate.",
            hint=f"Gates are: {', '.join(sorted(known)) or 'none'}.",
        )
    return _verdict(known[name], promotion, registry, host)


def _verdict(gate: Gate, promotion: Promotion, registry: ModelRegistry, host: Host) -> Verdict:
    """Return what a gate says; PluginError, so that nothing passes, if it fails to say it."""
    owners = [name for name, each in host.plugins.items() if gate in each.declared.get("gate", ())]
    which = f"The gate {gate.name!r} of the plugin {owners[0]!r}"
    hint = "[registry.gates] in pegboard.toml says what requires it."
    try:
        verdict = resolve(gate.target)(promotion, registry, host)
    except PegboardError:
        raise
    except BaseException as error:
        if plugin_calls.is_fatal(error):
            raise
        said = plugin_calls.described(error)
        raise PluginError(f"{which} failed: {said}.", hint=hint) from error
    if not isinstance(verdict, Verdict):
        raise PluginError(
            f"{which} returned {plugin_calls.shown(verdict)}, not a Verdict.", hint=hint
        )
    return verdict
