"""Everything about a run that can be checked before it is created, checked.

A plan holds what a run needs, down to the last parameter: only the environment's own build, the
runner and the code itself can fail after it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen
from pegboard import distributions, uris
from pegboard import settings as structuring
from pegboard.errors import PegboardError

from pegboard_projects.contract import Container
from pegboard_projects.environments import choosing
from pegboard_projects.environments.environment import Contained, Environment
from pegboard_projects.errors import ProjectError, together
from pegboard_projects.names import NAME
from pegboard_projects.parameters import as_text, given, listed
from pegboard_projects.reading import project_file
from pegboard_projects.runners import mlflow_backend
from pegboard_projects.runners.mlflow_backend import MlflowBackend
from pegboard_projects.sources.source import Source, fetch

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_scripting.client import Client

    from pegboard_projects.contract import Runner
    from pegboard_projects.entry_points import EntryPoint
    from pegboard_projects.project import Project
    from pegboard_projects.settings import Settings


_HERE, _CONTAINERS = "local", "docker"
_MAKING = ("uv", "virtualenv", "venv", "conda")
"""Managers that make an environment on this machine."""


@frozen(kw_only=True)
class Request:
    """What a caller asks for, as it was given; paths are relative to where the caller runs."""

    uri: str
    entry_point: str = "main"
    version: str | None = None
    parameters: Mapping[str, Any] = field(factory=dict)
    backend: str | None = None
    backend_config: Mapping[str, Any] = field(factory=dict)
    env_manager: str | None = None
    storage_dir: str | None = None
    docker_args: Mapping[str, Any] = field(factory=dict)
    build_image: bool = False
    timeout_seconds: float | None = None
    """How long the project may take from when the runner has it; its environment is made before."""
    opened: Opened | None = field(default=None, eq=False, repr=False)
    """The project, if it was fetched and read already; ``uri`` is only what it is called then."""
    entry: EntryPoint | None = None
    """What to run, in place of one that the project declares."""
    at_end: Callable[[Client, str], str] | None = field(default=None, eq=False, repr=False)
    """Called with the run's id when its code has ended without a fault, before the run does; what
    it returns is why the run fails for all that."""


@frozen(kw_only=True)
class Opened:
    """A project that was fetched and read, for one run or for many."""

    settings: Settings
    source: Source
    project: Project

    def entry_point(self, name: str) -> EntryPoint:
        """Return an entry point, or a script; ProjectError names those that are there."""
        shell_program = os.environ.get("SHELL") or "bash"
        return project_file.entry_point(self.project, name, shell_program)

    def environment(self, entry_point: EntryPoint, manager: str | None) -> Environment:
        """Return the environment that an entry point would get; it is not made."""
        name = entry_point.name
        script = None if name in self.project.entry_points else name
        return choosing.choose(self.project, script, manager, self.settings)


@frozen(kw_only=True)
class Plan:
    """A run that can begin: ``values`` are the raw parameters, ``command`` is what bash gets."""

    request: Request
    settings: Settings
    source: Source
    project: Project
    entry_point: EntryPoint
    values: Mapping[str, str]
    command: str
    environment: Environment
    backend: str
    runner: Runner | MlflowBackend
    runner_settings: Any

    @property
    def notes(self) -> list[str]:
        """What people should know before it begins."""
        return [*self.source.notes, *self.project.notes, *self.environment.notes]


@contextlib.contextmanager
def planned(host: Host, request: Request, tracking_uri: str) -> Iterator[Plan]:
    """Fetch a project, check everything, and yield the plan; what was fetched goes at the end.

    ProjectError and other PegboardErrors say what is wrong, all faults of one kind together.
    """
    settings: Settings = host.settings(NAME)
    backend = request.backend or settings.backend
    if backend != _HERE:
        runner, runner_settings = runner_of(host, backend, request.backend_config, tracking_uri)
    storage = _Storage(request.storage_dir)
    environment: Environment | None = None
    stack = contextlib.ExitStack()
    try:
        found = request.opened or stack.enter_context(opened(host, request.uri, request.version))
        entry_point = request.entry or found.entry_point(request.entry_point)
        values = _values(entry_point, given(request.parameters))
        environment = found.environment(entry_point, request.env_manager)
        if backend == _HERE:
            if environment.container is not None and _CONTAINERS in host.declared("project runner"):
                # As MLflow has it: what asks for a container gets one.
                backend = _CONTAINERS
            runner, runner_settings = runner_of(host, backend, request.backend_config, tracking_uri)
        if not isinstance(runner, MlflowBackend):
            container = _container(runner, runner_settings, request, environment)
            environment = _within(found.project, environment, container, backend)
            _refuse_unused(request, container)
        placed = _placed(entry_point, values, request.parameters, found.project, storage)
        yield Plan(
            request=request,
            settings=settings,
            source=found.source,
            project=found.project,
            entry_point=entry_point,
            values=values,
            command=environment.wrapped(entry_point.render(placed)),
            environment=environment,
            backend=backend,
            runner=runner,
            runner_settings=runner_settings,
        )
    finally:
        if environment is not None:
            environment.release()
        storage.remove()
        stack.close()


def _container(
    runner: Runner, settings: Any, request: Request, environment: Environment
) -> Container | None:
    """Return the container that the run gets, as the caller wants it."""
    options, build = dict(request.docker_args), request.build_image
    told = environment.container
    if told is None:
        told = runner.container(settings, None)  # That of the runner's settings.
        if told is None or not (options or build):
            return told
    return runner.container(settings, evolve(told, options=options, build=build))


def _refuse_unused(request: Request, container: Container | None) -> None:
    """Refuse what would be without effect; ProjectError."""
    if container is not None:
        if request.env_manager in _MAKING:
            raise ProjectError(
                f"The run has the container {container.image!r} for its environment, and "
                f"{request.env_manager!r} would make none.",
                hint="Leave out --env-manager, or use local to run without the container that "
                "the project names.",
            )
        return
    unused = {"-A (docker_args)": request.docker_args, "--build-image": request.build_image}
    if given := [name for name, value in unused.items() if value]:
        raise ProjectError(
            f"{' and '.join(given)} would have no effect: the run is in no container.",
            hint="Leave it out, or run in one: with a docker_env in the project, or --backend "
            "docker and its setting image.",
        )


def _within(
    project: Project, environment: Environment, container: Container | None, backend: str
) -> Environment:
    """Return the environment in the container of the runner, if that has one."""
    if container is not None:
        notes = list(environment.notes)
        if environment.container is None and project.kind:
            notes = [f"The image {container.image} has to hold what {project.name} needs."]
        return Contained(container, notes)
    if environment.container is None:
        return environment
    install = distributions.install("project runner", _CONTAINERS) if backend == _HERE else ""
    raise ProjectError(
        f"The project {project.name!r} runs in a container, and the runner {backend!r} has none.",
        hint=f"{install} Or use --env-manager local, with what it needs installed.".strip(),
    )


@contextlib.contextmanager
def opened(host: Host, uri: str, version: str | None) -> Iterator[Opened]:
    """Fetch and read a project; what was fetched goes at the end of the block."""
    source = fetch(uri, version)
    try:
        project = project_file.load(source.directory)
        yield Opened(settings=host.settings(NAME), source=source, project=project)
    finally:
        source.remove()


def runner_of(
    host: Host, name: str, config: Mapping[str, Any], tracking_uri: str
) -> tuple[Runner | MlflowBackend, Any]:
    """Return the runner of a name, and its settings, both checked."""
    from pegboard.targets import resolve

    declared = host.declared("project runner")
    if name not in declared:
        known = mlflow_backend.names()
        if name in known:
            return MlflowBackend(name), dict(config)
        raise ProjectError(
            f"There is no runner {name!r}.",
            hint=distributions.install("project runner", name)
            or f"Installed are: {', '.join(sorted({*declared, *known}))}.",
        )
    runner: Runner = resolve(declared[name].target)()
    # MLflow's keys have hyphens.
    given = {key.replace("-", "_"): value for key, value in config.items()}
    chosen: Any = structuring.structure(runner.settings, given, f"the settings of {name!r}")
    runner.check(chosen, tracking_uri)
    return runner, chosen


def _values(entry_point: EntryPoint, parameters: Mapping[str, str]) -> dict[str, str]:
    values, faults = entry_point.values(parameters)
    if faults := [*entry_point.faults(), *faults]:
        where = f" ({entry_point.where})" if entry_point.where else ""
        raise together(f"The entry point {entry_point.name!r}{where} cannot be run", faults)
    return values


class _Storage:
    """Where remote files of parameters go: a folder of the caller's, or one that is removed."""

    def __init__(self, directory: str | None) -> None:
        self._given, self._made = directory, ""

    def folder(self) -> Path:
        """Return a new folder."""
        if self._given:
            Path(self._given).mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix="tmp", dir=Path(self._given).absolute()))
        if not self._made:
            self._made = tempfile.mkdtemp(prefix="pegboard-parameters-")
        return Path(tempfile.mkdtemp(dir=self._made))

    def remove(self) -> None:
        """Take away what nobody asked to keep."""
        if self._made:
            shutil.rmtree(self._made, ignore_errors=True)


def _placed(
    entry_point: EntryPoint,
    values: Mapping[str, str],
    parameters: Mapping[str, Any],
    project: Project,
    storage: _Storage,
) -> dict[str, str]:
    """Return the values with paths where files are, on this machine."""
    placed, faults = dict(values), []
    for name, parameter in entry_point.parameters.items():
        if parameter.kind not in ("path", "paths"):
            continue
        base = Path.cwd()
        if parameters.get(name) is None and (project.directory / values[name]).exists():
            # A default is the project's own; MLflow looks for it where the caller is.
            base = project.directory
        try:
            if parameter.kind == "path":
                placed[name] = _path(values[name], base, storage)
            else:
                paths = [_path(each, base, storage) for each in listed(values[name])]
                placed[name] = as_text(paths)
        except PegboardError as error:
            faults.append(f"{name}: {error.message}")
        except OSError as error:
            faults.append(f"{name}: {values[name]!r} cannot be fetched: {error}")
    if faults:
        raise together("A file that a parameter names is missing", faults)
    return placed


def _path(value: str, base: Path, storage: _Storage) -> str:
    parts = urlsplit(value)
    is_local = not parts.scheme or (base / value).exists()
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        value, is_local = str(uris.parse(value).local_path()), True
    if is_local:
        local = base / Path(value).expanduser()
        if not value or not local.exists():
            raise ProjectError(f"there is no file or folder {value!r}")
        return os.path.abspath(local)  # noqa: PTH100 (keeps links)
    from pegboard_scripting.artifacts import download_artifacts

    return download_artifacts(value, dst_path=str(storage.folder()))


def revised(request: Request, **changes: Any) -> Request:
    """Return a request with something else in it."""
    return evolve(request, **changes)
