"""The host: finds plugins, checks them, and opens what they declare."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pluggy

import pegboard
from pegboard import builtin, call_times, distributions, hookspecs, plugin_calls, settings, uris
from pegboard import config as configuration
from pegboard.errors import ConfigError, NoStore, PluginError, UnknownScheme, with_article
from pegboard.installed import entry_points
from pegboard.plugin_calls import HOOKS, Plugin, described, is_fatal, name_of
from pegboard.targets import resolve

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.evaluation import ModelEvaluator
    from pegboard.contracts.llm import Model
    from pegboard.contracts.models import ModelFlavor
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.contracts.tracking import TrackingStore


class Host:
    """Plugins and configuration brought together. Safe to use from any thread."""

    def __init__(self, config: configuration.Config | None = None) -> None:
        """Use ``config``, or what ``pegboard.config.load`` finds."""
        self.config = configuration.load() if config is None else config
        self.manager = pluggy.PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        call_times.watch(self.manager)
        self.plugins: dict[str, Plugin] = {}
        self._kinds = dict(HOOKS)
        self._declared: dict[str, dict[str, tuple[str, Any]]] = {}
        self._settings: dict[str, Any] = {}
        self._stores: dict[str, TrackingStore] = {}
        self._registries: dict[str, ModelRegistry] = {}
        self._warned: set[tuple[str, str]] = set()
        self._lock = threading.RLock()
        self.creates_stores = True
        """Whether a store that is not there is made when it is opened; else that is NoStore."""
        self._discover()
        self._check_stack()
        self._check_settings()

    # -- what callers open ---------------------------------------------------------------------

    def tracking_store(self, uri: str | None = None) -> TrackingStore:
        """Return the tracking store of a URI (default: the configured one), opened once."""
        text = uri or self.config.pegboard.tracking_uri
        with self._lock:
            if text not in self._stores:
                self._stores[text] = self._open("tracking store", text)
            return self._stores[text]

    def model_registry(self, uri: str | None = None) -> ModelRegistry:
        """Return the model registry of a URI, opened once.

        Without one: the configured one, or the one beside the configured tracking store.
        """
        text = uri or self.config.pegboard.models_uri
        with self._lock:
            if text not in self._registries:
                registry: ModelRegistry = self._open("model registry", text)
                registry.uri = text
                self.manager.hook.pegboard_model_registry_opened(registry=registry, host=self)
                self._registries[text] = registry
            return self._registries[text]

    def model_flavor(self, name: str) -> ModelFlavor:
        """Open the model flavor of that name."""
        flavor: ModelFlavor = self._made("model flavor", name)
        return flavor

    def model_flavors(self) -> Sequence[str]:
        """Return the names of the model flavors there are."""
        return sorted(self._of("model flavor"))

    def llm_provider(self, name: str, table: Mapping[str, Any], where: str) -> Model:
        """Make the LLM provider of that name, with the settings of an upstream.

        ``table`` is read as the provider's own class of settings; ConfigError, which names
        ``where``, if it is wrong.
        """
        return cast("Model", self._configured("LLM provider", name, table, where))

    def evaluator(self, name: str, table: Mapping[str, Any], where: str) -> ModelEvaluator:
        """Make the evaluator of that name, with settings as those of an LLM provider."""
        return cast("ModelEvaluator", self._configured("evaluator", name, table, where))

    def api_name(self, name: str) -> Any:
        """Return what a plugin adds to the package ``pegboard`` as ``name``; LookupError if none.

        PluginError if it cannot be loaded.
        """
        plugin, declared = self._one("API name", name)
        return plugin_calls.opened(plugin, f"pegboard.{name}", partial(resolve, declared.target))

    def api_names(self, of: str = "") -> Sequence[str]:
        """Return the names that plugins add to the package ``pegboard``, or to ``genai`` of it."""
        parts = [name.rpartition(".") for name in self._of("API name")]
        return sorted(name for where, _, name in parts if where == of)

    def explain_missing(self, name: str) -> str:
        """Say why the package ``pegboard`` has no ``name``, and what to install if that helps."""
        said = f"module 'pegboard' has no attribute {name!r}, and no installed plugin adds it"
        more = distributions.install("API name", name)
        more += distributions.out_of_use(self.plugins.values())
        # Python puts a full stop behind it, and names that are like it.
        return f"{said}. {more.strip()}" if more else said

    def artifact_store(self, uri: str) -> ArtifactStore:
        """Open the artifact store rooted at a URI.

        Each run has its own root, so stores are not kept. If stores need something costly, such as
        a cloud's client, their plugin shares it among them.
        """
        store: ArtifactStore = self._open("artifact store", uri)
        return store

    def commands(self) -> Mapping[str, hookspecs.Command | PluginError]:
        """Return the sub-commands that plugins add to ``pegboard``, by name.

        In place of one that several plugins claim stands the error of who asks for it.
        """
        return {name: item for name, (_, item) in self._of("command").items()}

    def declared(self, kind: str) -> Mapping[str, Any]:
        """Return what plugins declare of a kind, by name: dataset types, autologgers, gates.

        What several plugins claim is named in the log and left out.
        """
        return {name_of(item): item for item in self._all(kind)}

    def conflicts(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """Return what several plugins claim, by kind and name, with the names of the plugins.

        What the configuration settles is not among them.
        """
        return {
            (kind, key): plugins
            for kind in self._kinds
            for key, plugins in self._claims(kind)
            if len(plugins) > 1 and self._provider(key, plugins) in (None, builtin.NAME)
        }

    def left_out(self) -> Sequence[str]:
        """Return a sentence on each plugin that is not in use because of a fault."""
        return [
            f"The plugin {name!r} is left out: {plugin.error}. See 'pegboard plugins'."
            for name, plugin in self.plugins.items()
            if plugin.error
        ]

    def settings(self, plugin: str) -> Any:
        """Return the settings of a loaded plugin, an instance of the class that it declares.

        They are those of the configuration and the environment, else its defaults.
        """
        with self._lock:
            if plugin not in self._settings:
                if plugin not in self.plugins or not self.manager.has_plugin(plugin):
                    raise PluginError(f"No plugin named {plugin!r} is loaded.")
                self._settings[plugin] = self._read_settings(plugin)
            return self._settings[plugin]

    def settings_class(self, plugin: str) -> type[Any]:
        """Return the attrs class of a plugin's settings."""
        target = self.plugins[plugin].settings
        if not target:
            return settings.NoSettings
        found: type[Any] = plugin_calls.opened(plugin, "settings", partial(resolve, target))
        return found

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin that is not installed: for tests, notebooks and scripts."""
        with self._lock:
            if name in self.plugins:
                raise PluginError(f"A plugin named {name!r} is registered already.")
            if known := self.manager.get_name(plugin):
                raise PluginError(f"This plugin is registered already, as {known!r}.")
            info = Plugin(name, getattr(plugin, "__name__", type(plugin).__name__))
            self.plugins[name] = info
            if self._guarded(info, partial(self._import, info, lambda: plugin)):
                self._guarded(info, partial(self._register, info, plugin))
            if info.error:
                del self.plugins[name]
                raise PluginError(f"The plugin {name!r} was refused: {info.error}")
            self._declared.clear()
            self._check_settings()

    def close(self) -> None:
        """Close all tracking stores and model registries that were opened."""
        with self._lock:
            opened: tuple[Any, ...] = (*self._registries.values(), *self._stores.values())
            for each in opened:
                each.close()
            self._registries.clear()
            self._stores.clear()

    # -- plugins -------------------------------------------------------------------------------

    def _discover(self) -> None:
        found: list[tuple[Plugin, object]] = []
        for point in entry_points(hookspecs.PROJECT):
            info = Plugin(point.name, point.value, point.dist)
            if point.name in self.plugins:
                # Both names are kept visible; the later one does not load.
                info.error = f"another plugin is named {point.name!r} too"
                self.plugins[f"{point.name} ({info.distribution})"] = info
                continue
            self.plugins[point.name] = info
            info.disabled = self._leaves_out(point.name)
            if not info.disabled and self._guarded(info, partial(self._import, info, point.load)):
                found.append((info, info.loaded))
        # All hooks have to be known before a plugin is asked whether it implements others.
        for info, plugin in found:
            if not info.error:
                self._guarded(info, partial(self._register, info, plugin))

    def _leaves_out(self, name: str) -> bool:
        only = self.config.pegboard.plugins
        unwanted = name in self.config.pegboard.disabled or (only is not None and name not in only)
        return unwanted and name != builtin.NAME

    def _guarded(self, info: Plugin, do: Callable[[], None]) -> bool:
        """Return whether something a plugin does works; its faults are kept and harm no other."""
        try:
            do()
        except BaseException as error:
            if is_fatal(error):
                raise
            # Whatever a plugin does wrong is its own fault, and no reason for the host to fail.
            self._set_aside(info, error)
            return False
        return True

    def _import(self, info: Plugin, load: Callable[[], object]) -> None:
        with info.timed("import"):
            info.loaded = load()
        if target := plugin_calls.call(info, info.loaded, "pegboard_hookspecs", ""):
            module = resolve(target)
            self.manager.add_hookspecs(module)
            self._kinds |= getattr(module, "KINDS", {})

    def _register(self, info: Plugin, plugin: object) -> None:
        self.manager.register(plugin, info.name)
        self.manager.check_pending()
        info.settings = plugin_calls.settings_of(info, plugin)
        info.declared = plugin_calls.declarations_of(info, plugin, self._kinds)

    def _set_aside(self, info: Plugin, error: BaseException) -> None:
        info.error = described(error)
        info.declared = {}
        if self.manager.has_plugin(info.name):
            self.manager.unregister(name=info.name)

    def _claims(self, kind: str) -> Iterator[tuple[str, list[str]]]:
        """Yield what is declared of a kind, with the names of all plugins that declare it."""
        claims: dict[str, list[str]] = {}
        for plugin, _ in self.manager.list_name_plugin():
            for item in self.plugins[plugin].declared.get(kind, ()):
                claims.setdefault(name_of(item), []).append(plugin)
        yield from claims.items()

    def _provider(self, key: str, plugins: Sequence[str]) -> str | None:
        """Return which of the plugins that claim a key provides it; None if that is not settled."""
        chosen = (
            builtin.NAME if builtin.NAME in plugins else self.config.pegboard.providers.get(key)
        )
        return chosen if chosen in plugins else None

    def _of(self, kind: str) -> Mapping[str, tuple[str, Any]]:
        """Return what is declared of a kind: name to (plugin, declaration).

        In place of a declaration stands an error where several plugins declare the same.
        """
        with self._lock:
            if kind not in self._declared:
                found: dict[str, tuple[str, Any]] = {}
                for key, plugins in self._claims(kind):
                    chosen = self._provider(key, plugins)
                    owner = chosen or plugins[-1]
                    items = self.plugins[owner].declared[kind]
                    item = next(item for item in items if name_of(item) == key)
                    if len(plugins) > 1 and owner != chosen:
                        item = plugin_calls.claimed(f"The {kind} {key!r} is claimed", plugins, key)
                    found[key] = (owner, item)
                self._declared[kind] = found
            return self._declared[kind]

    def _all(self, kind: str) -> Iterator[Any]:
        """Yield all declarations of a kind; what several plugins claim is named in the log."""
        for key, (_, item) in self._of(kind).items():
            if not isinstance(item, PluginError):
                yield item
            elif (kind, key) not in self._warned:
                import logging  # Only when something is wrong, as below.

                self._warned.add((kind, key))
                logging.getLogger("pegboard").warning("%s", item)

    def _made(
        self, kind: str, name: str, arguments: Callable[[Any], tuple[Any, ...]] = lambda _: ()
    ) -> Any:
        """Make a thing of the class that a plugin declares for a name."""
        if name not in self._of(kind):
            raise PluginError(
                f"No installed plugin provides the {kind} {name!r}.",
                hint=distributions.install(kind, name)
                or distributions.near(name, self._of(kind))
                + f"Available are: {', '.join(sorted(self._of(kind))) or 'none'}. "
                "'pegboard plugins' lists what is installed.",
            )
        plugin, declared = self._one(kind, name)
        made = plugin_calls.opened(plugin, kind, lambda: resolve(declared.target))
        given = arguments(made)  # The fault of a setting is the user's, not the plugin's.
        return plugin_calls.opened(plugin, kind, lambda: made(*given))

    def _configured(self, kind: str, name: str, table: Mapping[str, Any], where: str) -> Any:
        """Make a thing of the class that a plugin declares for a name, with its settings."""

        def read(made: Any) -> tuple[Any]:
            found = settings.structure(made.settings, table, where)
            return (settings.with_shared(found, self.config),)

        return self._made(kind, name, read)

    def _one(self, kind: str, name: str) -> tuple[str, Any]:
        """Return who declares a thing, and its declaration."""
        plugin, item = self._of(kind)[name]
        if isinstance(item, PluginError):
            raise item
        return plugin, item

    def _check_stack(self) -> None:
        """Refuse to work without a plugin that the configuration names as needed."""
        if builtin.NAME in self.config.pegboard.disabled:
            raise ConfigError(
                f"{self.config.file}: [pegboard] disabled names {builtin.NAME!r}, which is part of "
                "pegboard and cannot be left out."
            )
        for name in self.config.pegboard.plugins or ():
            if name not in self.plugins:
                raise PluginError(
                    self._of_file(f"[pegboard] plugins names {name!r}, which is not installed."),
                    hint=f"Installed are: {', '.join(sorted(self.plugins)) or 'none'}.",
                )
            if error := self.plugins[name].error:
                raise PluginError(
                    f"The plugin {name!r} is needed ([pegboard] plugins), and fails to load: "
                    f"{error}."
                )

    def _check_settings(self) -> None:
        """Read the table of each plugin that has one, so that a mistake is reported at once."""
        if unknown := sorted(set(self.config.plugins) - set(self.plugins)):
            raise ConfigError(
                self._of_file(f"no plugin is named {', '.join(map(repr, unknown))}."),
                hint=configuration.nearest_table(unknown[0], self.plugins)
                + f"Installed are: {', '.join(sorted(self.plugins)) or 'none'}.",
            )
        for name in self.config.plugins:
            if self.manager.has_plugin(name):
                self.settings(name)

    def _read_settings(self, plugin: str) -> Any:
        kind, given = self.settings_class(plugin), self.config.plugins.get(plugin, {})
        found = self._structured(plugin, kind, given, self._of_file(f"[plugins.{plugin}]"))
        if named := list(settings.from_environment(kind, f"PEGBOARD_{plugin}")):
            values = {key: value for key, _, value in named}
            variables = ", ".join(variable for _, variable, _ in named)
            found = self._structured(plugin, kind, {**given, **values}, variables)
        return settings.with_shared(found, self.config)

    def _structured(
        self, plugin: str, kind: type[Any], given: Mapping[str, Any], where: str
    ) -> Any:
        try:
            return settings.structure(kind, given, where)
        except ConfigError as error:
            raise ConfigError(
                error.message, hint=self._moved(plugin, given) or error.hint
            ) from None

    def _of_file(self, what: str) -> str:
        """Return what something of the configuration is called, with the file if it is from one."""
        return f"{self.config.file}: {what}" if self.config.file else what

    def _moved(self, plugin: str, given: Mapping[str, Any]) -> str:
        """Say where unknown keys belong: those of an earlier version, and the core's own."""
        homes = {"http": settings.keys(configuration.HttpConfig)}
        for other, _ in self.manager.list_name_plugin():
            if other != plugin:
                homes[f"plugins.{other}"] = settings.keys(self.settings_class(other))
        unknown = sorted(set(given) - set(settings.keys(self.settings_class(plugin))))
        moved = [
            f"{key} is now {name} in [{home}]."
            for key in unknown
            for home, known in homes.items()
            if (name := key.removeprefix(f"{home}_")) in known
        ]
        meant = [configuration.nearest_key(plugin, key) for key in unknown]
        return " ".join([*moved, *filter(None, meant)])

    # -- opening -------------------------------------------------------------------------------

    def _open(self, kind: str, text: str) -> Any:
        uri = uris.parse(text)
        if uri.scheme not in self._of(kind):
            raise self._unknown_scheme(kind, uri)
        plugin, backend = self._one(kind, uri.scheme)
        if not self.creates_stores and backend.place:
            place = self._called(plugin, "place", backend.place, uri)
            if not os.path.lexists(place):
                raise NoStore(str(place))
        return self._called(plugin, kind, backend.target, uri)

    def _called(self, plugin: str, kind: str, target: str, uri: uris.Uri) -> Any:
        return plugin_calls.opened(
            plugin, kind, lambda: resolve(target)(uri, self.settings(plugin))
        )

    def _unknown_scheme(self, kind: str, uri: uris.Uri) -> UnknownScheme:
        hint = distributions.for_scheme(kind, uri.scheme, self._of(kind))
        where = uris.without_secrets(uri.text)
        return UnknownScheme(
            f"No installed plugin opens {uri.scheme!r} as {with_article(kind)} (in {where!r}).",
            hint=hint + distributions.out_of_use(self.plugins.values()),
        )


_current: Host | None = None
_current_lock = threading.RLock()


def current(*, report: bool = True) -> Host:
    """Return the host of this process, made on first use from the configuration it finds.

    ``report``: whether plugins that were left out when it is made are named in the log.
    """
    global _current
    if (known := _current) is not None:
        return known
    with _current_lock:
        if _current is None:
            _current = Host()
            for fault in _current.left_out() if report else ():
                import logging

                logging.getLogger("pegboard").warning("%s", fault)
        return _current


def use(host: Host | None) -> None:
    """Make ``host`` the one of this process; None: make a new one on next use."""
    global _current
    with _current_lock:
        _current = host
        pegboard._forget_plugins()
