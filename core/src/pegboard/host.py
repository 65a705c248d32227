"""The host: finds plugins, checks them, and opens what they declare."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy
from attrs import define, field

from pegboard import config as configuration
from pegboard import hookspecs, uris
from pegboard.errors import (
    ConfigError,
    NoStore,
    PegboardError,
    PluginError,
    Refused,
    UnknownScheme,
    with_article,
)

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.evaluation import Evaluator
    from pegboard.contracts.http import Endpoint
    from pegboard.contracts.llm import LLMProvider
    from pegboard.contracts.models import ModelFlavor
    from pegboard.contracts.projects import ProjectRunner
    from pegboard.contracts.registry import ModelRegistry, Promotion
    from pegboard.contracts.tracking import TrackingStore

C = TypeVar("C")

_HOOKS: dict[str, tuple[str, type[Any]]] = {
    "tracking store": ("pegboard_tracking_stores", hookspecs.Backend),
    "artifact store": ("pegboard_artifact_stores", hookspecs.Backend),
    "model registry": ("pegboard_model_registries", hookspecs.Backend),
    "gate": ("pegboard_gates", hookspecs.Gate),
    "model flavor": ("pegboard_model_flavors", hookspecs.Component),
    "autologger": ("pegboard_autologgers", hookspecs.Autologger),
    "LLM provider": ("pegboard_llm_providers", hookspecs.Component),
    "evaluator": ("pegboard_evaluators", hookspecs.Component),
    "project runner": ("pegboard_project_runners", hookspecs.Component),
    "dataset type": ("pegboard_dataset_types", hookspecs.DatasetType),
    "command": ("pegboard_commands", hookspecs.Command),
    "API name": ("pegboard_api", hookspecs.ApiName),
}
"""By what is declared: the hook that declares it, and the class of the declarations."""

_OURS = frozenset(
    {"sqlite", "memory", "file", "http", "https", "mlflow-artifacts", uris.PLAIN_PATH}
)
"""Schemes that distributions of ours handle."""

_DISTRIBUTION = {"model registry": "pegboard-registry"}
"""Which distribution of ours has stores of a kind for them, if not ``pegboard-tracking``."""


@define
class Plugin:
    """An installed plugin: its entry point, and what became of loading it."""

    name: str
    module: str
    installed: Any = None
    """The distribution that it is part of (importlib_metadata's); None if it was registered."""
    error: str = ""
    disabled: bool = False
    provides: list[tuple[str, str, str]] = field(factory=list)
    """What it declares: (kind, name or scheme, summary)."""

    # Read on demand: parsing a distribution's metadata takes longer than all of the rest.

    @property
    def distribution(self) -> str:
        """The name of the distribution, "" if it has none."""
        return str(self.installed.name) if self.installed else ""

    @property
    def version(self) -> str:
        """The version of the distribution, "" if it has none."""
        return str(self.installed.version) if self.installed else ""


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
        self._lock = threading.RLock()
        self.creates_stores = True
        """Whether a store that is not there is made when it is opened; else that is NoStore."""
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
        return [self._one("gate", name)[1] for name in sorted(self._of("gate"))]

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
        return [self._one("autologger", name)[1] for name in self._of("autologger")]

    def api_name(self, name: str) -> Any:
        """Return what a plugin adds to the package ``pegboard`` as ``name``; LookupError if none.

        PluginError if it cannot be loaded.
        """
        plugin, declared = self._one("API name", name)
        return self._opened(plugin, f"pegboard.{name}", declared.load)

    def api_names(self) -> Sequence[str]:
        """Return the names that plugins add to the package ``pegboard``."""
        return sorted(self._of("API name"))

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
        return [self._one("dataset type", name)[1] for name in self._of("dataset type")]

    def commands(self) -> Sequence[hookspecs.Command]:
        """Return the sub-commands that plugins add to ``pegboard``."""
        return [self._one("command", name)[1] for name in self._of("command")]

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the HTTP endpoints that plugins declare; PluginError if two share a place."""
        found: dict[tuple[str, str], tuple[str, Endpoint]] = {}
        for name, plugin in self.manager.list_name_plugin():
            for endpoint in self._call(plugin, "pegboard_endpoints", ()):
                place = (endpoint.method, endpoint.path)
                if place in found:
                    both = f"{found[place][0]!r} and {name!r}"
                    raise PluginError(
                        f"{' '.join(place)} is served by the plugins {both}.",
                        hint="Name one of them in [host] disabled, in pegboard.toml.",
                    )
                found[place] = (name, endpoint)
        return [endpoint for _, endpoint in found.values()]

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
            verdict = self._one("gate", name)[1].check(promotion, registry, self)
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
            plugin = load()
            self.manager.register(plugin, info.name)
            self.manager.check_pending()
            self._defaults[info.name] = dict(self._call(plugin, "pegboard_settings", {}))
            for kind, (hook, expected) in _HOOKS.items():
                declared = [_checked(item, expected) for item in self._call(plugin, hook, ())]
                info.provides += [(kind, _name(item), item.summary) for item in declared]
        except Exception as error:
            # Whatever a plugin does wrong is its own fault, and no reason for the host to fail.
            info.error = f"{type(error).__name__}: {error}"
            if self.manager.has_plugin(info.name):
                self.manager.unregister(name=info.name)

    @staticmethod
    def _call(plugin: object, hook: str, default: Any) -> Any:
        implementation = getattr(plugin, hook, None)
        marked = implementation is not None and hasattr(implementation, "pegboard_impl")
        return implementation() if implementation is not None and marked else default

    def _of(self, kind: str) -> Mapping[str, tuple[str, Any]]:
        """Return what is declared of a kind: name to (plugin, declaration).

        In place of a declaration stands an error where several plugins declare the same.
        """
        with self._lock:
            if kind not in self._declared:
                found: dict[str, tuple[str, Any]] = {}
                for plugin, implementation in self.manager.list_name_plugin():
                    for item in self._call(implementation, _HOOKS[kind][0], ()):
                        name = _name(item)
                        if name in found:
                            item = _claimed_twice(kind, name, found[name][0], plugin)
                        found[name] = (plugin, item)
                self._declared[kind] = found
            return self._declared[kind]

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
        if not self.creates_stores and backend.place is not None:
            place = self._opened(plugin, kind, lambda: backend.place(uri, self._settings[plugin]))
            if not os.path.lexists(place):
                raise NoStore(str(place))
        return self._opened(plugin, kind, lambda: backend.open(uri, self._settings[plugin]))

    def _component(self, kind: str, name: str) -> Any:
        declared = self._of(kind)
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise PluginError(
                f"No installed plugin provides the {kind} {name!r}.",
                hint=f"Available are: {known}. 'pegboard plugins' lists what is installed.",
            )
        plugin, component = self._one(kind, name)
        return self._opened(plugin, kind, lambda: component.open(self._settings[plugin]))

    @staticmethod
    def _opened(plugin: str, kind: str, open_it: Callable[[], C]) -> C:
        try:
            return open_it()
        except PegboardError:
            raise
        except ImportError as error:
            raise PluginError(
                f"The plugin {plugin!r} could not open its {kind}: {error}.",
                hint="Install what it needs, or run 'pegboard doctor'.",
            ) from error

    def _unknown_scheme(self, kind: str, uri: uris.Uri) -> UnknownScheme:
        known = ", ".join(f"{scheme}:" for scheme in self.schemes(kind)) or "none"
        broken = [plugin.name for plugin in self.plugins.values() if plugin.error]
        wanted = _DISTRIBUTION.get(kind, "pegboard-tracking") if uri.scheme in _OURS else None
        hint = f"Schemes that can be opened: {known}."
        if wanted:
            hint += f" Try: pip install {wanted}"
        if broken:
            hint += f" These plugins failed to load: {', '.join(broken)}; see 'pegboard plugins'."
        return UnknownScheme(
            f"No installed plugin opens {uri.scheme!r} as {with_article(kind)} (in {uri.text!r}).",
            hint=hint,
        )


def _checked(item: Any, expected: type[Any]) -> Any:
    if not isinstance(item, expected):
        raise TypeError(f"{item!r} was declared, which is not a {expected.__name__}")
    return item


def _claimed_twice(kind: str, name: str, one: str, other: str) -> PluginError:
    return PluginError(
        f"The {kind} {name!r} is claimed by the plugins {one!r} and {other!r}.",
        hint="Name one of them in [host] disabled, in pegboard.toml.",
    )


def _name(item: Any) -> str:
    name: str = item.scheme if isinstance(item, hookspecs.Backend) else item.name
    return name


def _same_type(value: object, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    return isinstance(value, type(default))


_current: Host | None = None
_current_lock = threading.Lock()


def current() -> Host:
    """Return the host of this process, made on first use from the configuration it finds."""
    global _current
    with _current_lock:
        if _current is None:
            _current = Host()
        return _current


def use(host: Host | None) -> None:
    """Make ``host`` the one of this process; None: make a new one on next use."""
    global _current
    with _current_lock:
        _current = host
