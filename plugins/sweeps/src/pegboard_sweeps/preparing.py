"""Checks a sweep before anything of it runs, and makes the requests of its trials."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve
from pegboard_projects import EntryPoint, Opened, Plan, Request, planned

from pegboard_sweeps import bayes, command_words
from pegboard_sweeps.distributions import text_of
from pegboard_sweeps.errors import together
from pegboard_sweeps.sweep import Sweep

if TYPE_CHECKING:
    from pegboard.host import Host


def request_of(sweep: Sweep, project: Opened, values: Mapping[str, Any]) -> Request:
    """Return what asks for a trial with these values."""
    code, entry = sweep.code, None
    if code.command is not None:
        command = command_words.shown(code.command, code.entry_point, values)
        entry = EntryPoint.of_command(code.entry_point, command, values)
    return Request(
        uri=code.uri,
        entry_point=code.entry_point,
        version=code.version,
        parameters={name: text_of(value) for name, value in values.items()},
        backend=code.backend,
        backend_config=code.backend_config,
        env_manager=code.env_manager,
        timeout_seconds=code.timeout_seconds,
        opened=project,
        entry=entry,
    )


def checked(host: Host, sweep: Sweep, project: Opened, tracking_uri: str) -> Sweep:
    """Return a sweep whose trials can begin, all with one commit; errors say what is wrong.

    What is odd and does no harm is added to its notes.
    """
    if sweep.method == "bayes":
        bayes.check()
    if sweep.code.command == command_words.USUAL:
        # Whether the program is there.
        project.entry_point(sweep.code.entry_point)
    values = {name: found.at(0.5) for name, found in sweep.parameters.items()}
    with planned(host, request_of(sweep, project, values), tracking_uri) as plan:
        notes = [*sweep.notes, *plan.notes]
        if sweep.code.command is None:
            _check_values(sweep, plan)
            notes += _undeclared(sweep, plan)
    commit = project.source.commit if project.source.fetched else None
    return evolve(sweep, notes=notes, code=evolve(sweep.code, commit=commit))


def _check_values(sweep: Sweep, plan: Plan) -> None:
    """Refuse values that the entry point does not take."""
    declared = plan.entry_point.parameters
    faults = [
        fault
        for name, parameter in sweep.parameters.items()
        if name in declared
        for value in parameter.examples()
        if (fault := declared[name].fault(text_of(value)))
    ]
    if faults:
        point = plan.entry_point.name
        raise together(f"The entry point {point!r} does not take what the sweep tries", faults)


def _undeclared(sweep: Sweep, plan: Plan) -> list[str]:
    """Return what to say of parameters that the entry point does not declare."""
    declared, said = list(plan.entry_point.parameters), []
    if plan.entry_point.name not in plan.project.entry_points:
        return []
    for name in sweep.parameters:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, 1)
            meant = f" Is {near[0]} meant?" if near else ""
            said.append(
                f"The entry point {plan.entry_point.name!r} declares no parameter {name}: it is "
                f"added as --{name}.{meant}"
            )
    return said
