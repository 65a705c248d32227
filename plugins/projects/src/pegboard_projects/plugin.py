"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Command, hookimpl

from pegboard_projects.hookspecs import ProjectRunner


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.projects]."""
    return "pegboard_projects.settings:Settings"


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module with the hook for runners."""
    return "pegboard_projects.hookspecs"


@hookimpl
def pegboard_project_runners() -> Sequence[ProjectRunner]:
    """Declare the runner of this machine."""
    return [ProjectRunner("local", "pegboard_projects.runners.local:Local", "This machine.")]


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare what runs projects, and what looks at them."""
    home = "pegboard_projects.commands"
    return [
        Command("env", f"{home}.env:env", "List and remove the environments that projects run in."),
        Command("run", f"{home}.run:run", "Run a project: a folder, a git repository, a zip file."),
        Command("rerun", f"{home}.rerun:rerun", "Run again what a run of a project ran."),
        Command("projects", f"{home}.projects:projects", "Make, check and look at projects."),
    ]


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name the one by which all processes of a run are found, and the folder for what they make."""
    return ("PEGBOARD_OUTPUTS", "PEGBOARD_PROJECT_MARK")


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.projects`` and ``pegboard.run``."""
    return [
        ApiName("projects", "pegboard_projects.api", "Projects: code that says how it is run"),
        ApiName("run", "pegboard_projects.api:run", "Run a project"),
    ]
