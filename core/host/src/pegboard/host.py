"""The host: finds plugins, checks them, and opens what they declare."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pluggy

import pegboard
from pegboard import config as configuration
from pegboard import distributions, hookspecs, plugin_calls, uris
from pegboard.errors import (
    ConfigError,
    PluginError,
    Refused,
    UnknownScheme,
    with_article,
)
from pegboard.plugin_calls import HOOKS, described, is_fatal, name_of
from pegboard.plugin_calls import Plugin as Plugin

if TYPE_CHECKING:
    from logging import Logger

    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.evaluation import Evaluator
    from pegboard.contracts.http import Endpoint
    from pegboard.contracts.llm import LLMProvider
    from pegboard.contracts.models import ModelFlavor
    from pegboard.contracts.projects import ProjectRunner
    from pegboard.contracts.registry import ModelRegistry, Promotion
    from pegboard.contracts.tracking import TrackingStore


class Host:
    """Plugins and configuration brought together. Safe to use from any thread."""

    def __init__(self, config: configuration.Config | None = None) -> None:
        """Use ``config``, or what ``pegboard.config.load`` finds."""
        self.config = configuration.load() if config is None else config
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.plugins: dict[str, Plugin] = {}
        self._declared: dict[str, dict[str, tuple[str, Any]]] = {}
        self._defaults: dict[str, Mapping[str, Any]] = {}
        self._settings: dict[str, Mapping[str, Any]] = {}
        self._stores: dict[str, TrackingStore] = {}
        self._registries: dict[str, ModelRegistry] = {}
        self._warned: set[tuple[str, str]] = set()
        self._lock = threading.RLock()
        self._discover()
        self._check_settings()

    # -- what callers open ---------------------------------------------------------------------

    def tracking_store(self, uri: str | None = None) -> TrackingStore:
        """Return the tracking store of a URI (default: the configured one), opened once."""
        text = uri or self.config.tracking.uri
        with self._lock:
            if text not in self._stores:
                self._stores[text] = self._open("tracking store", text)
            return self._stores[text]

    def model_registry(self, uri: str | None = None) -> ModelRegistry:
        """Return the model registry of a URI, opened once.

        Without one: the configured one, or the one beside the configured tracking store. The gates
        and stages of the configuration hold for it.
        """
        text = uri or self.config.registry.uri or self.config.tracking.uri
        with self._lock:
            if text not in self._registries:
                stages = self._stages()
                registry: ModelRegistry = self._open("model registry", text)
                registry.stages = stages
                if self.config.registry.gates:
                    registry.allow = partial(self._ask_gates, registry)
                self._registries[text] = registry
            return self._registries[text]

    def store_beside(self, registry: ModelRegistry) -> TrackingStore:
        """Return the tracking store with the runs that the versions of a registry come from.

        That is the configured one for the configured registry, else the one of the same URI.
        """
        with self._lock:
            found = (text for text, opened in self._registries.items() if opened is registry)
            text = next(found, None)
        return self.tracking_store(None if text == self.config.registry.uri else text)

    def gates(self) -> Sequence[hookspecs.Gate]:
        """Return the checks that promotions can be made to require."""
        return sorted(self._all("gate"), key=name_of)

    def required_gates(self, key: str) -> Sequence[str]:
        """Return the names of the gates that an alias or a stage requires.

        Small and capital letters count as the same, so that no gate is missed by a spelling.
        """
        wanted = ("*", key.casefold())
        configured = self.config.registry.gates.items()
        names = [name for at, gates in configured if at.casefold() in wanted for name in gates]
        return list(dict.fromkeys(names))

    def model_flavor(self, name: str) -> ModelFlavor:
        """Open the model flavor of that name."""
        flavor: ModelFlavor = self._component("model flavor", name)
        return flavor

    def model_flavors(self) -> Sequence[str]:
        """Return the names of the model flavors there are."""
        return sorted(self._of("model flavor"))

    def autologgers(self) -> Sequence[hookspecs.Autologger]:
        """Return what can log the training of a library by itself."""
        return list(self._all("autologger"))

    def api_name(self, name: str) -> Any:
        """Return what a plugin adds to the package ``pegboard`` as ``name``; LookupError if none.

        PluginError if it cannot be loaded.
        """
        plugin, declared = self._one("API name", name)
        return plugin_calls.opened(plugin, f"pegboard.{name}", declared.load)

    def api_names(self) -> Sequence[str]:
        """Return the names that plugins add to the package ``pegboard``."""
        return sorted(self._of("API name"))

    def explain_missing(self, name: str) -> str:
        """Say why the package ``pegboard`` has no ``name``, and what to install if that helps."""
        said = f"module 'pegboard' has no attribute {name!r}, and no installed plugin adds it."
        if wanted := distributions.API_NAMES.get(name):
            said += f" {distributions.install(wanted)}"
        return said + distributions.out_of_use(self.plugins.values())

    def artifact_store(self, uri: str) -> ArtifactStore:
        """Open the artifact store rooted at a URI.

        Each run has a root of its own, so stores are not kept: a plugin whose stores need something
        costly, such as a client of a cloud, shares it among them.
        """
        store: ArtifactStore = self._open("artifact store", uri)
        return store

    def llm_provider(self, name: str) -> LLMProvider:
        """Open the LLM provider of that name."""
        provider: LLMProvider = self._component("LLM provider", name)
        return provider

    def evaluator(self, name: str) -> Evaluator:
        """Open the evaluator of that name."""
        evaluator: Evaluator = self._component("evaluator", name)
        return evaluator

    def project_runner(self, name: str) -> ProjectRunner:
        """Open the project runner of that name."""
        runner: ProjectRunner = self._component("project runner", name)
        return runner

    def dataset_types(self) -> Sequence[hookspecs.DatasetType]:
        """Return the kinds of data that plugins can describe."""
        return list(self._all("dataset type"))

    def commands(self) -> Sequence[hookspecs.Command]:
        """Return the sub-commands that plugins add to ``pegboard``.

        One that several plugins claim is listed too; loading it is a PluginError.
        """
        return [
            hookspecs.Command(name, partial(self._one, "command", name), item.message)
            if isinstance(item, PluginError)
            else item
            for name, (_, item) in self._of("command").items()
        ]

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the HTTP endpoints that plugins declare; PluginError if two share a place."""
        found: dict[tuple[str, str], tuple[str, Endpoint]] = {}
        for name, plugin in self.manager.list_name_plugin():
            for endpoint in self._endpoints_of(name, plugin):
                place = (endpoint.method, endpoint.path)
                if place in found:
                    raise _claimed(f"{' '.join(place)} is served", [found[place][0], name])
                found[place] = (name, endpoint)
        return [endpoint for _, endpoint in found.values()]

    def conflicts(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """Return what several plugins claim, by kind and name, with the names of the plugins."""
        claimed = {(kind, key): names for kind in HOOKS for key, names in self._claims(kind)}
        return {what: names for what, names in claimed.items() if len(names) > 1}

    def left_out(self) -> Sequence[str]:
        """Return a sentence on each plugin that is not in use because of a fault."""
        return [
            f"The plugin {name!r} is left out: {plugin.error}. See 'pegboard plugins'."
            for name, plugin in self.plugins.items()
            if plugin.error
        ]

    def schemes(self, kind: str) -> list[str]:
        """Return the URI schemes that have a store of this kind."""
        return sorted(self._of(kind))

    def settings(self, plugin: str) -> Mapping[str, Any]:
        """Return the settings of a loaded plugin: those of the configuration, else its defaults."""
        if plugin not in self._settings:
            raise PluginError(f"No plugin named {plugin!r} is loaded.")
        return self._settings[plugin]

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin that is not installed: for tests, notebooks and scripts."""
        with self._lock:
            if name in self.plugins:
                raise PluginError(f"A plugin named {name!r} is registered already.")
            if known := self.manager.get_name(plugin):
                raise PluginError(f"This plugin is registered already, as {known!r}.")
            info = Plugin(name, getattr(plugin, "__name__", type(plugin).__name__))
            self._add(info, lambda: plugin)
            if info.error:
                del self.plugins[name]
                raise PluginError(f"The plugin {name!r} was refused: {info.error}")
            self._declared.clear()
            self._check_settings()

    def close(self) -> None:
        """Close all tracking stores and model registries that were opened."""
        with self._lock:
            for registry in self._registries.values():
                registry.close()
            self._registries.clear()
            for store in self._stores.values():
                store.close()
            self._stores.clear()

    def _stages(self) -> Sequence[str]:
        stages = self.config.registry.stages
        if not stages or len({stage.casefold() for stage in stages}) < len(stages):
            raise ConfigError(
                f"{self.config.file}: [registry] stages has to name at least one, each once: "
                f"{stages!r}.",
            )
        return tuple(stages)

    def _ask_gates(self, registry: ModelRegistry, promotion: Promotion) -> None:
        """Raise Refused unless every gate that is configured for a promotion lets it pass."""
        for name in self.required_gates(promotion.key):
            if name not in self._of("gate"):
                raise ConfigError(
                    f"{self.config.file}: [registry.gates] names {name!r}, which is no gate.",
                    hint=f"Gates are: {', '.join(sorted(self._of('gate'))) or 'none'}.",
                )
            plugin, gate = self._one("gate", name)
            verdict = plugin_calls.verdict_of(
                plugin, name, partial(gate.check, promotion, registry, self)
            )
            if not verdict.passed:
                what = f"version {promotion.version} of {promotion.name!r}"
                raise Refused(
                    f"The gate {name!r} does not let {what} become {promotion.key!r}: "
                    f"{verdict.explanation or 'it gives no reason'}",
                )

    # -- plugins -------------------------------------------------------------------------------

    def _discover(self) -> None:
        from importlib_metadata import entry_points

        for point in entry_points(group=hookspecs.PROJECT):
            info = Plugin(point.name, point.value, point.dist)
            if point.name in self.plugins:
                # Both names are kept visible; the later one does not load.
                info.error = f"another plugin is named {point.name!r} too"
                self.plugins[f"{point.name} ({info.distribution})"] = info
                continue
            info.disabled = point.name in self.config.host.disabled
            if info.disabled:
                self.plugins[point.name] = info
            else:
                self._add(info, point.load)

    def _add(self, info: Plugin, load: Callable[[], object]) -> None:
        """Register a plugin; a broken one is kept with its error, and harms no other."""
        self.plugins[info.name] = info
        try:
            with info.timed("import"):
                plugin = load()
            self.manager.register(plugin, info.name)
            self.manager.check_pending()
            self._defaults[info.name] = plugin_calls.settings_of(info, plugin)
            info.declared = plugin_calls.declarations_of(info, plugin)
        except BaseException as error:
            if is_fatal(error):
                raise
            # Whatever a plugin does wrong is its own fault, and no reason for the host to fail.
            self._set_aside(info, error)

    def _set_aside(self, info: Plugin, error: BaseException) -> None:
        info.error = described(error)
        info.declared = {}
        if self.manager.has_plugin(info.name):
            self.manager.unregister(name=info.name)

    def _endpoints_of(self, name: str, plugin: object) -> Sequence[Endpoint]:
        """Return what a plugin serves: nothing if it fails, and then it says why in the log."""
        try:
            return plugin_calls.endpoints_of(plugin)
        except BaseException as error:
            if is_fatal(error):
                raise
            self.plugins[name].error = described(error)
            _log().warning("The plugin %r serves nothing: %s", name, described(error))
            return ()

    def _claims(self, kind: str) -> Iterator[tuple[str, list[str]]]:
        """Yield what is declared of a kind, with the names of all plugins that declare it."""
        claims: dict[str, list[str]] = {}
        for plugin, _ in self.manager.list_name_plugin():
            for item in self.plugins[plugin].declared.get(kind, ()):
                claims.setdefault(name_of(item), []).append(plugin)
        yield from claims.items()

    def _of(self, kind: str) -> Mapping[str, tuple[str, Any]]:
        """Return what is declared of a kind: name to (plugin, declaration).

        In place of a declaration stands an error where several plugins declare the same.
        """
        with self._lock:
            if kind not in self._declared:
                found: dict[str, tuple[str, Any]] = {}
                for key, plugins in self._claims(kind):
                    items = self.plugins[plugins[-1]].declared[kind]
                    item = next(item for item in items if name_of(item) == key)
                    if len(plugins) > 1:
                        item = _claimed(f"The {kind} {key!r} is claimed", plugins)
                    found[key] = (plugins[-1], item)
                self._declared[kind] = found
            return self._declared[kind]

    def _all(self, kind: str) -> Iterator[Any]:
        """Yield all declarations of a kind; what several plugins claim is named in the log."""
        for key, (_, item) in self._of(kind).items():
            if not isinstance(item, PluginError):
                yield item
            elif (kind, key) not in self._warned:
                self._warned.add((kind, key))
                _log().warning("%s", item)

    def _one(self, kind: str, name: str) -> tuple[str, Any]:
        """Return who declares a thing, and its declaration."""
        plugin, item = self._of(kind)[name]
        if isinstance(item, PluginError):
            raise item
        return plugin, item

    def _check_settings(self) -> None:
        """Check the table of each plugin against the keys it declares."""
        unknown = set(self.config.plugins) - set(self.plugins)
        if unknown:
            raise ConfigError(
                f"{self.config.file}: no plugin is named {', '.join(map(repr, sorted(unknown)))}.",
                hint=f"Installed are: {', '.join(sorted(self.plugins)) or 'none'}.",
            )
        for name, _ in self.manager.list_name_plugin():
            defaults = self._defaults[name]
            given = self.config.plugins.get(name, {})
            for key, value in given.items():
                where = f"{self.config.file}: [plugins.{name}] {key}"
                if key not in defaults:
                    raise ConfigError(
                        f"{where} is not a setting of this plugin.",
                        hint=f"Its settings are: {', '.join(sorted(defaults)) or 'none'}.",
                    )
                if not _same_type(value, defaults[key]):
                    expected = type(defaults[key]).__name__
                    raise ConfigError(f"{where} = {value!r} should be of type {expected}.")
            self._settings[name] = {**defaults, **given}

    # -- opening -------------------------------------------------------------------------------

    def _open(self, kind: str, text: str) -> Any:
        uri = uris.parse(text)
        if uri.scheme not in self._of(kind):
            raise self._unknown_scheme(kind, uri)
        plugin, backend = self._one(kind, uri.scheme)
        return plugin_calls.opened(plugin, kind, lambda: backend.open(uri, self._settings[plugin]))

    def _component(self, kind: str, name: str) -> Any:
        declared = self._of(kind)
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise PluginError(
                f"No installed plugin provides the {kind} {name!r}.",
                hint=f"Available are: {known}. 'pegboard plugins' lists what is installed.",
            )
        plugin, component = self._one(kind, name)
        return plugin_calls.opened(plugin, kind, lambda: component.open(self._settings[plugin]))

    def _unknown_scheme(self, kind: str, uri: uris.Uri) -> UnknownScheme:
        hint = distributions.for_scheme(kind, uri.scheme, self.schemes(kind))
        where = uris.without_secrets(uri.text)
        return UnknownScheme(
            f"No installed plugin opens {uri.scheme!r} as {with_article(kind)} (in {where!r}).",
            hint=hint + distributions.out_of_use(self.plugins.values()),
        )


def _claimed(what: str, plugins: Sequence[str]) -> PluginError:
    listed = ", ".join(map(repr, plugins[:-1]))
    return PluginError(
        f"{what} by the plugins {listed} and {plugins[-1]!r}.",
        hint="Name one of them in [host] disabled, in pegboard.toml.",
    )


def _log() -> Logger:
    # Loaded only when something is wrong.
    import logging

    return logging.getLogger("pegboard")


def _same_type(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    return isinstance(value, type(default))


_current: Host | None = None
_current_lock = threading.RLock()


def current(*, report: bool = True) -> Host:
    """Return the host of this process, made on first use from the configuration it finds.

    ``report``: whether plugins that were left out when it is made are named in the log.
    """
    global _current
    with _current_lock:
        if _current is None:
            _current = Host()
            if report:
                for fault in _current.left_out():
                    _log().warning("%s", fault)
        return _current


def use(host: Host | None) -> None:
    """Make ``host`` the one of this process; None: make a new one on next use."""
    global _current
    with _current_lock:
        _current = host
        pegboard._forget_plugins()
