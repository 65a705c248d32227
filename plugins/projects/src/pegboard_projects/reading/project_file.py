"""Reads ``MLproject``, the same in a ``pyproject.toml``, or a folder that has neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pegboard import paths
from pegboard.errors import UnsafePath, translate_os_error

from pegboard_projects.contract import Container
from pegboard_projects.entry_points import EntryPoint
from pegboard_projects.errors import ProjectError
from pegboard_projects.parameters import KNOWN, SAME, Parameter, as_text, is_name
from pegboard_projects.project import Project
from pegboard_projects.reading.document import Document, read_document

FILE_NAME = "MLproject"
PYPROJECT = "pyproject.toml"
_TABLE = ("tool", "pegboard", "project")
_ENVIRONMENTS = ("python_env", "conda_env", "docker_env", "requirements")
_KEYS = ("name", *_ENVIRONMENTS, "entry_points", "databricks_spark_job", "workflow")
_DEFAULT_FILES = (
    ("python", "python_env.yaml"),
    ("conda", "conda.yaml"),
    ("requirements", "requirements.txt"),
)


def load(directory: Path) -> Project:
    """Return the project in a folder. ProjectError names file, line and what was expected."""
    file = _project_file(directory)
    if file is not None:
        return _project(directory, read_document(file), ())
    pyproject = directory / PYPROJECT
    if pyproject.is_file():
        document = read_document(pyproject)
        if document.at(*_TABLE) is not None:
            return _project(directory, document, _TABLE)
    kind, environment = _default_environment(directory)
    return Project(
        name=directory.resolve().name, directory=directory, kind=kind, environment=environment
    )


def _project_file(directory: Path) -> Path | None:
    """Return the project's file: MLflow takes the first, whatever the case of its name."""
    try:
        names = sorted(entry.name for entry in directory.iterdir() if entry.is_file())
    except OSError as error:
        raise translate_os_error(error, directory) from error
    found = [name for name in names if name.lower() == FILE_NAME.lower()]
    return directory / found[0] if found else None


def _project(directory: Path, document: Document, root: tuple[str, ...]) -> Project:
    table = document.mapping(*root)
    if table.get("databricks_spark_job") is not None:
        raise document.fault(
            "a databricks_spark_job runs on Databricks only.", *root, "databricks_spark_job"
        )
    notes = document.unknown(_KEYS, *root)
    kind, environment, container = _environment(directory, document, root)
    name = table.get("name")
    if isinstance(name, (list, dict)):
        raise document.fault("'name' is not a text.", *root, "name")
    points = document.mapping(*root, "entry_points")
    return Project(
        name=as_text(name) if name not in (None, "") else directory.resolve().name,
        directory=directory,
        file=document.file,
        entry_points={key: _entry_point(document, (*root, "entry_points", key)) for key in points},
        kind=kind,
        environment=environment,
        container=container,
        tables={"workflow": table["workflow"]} if table.get("workflow") else {},
        notes=[*notes, *_odd_parameters(document, root, points)],
    )


def _environment(
    directory: Path, document: Document, root: tuple[str, ...]
) -> tuple[str, Path | None, Container | None]:
    table = document.mapping(*root)
    named = [key for key in _ENVIRONMENTS if table.get(key) not in (None, "", {})]
    if len(named) > 1:
        raise document.fault(f"a project has one environment, not {' and '.join(named)}.", *root)
    if not named:
        if root:
            return "pyproject", document.file, None
        return (*_default_environment(directory), None)
    key = named[0]
    if key == "docker_env":
        return "docker", None, _docker(document, (*root, key))
    text = document.text(*root, key)
    assert text is not None
    try:
        file = paths.below(directory, text)
    except UnsafePath as error:
        raise document.fault(error.message, *root, key) from None
    if not file.is_file():
        raise document.fault(f"{key} names {text!r}, which is not there.", *root, key)
    return key.removesuffix("_env"), file, None


def _default_environment(directory: Path) -> tuple[str, Path | None]:
    for kind, name in _DEFAULT_FILES:
        if (directory / name).is_file():
            return kind, directory / name
    pyproject = directory / PYPROJECT
    if pyproject.is_file() and isinstance(read_document(pyproject).at("project"), dict):
        return "pyproject", pyproject
    return "", None


def _docker(document: Document, place: tuple[str, ...]) -> Container:
    image = document.text(*place, "image")
    if image is None:
        raise document.fault("docker_env needs an image.", *place)
    environment: list[str | tuple[str, str]] = []
    for each in document.mapping(*place).get("environment") or ():
        if isinstance(each, str):
            environment.append(each)
        elif isinstance(each, list) and len(each) == 2:
            environment.append((str(each[0]), as_text(each[1])))
        else:
            raise document.fault(
                f"an environment variable is NAME or [NAME, VALUE], not {each!r}.",
                *place,
                "environment",
            )
    volumes = document.texts(*place, "volumes")
    return Container(image=image, volumes=volumes, environment=environment)


def _entry_point(document: Document, place: tuple[str, ...]) -> EntryPoint:
    document.mapping(*place)
    command = document.text(*place, "command")
    if command is None:
        raise document.fault(f"the entry point {place[-1]!r} needs a command.", *place)
    parameters = {
        name: _parameter(document, (*place, "parameters", name))
        for name in document.mapping(*place, "parameters")
    }
    return EntryPoint(
        name=place[-1], command=command, parameters=parameters, where=document.where(*place)
    )


def _parameter(document: Document, place: tuple[str, ...]) -> Parameter:
    name, found = place[-1], document.at(*place)
    if not is_name(name):
        raise document.fault(f"{name!r} cannot be the name of a parameter.", *place)
    if found is None or isinstance(found, str):
        return Parameter(name=name, type=found or "string")
    if not isinstance(found, dict):
        raise document.fault(
            f"the parameter {name!r} is a type, or a mapping with 'type' and 'default'.", *place
        )
    default: Any = found.get("default")
    choices = document.texts(*place, "choices")
    if default is not None:
        default = as_text(default)
    return Parameter(
        name=name,
        type=document.text(*place, "type") or "string",
        default=default,
        choices=choices,
    )


def _odd_parameters(document: Document, root: tuple[str, ...], points: dict[str, Any]) -> list[str]:
    """Return what to say of types that nobody knows, and of defaults that are not of their type."""
    said = []
    for key in points:
        place = (*root, "entry_points", key)
        for name, parameter in _entry_point(document, place).parameters.items():
            here = document.where(*place, "parameters", name)
            if SAME.get(parameter.type, parameter.type) not in KNOWN:
                said.append(f"{here}: the type {parameter.type!r} is not known; it is a string.")
            if parameter.default is not None and (fault := parameter.fault(parameter.default)):
                said.append(f"{here}: the default of {fault}.")
    return said


def entry_point(project: Project, name: str, shell_program: str) -> EntryPoint:
    """Return the entry point of a name: one that is declared, or a script of the project."""
    from pegboard_projects.entry_points import of_script, scripts

    found = project.entry_points.get(name) or of_script(name, project.directory, shell_program)
    if found is not None:
        return found
    known = list(project.entry_points)
    if not known:
        # MLflow's word for it, too: any script is an entry point.
        known = list(scripts(project.directory))
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ProjectError(
        f"The project {project.name!r} has no entry point {name!r}.{meant}",
        hint=f"It has: {', '.join(known) or 'none'}. A .py, .sh or .R file of it is one too; "
        "name it with -e.",
    )
