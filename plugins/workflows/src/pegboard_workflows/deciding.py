"""What would run and why: told by what steps are made of, never by clocks.

A step is taken from a finished run if its command, the values of its parameters, what it is given,
its code and its environment are the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard import validation
from pegboard.entities import RunStatus
from pegboard_projects import Parameter, as_text

from pegboard_workflows import digests, names
from pegboard_workflows.history import basis_of
from pegboard_workflows.tasks import StepTask

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_projects import EntryPoint

    from pegboard_workflows.code import CodeFiles
    from pegboard_workflows.history import History

FORMAT = 1
"""Changes when keys are made otherwise: then nothing is taken from earlier runs."""
_SHORT, _MOST_NAMED = 8, 3
_TRUE = ("true", "yes", "on", "1")


@frozen(kw_only=True)
class Basis:
    """All that a run of a step is made of; ``inputs`` are digests of what it is given, by name."""

    command: str
    params: Mapping[str, str]
    inputs: Mapping[str, str]
    code: CodeFiles
    environment: str
    outputs: Sequence[str]

    @property
    def key(self) -> str:
        """The digest of it."""
        return digests.of_values({"format": FORMAT, **self._parts(), "code": self.code.digest})

    def text(self) -> str:
        """Return it for a tag, with digests cut short; without single files if it is too long."""
        parts = self._parts()
        short = {
            **parts,
            "command": digests.of_values(self.command)[:_SHORT],
            "inputs": {name: digest[:_SHORT] for name, digest in self.inputs.items()},
            "code": self.code.digest[:_SHORT],
        }
        files = {name: digest[:_SHORT] for name, digest in self.code.files.items()}
        text = json.dumps({**short, "files": files})
        if len(text) > validation.MAX_TAG_VALUE:
            text = json.dumps(short)
        return text if len(text) <= validation.MAX_TAG_VALUE else "{}"

    def changes(self, run: Run) -> list[str]:
        """Say what is not as it was for an earlier run."""
        before, now = basis_of(run), json.loads(self.text())
        if not before:
            return ["it is made of something else"]
        said = []
        if before.get("code") != now.get("code"):
            said += _changed_files(before.get("files"), now.get("files"))
        said += [
            f"the parameter {name} is {_shown(self.params.get(name))}, "
            f"not {_shown(before['params'].get(name))}"
            for name in digests.differing(before["params"], self.params)
        ]
        said += [
            f"the input {name} is another"
            for name in digests.differing(before["inputs"], now["inputs"])
        ]
        for part in ("command", "environment", "outputs"):
            if before.get(part) != now.get(part):
                verb = "changed" if part != "outputs" else "are others"
                said.append(f"its {part} {verb}")
        return said or ["it is made of something else"]

    def _parts(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "params": dict(self.params),
            "inputs": dict(self.inputs),
            "environment": self.environment,
            "outputs": list(self.outputs),
        }


def _changed_files(before: Any, now: Any) -> list[str]:
    if not isinstance(before, dict) or not isinstance(now, dict):
        return ["its code changed"]
    found = digests.differing(before, now)
    said = [f"{name} changed" for name in found[:_MOST_NAMED]]
    if more := len(found) - _MOST_NAMED:
        said += [f"{more} more files changed"] if more > 0 else []
    return said or ["its code changed"]


def _shown(value: str | None) -> str:
    return "not given" if value is None else value


@frozen(kw_only=True)
class Decision:
    """Whether a task would run, and why or why not; ``run`` is the one that it is taken from."""

    task: StepTask
    runs: bool
    reasons: Sequence[str]
    run: Run | None = None

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


def decide(task: StepTask, basis: Basis, history: History, *, force: bool) -> Decision:
    """Say whether a task has to run, now that those before it are done."""
    found = history.finished(basis.key) if task.step.cache and not force else None
    if found is not None:
        lost = history.lost(found)
        if not lost:
            return Decision(task=task, runs=False, reasons=["no changes"], run=found)
        return Decision(
            task=task, runs=True, reasons=[f"its output {each} is gone" for each in lost]
        )
    return Decision(task=task, runs=True, reasons=_reasons(task, basis, history, force=force))


def _reasons(task: StepTask, basis: Basis, history: History, *, force: bool) -> list[str]:
    if force:
        return ["it was asked for"]
    last = history.last(task.label)
    if last is None:
        return ["it has not run yet"]
    same = last.data.tags.get(names.KEY) == basis.key
    if same and not task.step.cache:
        return ["it is not to be taken from an earlier run (cache: false)"]
    if last.info.status is RunStatus.FAILED:
        return ["it failed the last time", *([] if same else basis.changes(last))]
    if same:
        return ["it was broken off the last time"]
    return basis.changes(last)


def uncertain(task: StepTask, history: History, earlier: Sequence[str]) -> Decision:
    """Say that a task may run, as steps before it do."""
    if history.last(task.label) is None:
        reasons = ["it has not run yet"]
    else:
        reasons = [f"if {each} gives another result" for each in earlier]
    return Decision(task=task, runs=True, reasons=reasons)


def normal(parameter: Parameter | None, value: str, directory: Path) -> str:
    """Return a value so that the same is always the same text: ``1e-1`` is ``0.1``."""
    kind = "string" if parameter is None else parameter.kind
    if kind == "float":
        return repr(float(value))
    if kind == "int":
        return str(int(value))
    if kind == "bool":
        return str(value.strip().lower() in _TRUE).lower()
    if kind == "list":
        return as_text(parameter.words(value, named=True)) if parameter else value
    if kind == "path" and value and (directory / value).exists():
        return digests.of_path(directory / value)
    return value


def basis_for(
    entry_point: EntryPoint,
    values: Mapping[str, str],
    inputs: Mapping[str, str],
    *,
    code: CodeFiles,
    environment: str,
    task: StepTask,
    directory: Path,
) -> Basis:
    """Return what a run would be made of; ``values`` are those of all its parameters."""
    params = {
        name: normal(entry_point.parameters.get(name), value, directory)
        for name, value in values.items()
        if name not in inputs
    }
    return Basis(
        command=entry_point.command,
        params=params,
        inputs=inputs,
        code=code,
        environment=environment,
        outputs=sorted(set(task.step.outputs.values())),
    )
