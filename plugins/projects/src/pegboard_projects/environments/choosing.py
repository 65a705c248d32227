"""Which environment a project gets: what is asked for, what it describes, and what is installed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_projects.environments.environment import Contained, Environment, Local
from pegboard_projects.errors import ProjectError

if TYPE_CHECKING:
    from pegboard_projects.environments.specs import Spec
    from pegboard_projects.project import Project
    from pegboard_projects.settings import Settings

_SAME = {"virtualenv": "uv", "venv": "uv"}
MANAGERS = ("local", "uv", "conda", "docker")
_CONDAS = ("conda", "mamba", "micromamba")


def choose(
    project: Project, script: str | None, manager: str | None, settings: Settings
) -> Environment:
    """Return the environment for a project; ProjectError if it cannot have one of that kind.

    ``script`` is the file that runs, if it is one: it may say itself what it needs.
    """
    wanted = manager or settings.env_manager
    wanted = _SAME.get(wanted, wanted)
    if wanted and wanted not in MANAGERS:
        raise ProjectError(
            f"There is no environment manager {wanted!r}.",
            hint=f"Known are: {', '.join([*MANAGERS, *_SAME])}.",
        )
    if wanted == "local":
        return Local()
    if project.container is not None:
        return Contained(project.container)
    if wanted == "docker":
        raise ProjectError(
            f"The project {project.name!r} names no image of a container.",
            hint="Add a docker_env, or name an image by the setting of a runner of containers.",
        )
    spec = _script_spec(project, script)
    if spec is None and not project.kind:
        if manager is None:
            # Inherited perhaps, from a project that has one.
            return Local()
        raise ProjectError(
            f"The project {project.name!r} does not say what environment it needs.",
            hint="Add a requirements.txt or a python_env.yaml, or use --env-manager local.",
        )
    conda = _conda()
    if spec is None and project.kind == "conda" and (wanted == "conda" or (conda and not wanted)):
        return _of_conda(project, conda, settings)
    if wanted == "conda":
        raise ProjectError(
            f"The project {project.name!r} has no conda.yaml, and conda needs one.",
            hint="Leave out --env-manager, or use uv or local.",
        )
    from pegboard_projects.environments.specs import of_file
    from pegboard_projects.environments.uv import Uv, program

    program()
    if spec is None:
        assert project.environment is not None
        spec = of_file(project.kind, project.environment, project.directory)
    return Uv(spec, settings)


def _script_spec(project: Project, script: str | None) -> Spec | None:
    if script is None or not script.endswith(".py"):
        return None
    from pegboard_projects.environments.specs import of_script

    return of_script(project.directory / script, project.directory)


def _conda() -> str | None:
    return next(filter(None, map(shutil.which, _CONDAS)), None)


def _of_conda(project: Project, conda: str | None, settings: Settings) -> Environment:
    from pegboard_projects.environments.conda import Conda

    if conda is None:
        raise ProjectError(
            "conda is not installed.", hint="Use --env-manager uv: it takes packages from PyPI."
        )
    file: Path | None = project.environment
    assert file is not None
    return Conda(conda, file, settings)
