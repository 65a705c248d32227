"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard_projects import ProjectRunner


@hookimpl(optionalhook=True)
def pegboard_project_runners() -> Sequence[ProjectRunner]:
    """Declare the runner."""
    from pegboard_projects import ProjectRunner

    target = "pegboard_kubernetes.runner:Kubernetes"
    return [ProjectRunner("kubernetes", target, "A job of a Kubernetes cluster.")]
