"""Runs again exactly what a run ran, and says what differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard.errors import InvalidState, NotFound

from pegboard_projects import names
from pegboard_projects.entry_points import EntryPoint
from pegboard_projects.parameters import Parameter
from pegboard_projects.planning import Plan, Request
from pegboard_projects.recording import Code

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client


@frozen
class Earlier:
    """A run of a project, and what its record says."""

    run: Run
    record: Mapping[str, Any]

    def request(self) -> Request:
        """Return what asks for the same: the same commit, if it was fetched, and values."""
        record = self.record
        commit = record["source"]["commit"]
        entry = record.get("entry")
        types = (entry or {}).get("parameters", {})
        declared = {name: Parameter(name=name, type=kind) for name, kind in types.items()}
        return Request(
            entry=EntryPoint(
                name=record["entry_point"], command=entry["command"], parameters=declared
            )
            if entry
            else None,
            timeout_seconds=record.get("timeout_seconds"),
            uri=record["uri"],
            entry_point=record["entry_point"],
            version=commit if record.get("fetched") else None,
            parameters=record["given"],
            backend=record["backend"],
            backend_config=record["backend_config"],
            env_manager=record["env_manager"],
            docker_args=record.get("docker_args", {}),
            build_image=record.get("build_image", False),
        )

    def differences(self, plan: Plan, code: Code, dirty: bool | None) -> list[str]:
        """Return a sentence on each thing that is not as it was."""
        record = self.record
        pairs = [
            ("the commit", record["source"]["commit"], code.commit),
            ("the archive", record["source"].get("sha256"), code.digest),
            ("the command", record["command"], plan.command),
            ("the environment", record["environment"], plan.environment.key),
        ]
        said = [
            f"Of what ran then, {what} differs: {_shown(then)} then, {_shown(now)} now."
            for what, then, now in pairs
            if then != now
        ]
        values = record["parameters"]
        for name in sorted({*values, *plan.values}):
            then, now = values.get(name), plan.values.get(name)
            if then != now:
                said.append(f"The value of {name} differs: {_shown(then)} then, {_shown(now)} now.")
        if record.get("uncommitted_changes") or dirty:
            said.append(
                "There were or are changes that are not committed: compare "
                f"{names.PATCH} of both runs."
            )
        return said


def _shown(value: str | None) -> str:
    return repr(value) if value else "none"


def read(client: Client, run_id: str) -> Earlier:
    """Return the run of a project; InvalidState if the run is not one, or has no record."""
    from pegboard_scripting.client.transfer import read_bytes

    run = client.get_run(run_id)
    try:
        record = json.loads(read_bytes(client.artifacts(run_id), names.RECORD))
    except NotFound:
        raise InvalidState(
            f"The run {run_id!r} has no {names.RECORD}: it is not one of 'pegboard run'."
        ) from None
    return Earlier(run, record)
