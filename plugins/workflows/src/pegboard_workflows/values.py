"""The parameters of a workflow: defaults of its file, and what a caller gives in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pegboard_projects import Parameter, as_text, together

from pegboard_workflows.reading import nearest
from pegboard_workflows.workflow import Workflow

_TYPES = {bool: "bool", int: "int", float: "float"}


def values_of(workflow: Workflow, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each parameter; ProjectError tells all that is wrong with them.

    A text that is given, as by a command, is read as what the default is.
    """
    faults, found = [], dict(workflow.params)
    for name, value in given.items():
        if name not in workflow.params:
            known = nearest(name, workflow.params, "There are")
            faults.append(f"there is no parameter {name!r}.{known}")
            continue
        found[name] = value
        if isinstance(value, str):
            fault, found[name] = _read(name, value, workflow.params[name])
            faults += [fault] if fault else []
    if missing := [name for name, value in found.items() if value is None]:
        faults.append(f"no value is given for {', '.join(missing)}")
    if faults:
        raise together(f"The workflow {workflow.name!r} cannot be run", faults)
    return found


def _read(name: str, text: str, default: Any) -> tuple[str, Any]:
    """Return what is wrong with a text, and what it says."""
    kind = _TYPES.get(type(default))
    if kind is not None and (fault := Parameter(name=name, type=kind).fault(text)):
        return fault, text
    if kind is None and not isinstance(default, (list, dict)):
        return "", text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return f"{name} is {text!r}, which cannot be read", text
    if isinstance(default, (list, dict)) and not isinstance(value, type(default)):
        what = "a list, such as [1, 2]" if isinstance(default, list) else "a mapping"
        return f"{name} is {text!r}, which is not {what}", text
    return "", value


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as they are logged."""
    return {name: as_text(value) for name, value in values.items()}
