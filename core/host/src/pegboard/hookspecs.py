"""The hooks that a plugin may implement. This is the whole surface between host and plugins.

A plugin is a module (or object) named by an entry point of the group ``pegboard``; its functions
carry ``@hookimpl``. Hooks return small declarations, which name their targets as texts
(``package.module:attribute``); these are imported on first use, so a plugin costs nothing before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy
from attrs import field, frozen, validators

from pegboard.targets import check

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.registry import ModelRegistry
    from pegboard.contracts.run_log import RunLog
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities import Run, RunStatus
    from pegboard.host import Host

PROJECT = "pegboard"
"""The pluggy project name, and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

C = TypeVar("C")


@frozen
class Backend(Generic[C]):
    """A store that is chosen by the scheme of a URI.

    ``target`` names a function of the parsed URI and the plugin's own settings. ``place`` names one
    of the same, if ``target`` makes what is not there: it returns the file or directory that tells
    whether there is a store already. Commands that only read make none.
    """

    scheme: str
    target: str = field(validator=check)
    summary: str
    place: str | None = field(default=None, validator=validators.optional(check))


@frozen
class Named:
    """What declarations by name have; ``target`` names what is offered, which is imported then."""

    name: str
    target: str = field(validator=check)
    summary: str


class Flavor(Named):
    """A kind of models, chosen by name; ``target`` names a subclass of ModelFlavor."""

    __slots__ = ()


class Provider(Named):
    """A vendor or kind of language models, chosen by name.

    ``target`` names a subclass of LLMProvider or LocalProvider (``pegboard.contracts.llm``).
    """

    __slots__ = ()


class Evaluator(Named):
    """A way to evaluate models, chosen by name.

    ``target`` names a subclass of ModelEvaluator (``pegboard.contracts.evaluation``).
    """

    __slots__ = ()


class Command(Named):
    """A sub-command of ``pegboard``; ``target`` names a click command.

    A command named ``GROUP NAME`` goes into a group. Other plugins may add to the group too, and
    one of them may declare it, as ``GROUP`` with its own commands.
    """

    __slots__ = ()


@frozen
class DatasetType:
    """A kind of data that can be logged as a run's input.

    ``accepts`` names a function that says whether an object is of this kind, without importing the
    library behind it. ``describe`` names one that returns its description; keywords are ``name``,
    ``source``, ``targets``, ``digest`` and what the kind itself adds.
    """

    name: str
    accepts: str = field(validator=check)
    describe: str = field(validator=check)
    summary: str


@frozen
class Autologger:
    """Logs what a library trains, without being called.

    The autologger is switched on when the module ``library`` is imported. ``target`` names a
    function whose keywords are switches of ``pegboard.autolog``; with ``disable=True`` it undoes
    what it did.
    """

    name: str
    library: str
    target: str = field(validator=check)
    summary: str


class ApiName(Named):
    """A name that a plugin adds to the package ``pegboard``: ``target``, a module or a function.

    ``entities.NAME`` is added to ``pegboard.entities``, before names of the core; ``Client.NAME``
    is a function of a ``pegboard.Client`` that becomes a method of it.
    """

    __slots__ = ()


OK, WARN, FAIL, SKIP = "ok", "warn", "fail", "skip"
"""The states of a ``Finding``; ``fail`` makes the exit code of ``pegboard doctor`` 1."""


@frozen
class Finding:
    """The result of one check: what was found, and for all but ``ok`` what to do."""

    check: str
    state: str
    found: str
    advice: str = ""


@hookspec
def pegboard_tracking_stores() -> Sequence[Backend[TrackingStore]]:
    """Declare tracking stores by URI scheme."""
    return ()


@hookspec
def pegboard_artifact_stores() -> Sequence[Backend[ArtifactStore]]:
    """Declare artifact stores by URI scheme."""
    return ()


@hookspec
def pegboard_model_registries() -> Sequence[Backend[ModelRegistry]]:
    """Declare model registries by URI scheme."""
    return ()


@hookspec
def pegboard_model_registry_opened(registry: ModelRegistry, host: Host) -> None:
    """Set up a registry that was just opened, before it is used.

    An exception refuses the registry: what cannot be guarded is not opened.
    """


@hookspec
def pegboard_hookspecs() -> str:
    """Name a module with hooks of this plugin's own, which other plugins may implement.

    The module holds ``@hookspec`` functions. A ``KINDS`` in it says what they declare: by kind of
    thing, the name of the hook and the class of its declarations, which has a ``name`` and a
    ``summary``; ``Host.declared`` returns them. Plugins that implement such a hook mark it with
    ``@hookimpl(optionalhook=True)``, so that they load without this plugin.
    """
    return ""


@hookspec
def pegboard_model_flavors() -> Sequence[Flavor]:
    """Declare model flavors by name."""
    return ()


@hookspec
def pegboard_llm_providers() -> Sequence[Provider]:
    """Declare providers of language models by name."""
    return ()


@hookspec
def pegboard_evaluators() -> Sequence[Evaluator]:
    """Declare evaluators of models by name."""
    return ()


@hookspec
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of a library by itself."""
    return ()


@hookspec
def pegboard_dataset_types() -> Sequence[DatasetType]:
    """Declare kinds of data that ``log_input`` and ``pegboard.data`` understand."""
    return ()


@hookspec
def pegboard_commands() -> Sequence[Command]:
    """Declare sub-commands of ``pegboard``."""
    return ()


@hookspec
def pegboard_api() -> Sequence[ApiName]:
    """Declare names of the scripting API, such as ``pegboard.sklearn``."""
    return ()


@hookspec
def pegboard_checks(host: Host) -> Iterable[Finding]:  # noqa: ARG001
    """Check what the plugin needs besides itself, for ``pegboard doctor``; changes nothing."""
    return ()


@hookspec
def pegboard_variables() -> Sequence[str]:
    """Name the environment variables, ``PEGBOARD_…``, that are read beside those of settings.

    ``pegboard doctor`` and ``pegboard config show`` warn of others, which are misspelt.
    """
    return ()


@hookspec
def pegboard_settings() -> str:
    """Name the class of the plugin's settings, ``package.module:Settings``.

    It is a frozen attrs class with a default for each field. The fields are the keys of the
    plugin's table in the configuration, and their types what the values must be
    (``pegboard.settings``).
    """
    return ""


@hookspec
def pegboard_run_context() -> Mapping[str, str]:
    """Return tags for a run that is about to start: who, from what, on which commit.

    Tags given by the user win over these. Must be quick; slow facts belong in
    ``pegboard_run_started``. Keys and values are text; anything else is refused as a whole.
    """
    return {}


@hookspec
def pegboard_run_started(run: Run, client: RunLog, options: Mapping[str, Any]) -> None:
    """Act on a run that the scripting API has started or resumed.

    ``options`` holds what was passed to ``start_run``: ``log_system_metrics`` (bool or None).
    """


@hookspec
def pegboard_run_ending(run: Run, client: RunLog, status: RunStatus) -> None:
    """Act on a run that is about to end, while it can still be written to."""


def __getattr__(name: str) -> Any:
    """Refuse what was here in earlier versions, and say what to write in its place."""
    # Python itself asks for names with two underscores, whenever something is imported from here.
    if not name.startswith("__"):
        from pegboard import former

        if became := former.name(name):
            raise ImportError(f"pegboard.hookspecs has no {name!r}: {became}", name=__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
