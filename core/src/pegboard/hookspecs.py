"""The hooks that a plugin may implement. This is the whole surface between host and plugins.

A plugin is a module (or object) named by an entry point of the group ``pegboard``; its functions
carry ``@hookimpl``. Hooks return small declarations whose ``open`` or ``load`` imports the real
work only when it is needed, so a plugin costs nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy
from attrs import frozen

if TYPE_CHECKING:
    from pegboard.client import Client
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.evaluation import Evaluator
    from pegboard.contracts.http import Endpoint
    from pegboard.contracts.llm import LLMProvider
    from pegboard.contracts.models import ModelFlavor
    from pegboard.contracts.projects import ProjectRunner
    from pegboard.contracts.registry import ModelRegistry, Promotion, Verdict
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities import Dataset, Run, RunStatus
    from pegboard.host import Host
    from pegboard.uris import Uri

PROJECT = "pegboard"
"""The pluggy project name, and the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

C = TypeVar("C")


@frozen
class Backend(Generic[C]):
    """A store that is chosen by the scheme of a URI.

    ``open`` gets the parsed URI and the plugin's own settings (its table in the configuration).
    ``place`` gets the same, if ``open`` makes what is not there: it returns the file or directory
    that tells whether there is a store already. Commands that only read make none.
    """

    scheme: str
    open: Callable[[Uri, Mapping[str, Any]], C]
    summary: str
    place: Callable[[Uri, Mapping[str, Any]], Path] | None = None


@frozen
class Component(Generic[C]):
    """A provider, evaluator or runner that is chosen by name.

    ``open`` gets the plugin's own settings (its table in the configuration).
    """

    name: str
    open: Callable[[Mapping[str, Any]], C]
    summary: str


@frozen
class Command:
    """A sub-command of ``pegboard``. ``load`` returns a click command and may import at will.

    One named ``GROUP NAME`` is put into a group, which other plugins may add to as well, and which
    one of them may declare as ``GROUP`` with commands of its own.
    """

    name: str
    load: Callable[[], Any]
    summary: str


@frozen
class DatasetType:
    """A kind of data that can be logged as a run's input.

    ``accepts`` says whether an object is of this kind, without importing the library behind it.
    ``describe`` returns its description; keywords are ``name``, ``source``, ``targets``, ``digest``
    and what the kind itself adds.
    """

    name: str
    accepts: Callable[[Any], bool]
    describe: Callable[..., Dataset]
    summary: str


@frozen
class Gate:
    """A check that a promotion in the model registry can be made to require.

    ``check`` gets the promotion, the registry to look things up in, and the host, whose
    ``store_beside`` gives the runs. Which promotions require it is configured by its name.
    """

    name: str
    check: Callable[[Promotion, ModelRegistry, Host], Verdict]
    summary: str


@frozen
class Autologger:
    """Logs by itself what a library trains.

    ``library`` is the module whose import makes ``enable`` worth calling; ``enable`` takes the
    switches of ``pegboard.autolog``, by name, and with ``disable=True`` undoes what it did.
    """

    name: str
    library: str
    enable: Callable[..., None]
    summary: str


@frozen
class ApiName:
    """A name that a plugin adds to the package ``pegboard``: a module or a function.

    ``load`` returns it, and may import at will; it is called on first use.
    """

    name: str
    load: Callable[[], Any]
    summary: str


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
def pegboard_gates() -> Sequence[Gate]:
    """Declare checks that promotions in a model registry can be made to require."""
    return ()


@hookspec
def pegboard_model_flavors() -> Sequence[Component[ModelFlavor]]:
    """Declare model flavors by name."""
    return ()


@hookspec
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what logs the training of a library by itself."""
    return ()


@hookspec
def pegboard_llm_providers() -> Sequence[Component[LLMProvider]]:
    """Declare LLM providers by name."""
    return ()


@hookspec
def pegboard_evaluators() -> Sequence[Component[Evaluator]]:
    """Declare evaluators by name."""
    return ()


@hookspec
def pegboard_project_runners() -> Sequence[Component[ProjectRunner]]:
    """Declare project runners by name."""
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
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Declare HTTP endpoints; imports what answers them, and is called by the server only."""
    return ()


@hookspec
def pegboard_server_started(host: Host, tracking_uri: str | None) -> Callable[[], None] | None:
    """Begin what goes on beside the requests of a server, and return what ends it.

    Called in each process of a server that serves plugins' endpoints, with the store that it was
    started with (None: the configured one). Must be quick: what takes time belongs in a thread.
    """


@hookspec
def pegboard_settings() -> Mapping[str, object]:
    """Declare the keys of the plugin's table in the configuration, with their defaults.

    A key that is not declared here is an error when the configuration is read; a value must have
    the type of its default.
    """
    return {}


@hookspec
def pegboard_run_context() -> Mapping[str, str]:
    """Return tags for a run that is about to start: who, from what, on which commit.

    Tags given by the user win over these. Must be quick; slow facts belong in
    ``pegboard_run_started``.
    """
    return {}


@hookspec
def pegboard_run_started(run: Run, client: Client, options: Mapping[str, Any]) -> None:
    """Act on a run that the scripting API has started or resumed.

    ``options`` holds what ``start_run`` was told: ``log_system_metrics`` (bool or None).
    """


@hookspec
def pegboard_run_ending(run: Run, client: Client, status: RunStatus) -> None:
    """Act on a run that is about to end, while it can still be written to."""
