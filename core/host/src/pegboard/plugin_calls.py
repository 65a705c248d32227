"""Calling plugins: what they return is checked, what they raise stays theirs, time is taken.

Whatever a plugin raises harms nothing but the plugin: ``SystemExit`` and other exceptions that
``except Exception`` lets pass too. Only Ctrl-C goes through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any

import pluggy
from attrs import define, field

from pegboard import call_times, hookspecs
from pegboard.errors import PegboardError, PluginError

SLOW_SECONDS = 0.25
"""A plugin whose import, or one of whose hooks, takes longer is slow: commands wait for it."""

HOOKS: dict[str, tuple[str, type[Any]]] = {
    "tracking store": ("pegboard_tracking_stores", hookspecs.Backend),
    "artifact store": ("pegboard_artifact_stores", hookspecs.Backend),
    "model registry": ("pegboard_model_registries", hookspecs.Backend),
    "model flavor": ("pegboard_model_flavors", hookspecs.Flavor),
    "LLM provider": ("pegboard_llm_providers", hookspecs.Provider),
    "evaluator": ("pegboard_evaluators", hookspecs.Evaluator),
    "autologger": ("pegboard_autologgers", hookspecs.Autologger),
    "dataset type": ("pegboard_dataset_types", hookspecs.DatasetType),
    "command": ("pegboard_commands", hookspecs.Command),
    "API name": ("pegboard_api", hookspecs.ApiName),
}
"""By what is declared: the hook that declares it, and the class of the declarations."""

_CONTRACTS = {
    "tracking store": "pegboard.contracts.tracking:TrackingStore",
    "artifact store": "pegboard.contracts.artifacts:ArtifactStore",
    "model registry": "pegboard.contracts.registry:ModelRegistry",
    "model flavor": "pegboard.contracts.models:ModelFlavor",
    "LLM provider": "pegboard.contracts.llm:Model",
    "evaluator": "pegboard.contracts.evaluation:ModelEvaluator",
}
"""What opens is an abstract class of ours, or has at least its methods."""


@define
class Plugin:
    """An installed plugin: its entry point, and what became of loading it."""

    name: str
    module: str
    installed: Any = None
    """The ``dist`` of its entry point; None if it was registered."""
    error: str = ""
    disabled: bool = False
    settings: str = ""
    """The target of the class of its settings."""
    loaded: Any = field(default=None, repr=False)
    """The module or object that the entry point names."""
    declared: dict[str, list[Any]] = field(factory=dict)
    """By kind of thing, the declarations that it made."""
    seconds: dict[str, float] = field(factory=dict)
    """How long its import took, and each of its hooks that was called."""

    @property
    def provides(self) -> list[tuple[str, str, str]]:
        """What it declares: (kind, name or scheme, summary)."""
        declared = self.declared.items()
        return [(kind, name_of(item), item.summary) for kind, items in declared for item in items]

    @property
    def slow(self) -> dict[str, float]:
        """What of it takes so long that people notice, with the seconds."""
        return {what: taken for what, taken in self.seconds.items() if taken > SLOW_SECONDS}

    @property
    def distribution(self) -> str:
        """The name of the distribution, "" if it has none."""
        return self._metadata("name")

    @property
    def version(self) -> str:
        """The version of the distribution, "" if it has none."""
        return self._metadata("version")

    def _metadata(self, key: str) -> str:
        # On demand: parsing the metadata takes longer than all of the rest.
        from importlib_metadata import Distribution

        at = self.installed
        found = Distribution.at(at) if isinstance(at, str) else at
        return str(getattr(found, key)) if found else ""

    def timed(self, what: str) -> AbstractContextManager[None]:
        """Take the time of a call into the plugin."""
        return call_times.timed(what, self.name, self.seconds)


def is_fatal(error: BaseException) -> bool:
    """Whether an exception out of a plugin is not the plugin's: somebody pressed Ctrl-C."""
    return isinstance(error, KeyboardInterrupt)


def described(error: BaseException) -> str:
    """Return what a plugin raised, for people; what to change, if the plugin is an old one."""
    if isinstance(error, SystemExit):
        return f"it tried to end the process, with sys.exit({error.code!r})"
    from pegboard import former

    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    hooks = [name for name in vars(hookspecs) if name.startswith("pegboard_")]
    advice = former.advice(error, hooks)
    return f"{said.removesuffix('.')}. {advice}" if advice else said


def name_of(item: Any) -> str:
    """Return the key of a declaration: the scheme of a store, the name of all else."""
    name: str = item.scheme if isinstance(item, hookspecs.Backend) else item.name
    return name


def implements(plugin: object, hook: str) -> bool:
    """Whether a plugin has a function for a hook, marked as such."""
    return hasattr(getattr(plugin, hook, None), "pegboard_impl")


def call(info: Plugin, plugin: object, hook: str, default: Any) -> Any:
    """Return what a hook of a plugin returns, ``default`` if the plugin does not implement it."""
    if not implements(plugin, hook):
        return default
    with info.timed(hook):
        return getattr(plugin, hook)()


def asked(implementation: pluggy.HookImpl, given: Mapping[str, Any]) -> Any:
    """Return what one plugin's implementation of a hook answers, given the arguments it takes."""
    with call_times.timed(implementation.function.__name__, implementation.plugin_name):
        return implementation.function(*(given[name] for name in implementation.argnames))


def settings_of(info: Plugin, plugin: object) -> str:
    """Return the target of the class of a plugin's settings; "" if it declares none."""
    found = call(info, plugin, "pegboard_settings", "")
    if not isinstance(found, str):
        raise TypeError(
            f"pegboard_settings returned {shown(found)}, not 'package.module:Settings', the name "
            "of an attrs class whose fields are the settings"
        )
    return found


def declarations_of(
    info: Plugin, plugin: object, kinds: Mapping[str, tuple[str, type[Any]]]
) -> dict[str, list[Any]]:
    """Return what a plugin declares, by kind; TypeError if it is not what the hooks ask for."""
    found = {}
    for kind, (hook, expected) in kinds.items():
        if not implements(plugin, hook):
            continue
        with info.timed(hook):
            # Within, as a generator does its work only here.
            listed = sequence(hook, getattr(plugin, hook)())
        if listed:
            found[kind] = [checked(item, expected) for item in listed]
    return found


def context_of(tags: object) -> dict[str, str]:
    """Return the tags that a plugin gives to runs; TypeError if they are something else.

    InvalidValue for a tag that no store would take.
    """
    from pegboard import validation
    from pegboard.entities import RunTag

    hook = "pegboard_run_context"
    if not isinstance(tags, Mapping):
        raise TypeError(f"{hook} returned {shown(tags)}, not a mapping")
    for key, value in tags.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"{hook} returned {key!r} = {value!r}, which is not text")
        validation.tag(RunTag(key, value))
    return dict(tags)


def sequence(hook: str, items: object) -> Sequence[Any]:
    """Return what a hook declares, also if it came from a generator."""
    if isinstance(items, (str, Mapping)) or not isinstance(items, Iterable):
        raise TypeError(f"{hook} returned {shown(items)}, not a sequence")
    return list(items)


def shown(value: object) -> str:
    """Return a value in few words, for errors."""
    return "None" if value is None else f"{type(value).__name__} {value!r:.60}"


def checked(item: Any, expected: type[Any]) -> Any:
    """Return what was declared; TypeError if it is something else than expected."""
    if not isinstance(item, expected):
        raise TypeError(f"{item!r} was declared, which is not a {expected.__name__}")
    if expected.__module__ != hookspecs.__name__:
        return item
    if not isinstance(name_of(item), str) or not name_of(item):
        raise TypeError(f"{item!r} was declared, whose name is not text")
    return item


@contextmanager
def blamed(failed: str, hint: str) -> Iterator[None]:
    """Raise PluginError, which says what failed, in place of what a plugin raises."""
    try:
        yield
    except PegboardError:
        raise
    except ImportError as error:
        needs = "Install what it needs, or run 'pegboard doctor'."
        raise PluginError(f"{failed}: {error}.", hint=needs) from error
    except BaseException as error:
        if is_fatal(error):
            raise
        raise PluginError(f"{failed}: {described(error)}.", hint=hint) from error


def opened(plugin: str, kind: str, open_it: Callable[[], Any]) -> Any:
    """Return what a plugin opens; PluginError, naming it, if it fails or opens something else."""
    fault = "The fault is the plugin's. "
    fault += f"[pegboard] disabled = [{plugin!r}] in pegboard.toml leaves it out."
    with blamed(f"The plugin {plugin!r} could not open its {kind}", fault):
        found = open_it()
    if found is None:
        raise PluginError(
            f"The plugin {plugin!r} opened nothing in place of its {kind}: it returned None.",
            hint=fault,
        )
    if kind in _CONTRACTS and (missing := _missing(found, _CONTRACTS[kind])):
        raise PluginError(
            f"The plugin {plugin!r} opened {shown(found)} in place of its {kind}: "
            f"it has no {_few(missing)}.",
            hint=fault,
        )
    return found


def _few(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _missing(found: object, contract: str) -> list[str]:
    module, _, name = contract.partition(":")
    kind = getattr(import_module(module), name)
    if isinstance(found, kind):
        return []
    return sorted(name for name in kind.__abstractmethods__ if not hasattr(found, name))


def claimed(what: str, plugins: Sequence[str], key: str = "") -> PluginError:
    """Return the error of a thing that several plugins claim; ``key`` if it can be settled."""
    settled = (
        f"Say which in [pegboard.providers]: {key} = {plugins[0]!r}. Or name" if key else "Name"
    )
    listed = ", ".join(map(repr, plugins[:-1]))
    return PluginError(
        f"{what} by the plugins {listed} and {plugins[-1]!r}.",
        hint=f"{settled} one of them in [pegboard] disabled, in pegboard.toml.",
    )
