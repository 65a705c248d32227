"""Which environment a project gets: what is asked for, what it describes, and what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard_projects.environments.environment import Environment, Local
from pegboard_projects.errors import ProjectError

if TYPE_CHECKING:
    from pegboard_projects.project import Project
    from pegboard_projects.settings import Settings

_SAME = {"virtualenv": "uv", "venv": "uv", "mamba": "conda"}
MANAGERS = ("local", "uv", "conda", "docker")


def choose(project: Project, manager: str | None, settings: Settings) -> Environment:
    """Return the environment for a project; ProjectError if it cannot have one of that kind."""
    wanted = manager or settings.env_manager
    wanted = _SAME.get(wanted, wanted)
    if wanted and wanted not in MANAGERS:
        raise ProjectError(
            f"There is no environment manager {wanted!r}.",
            hint=f"Known are: {', '.join([*MANAGERS, *_SAME])}.",
        )
    if wanted == "local" or (not wanted and not project.kind):
        return Local()
    raise ProjectError(
        f"The project {project.name!r} asks for an environment, which cannot be made.",
        hint="Use --env-manager local, with what it needs installed.",
    )
