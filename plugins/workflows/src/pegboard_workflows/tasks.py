"""What a step becomes: one task, or one for each item; and the entry point that they run."""

from __future__ import annotations

import itertools
import json
import string
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from pegboard_projects import EntryPoint, Parameter, ProjectError, as_text

from pegboard_workflows.workflow import Step, Workflow

if TYPE_CHECKING:
    from pegboard_projects import Opened

_LONGEST = 60


@frozen(kw_only=True)
class StepTask:
    """One run that a step asks for; ``label`` is the step's name, with the item if there is one."""

    step: Step
    label: str
    item: Any = None
    is_known: bool = True
    """Whether this is a task, and not what stands for all before the items are known."""


def tasks_of(step: Step, foreach: Any) -> list[StepTask]:
    """Return the tasks of a step; ``foreach`` is what it says, without references."""
    if step.foreach is None:
        return [StepTask(step=step, label=step.name)]
    found: dict[str, StepTask] = {}
    for number, item in enumerate(_items(step, foreach), 1):
        label = f"{step.name}[{_shown(item)}]"
        if label in found:
            label = f"{label}#{number}"
        found[label] = StepTask(step=step, label=label, item=item)
    return list(found.values())


def _items(step: Step, foreach: Any) -> list[Any]:
    if isinstance(foreach, str):
        foreach = _parsed(foreach)
    if isinstance(foreach, Mapping):
        lists = [_parsed(each) for each in foreach.values()]
        if all(isinstance(each, list) for each in lists):
            return [dict(zip(foreach, each, strict=True)) for each in itertools.product(*lists)]
    elif isinstance(foreach, list):
        return foreach
    raise ProjectError(f"{step.where}: foreach is {_shown(foreach)}, which is not a list.")


def _parsed(value: Any) -> Any:
    """Return what a text says in JSON, such as the content of an output; else the value."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(item: Any) -> str:
    if isinstance(item, Mapping):
        text = ",".join(f"{key}={as_text(value)}" for key, value in item.items())
    else:
        text = as_text(item)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def entry_of(step: Step, workflow: Workflow, opened: Opened) -> EntryPoint:
    """Return what a step runs: its command, or an entry point of the project.

    Inputs are among its parameters, as paths. Those that the command does not name are added at its
    end as ``--NAME PATH``, as other parameters are.
    """
    if step.command:
        named = set(_names(step))
        declared = {name: Parameter(name=name) for name in step.params if name in named}
        found = EntryPoint(
            name=step.name, command=step.command, parameters=declared, where=step.where
        )
    else:
        found = opened.entry_point(step.run)
        named = set(found.parameters)
    paths = {
        name: Parameter(name=name, type="paths" if _is_many(each.step, workflow) else "path")
        for name, each in step.inputs.items()
    }
    added = "".join(f" --{name} {{{name}}}" for name in paths if name not in named)
    return evolve(found, command=found.command + added, parameters={**found.parameters, **paths})


def _names(step: Step) -> Iterable[str]:
    try:
        return [name for _, name, _, _ in string.Formatter().parse(step.command) if name]
    except ValueError:
        # The entry point says itself what is wrong with its command.
        return []


def _is_many(giver: str, workflow: Workflow) -> bool:
    return bool(giver) and workflow.steps[giver].foreach is not None
