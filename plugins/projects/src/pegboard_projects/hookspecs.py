"""The hook that projects add to the host's: runners, which run commands here or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen
from pegboard.hookspecs import hookspec
from pegboard.targets import check


@frozen
class ProjectRunner:
    """A place where projects can run, chosen by name: ``pegboard run --backend NAME``.

    ``target`` names a subclass of ``pegboard_projects.Runner``.
    """

    name: str
    target: str = field(validator=check)
    summary: str


@hookspec
def pegboard_project_runners() -> Sequence[ProjectRunner]:
    """Declare where projects can run."""
    return ()


KINDS = {"project runner": ("pegboard_project_runners", ProjectRunner)}
