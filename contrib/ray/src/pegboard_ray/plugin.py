"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl

if TYPE_CHECKING:
    from pegboard_evaluation import EvaluationWorkers
    from pegboard_projects import ProjectRunner


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [ray]."""
    return "pegboard_ray.settings:Defaults"


@hookimpl(optionalhook=True)
def pegboard_project_runners() -> Sequence[ProjectRunner]:
    """Declare the runner."""
    from pegboard_projects import ProjectRunner

    return [ProjectRunner("ray", "pegboard_ray.runner:Ray", "A Ray cluster.")]


@hookimpl(optionalhook=True)
def pegboard_evaluation_workers() -> Sequence[EvaluationWorkers]:
    """Declare workers for the rows of evaluations."""
    from pegboard_evaluation import EvaluationWorkers

    return [EvaluationWorkers("ray", "pegboard_ray.workers:RayWorkers", "A Ray cluster.")]
