"""Projects: code that says how it is run, run in its environment, and recorded exactly.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_projects.contract import Job as Job
    from pegboard_projects.contract import Log as Log
    from pegboard_projects.contract import Outcome as Outcome
    from pegboard_projects.contract import Runner as Runner
    from pegboard_projects.contract import Submitted as Submitted
    from pegboard_projects.elsewhere import Followed as Followed
    from pegboard_projects.elsewhere import check_reachable as check_reachable
    from pegboard_projects.elsewhere import directed as directed
    from pegboard_projects.hookspecs import ProjectRunner as ProjectRunner
    from pegboard_projects.testing import RunnerContract as RunnerContract

_HOMES = {
    "Followed": "elsewhere",
    "Job": "contract",
    "Log": "contract",
    "Outcome": "contract",
    "ProjectRunner": "hookspecs",
    "Runner": "contract",
    "RunnerContract": "testing",
    "Submitted": "contract",
    "check_reachable": "elsewhere",
    "directed": "elsewhere",
}
"""By public name the module that has it."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
