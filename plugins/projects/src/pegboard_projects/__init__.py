"""Projects: code that says how it is run, run in its environment, and recorded exactly.

What stands here is what other distributions may use; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_projects.api import config_of as config_of
    from pegboard_projects.api import shown as shown
    from pegboard_projects.cancelling import Cancelling as Cancelling
    from pegboard_projects.cancelling import by_signals as by_signals
    from pegboard_projects.commands.options import pairs as pairs
    from pegboard_projects.contract import Container as Container
    from pegboard_projects.contract import Job as Job
    from pegboard_projects.contract import Left as Left
    from pegboard_projects.contract import Log as Log
    from pegboard_projects.contract import Outcome as Outcome
    from pegboard_projects.contract import Runner as Runner
    from pegboard_projects.contract import Submitted as Submitted
    from pegboard_projects.elsewhere import Followed as Followed
    from pegboard_projects.elsewhere import Reading as Reading
    from pegboard_projects.elsewhere import check_reachable as check_reachable
    from pegboard_projects.elsewhere import directed as directed
    from pegboard_projects.elsewhere import said as said
    from pegboard_projects.elsewhere import without_here as without_here
    from pegboard_projects.entry_points import EntryPoint as EntryPoint
    from pegboard_projects.environments.rebuilding import rebuilt as rebuilt
    from pegboard_projects.errors import ExecutionException as ExecutionException
    from pegboard_projects.errors import ProjectError as ProjectError
    from pegboard_projects.errors import together as together
    from pegboard_projects.hookspecs import ProjectRunner as ProjectRunner
    from pegboard_projects.leftovers import carried_out_alone as carried_out_alone
    from pegboard_projects.leftovers import check_machine as check_machine
    from pegboard_projects.leftovers import end_left as end_left
    from pegboard_projects.leftovers import machine_tag as machine_tag
    from pegboard_projects.parameters import Parameter as Parameter
    from pegboard_projects.parameters import as_text as as_text
    from pegboard_projects.parameters import given as given
    from pegboard_projects.parameters import is_name as is_name
    from pegboard_projects.planning import Opened as Opened
    from pegboard_projects.planning import Plan as Plan
    from pegboard_projects.planning import Request as Request
    from pegboard_projects.planning import opened as opened
    from pegboard_projects.planning import planned as planned
    from pegboard_projects.planning import runner_of as runner_of
    from pegboard_projects.reading.document import Document as Document
    from pegboard_projects.reading.document import read_document as read_document
    from pegboard_projects.recording import OuterRun as OuterRun
    from pegboard_projects.recording import Place as Place
    from pegboard_projects.recording import insisted as insisted
    from pegboard_projects.recording import outer_run as outer_run
    from pegboard_projects.runners.local import Local as Local
    from pegboard_projects.running import Session as Session
    from pegboard_projects.running import session as session
    from pegboard_projects.scheduling import Result as Result
    from pegboard_projects.scheduling import Scheduler as Scheduler
    from pegboard_projects.scheduling import Show as Show
    from pegboard_projects.scheduling import Task as Task
    from pegboard_projects.scheduling import check_request as check_request
    from pegboard_projects.testing import RunnerContract as RunnerContract

_HOMES = {
    "Cancelling": "cancelling",
    "Container": "contract",
    "Document": "reading.document",
    "EntryPoint": "entry_points",
    "ExecutionException": "errors",
    "Followed": "elsewhere",
    "Job": "contract",
    "Left": "contract",
    "Local": "runners.local",
    "Log": "contract",
    "Opened": "planning",
    "Outcome": "contract",
    "OuterRun": "recording",
    "Parameter": "parameters",
    "Place": "recording",
    "Plan": "planning",
    "ProjectError": "errors",
    "ProjectRunner": "hookspecs",
    "Reading": "elsewhere",
    "Request": "planning",
    "Result": "scheduling",
    "Runner": "contract",
    "RunnerContract": "testing",
    "Scheduler": "scheduling",
    "Session": "running",
    "Show": "scheduling",
    "Submitted": "contract",
    "Task": "scheduling",
    "as_text": "parameters",
    "by_signals": "cancelling",
    "carried_out_alone": "leftovers",
    "check_machine": "leftovers",
    "check_reachable": "elsewhere",
    "check_request": "scheduling",
    "config_of": "api",
    "directed": "elsewhere",
    "end_left": "leftovers",
    "given": "parameters",
    "insisted": "recording",
    "is_name": "parameters",
    "machine_tag": "leftovers",
    "opened": "planning",
    "outer_run": "recording",
    "pairs": "commands.options",
    "planned": "planning",
    "rebuilt": "environments.rebuilding",
    "read_document": "reading.document",
    "runner_of": "planning",
    "said": "elsewhere",
    "session": "running",
    "shown": "api",
    "together": "errors",
    "without_here": "elsewhere",
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
