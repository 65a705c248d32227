"""Plans a workflow: what each task gets, what it is made of, and so whether it would run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen
from pegboard.errors import PegboardError
from pegboard_projects import (
    Opened,
    Parameter,
    ProjectError,
    Request,
    as_text,
    given,
    runner_of,
    together,
)

from pegboard_workflows import deciding, digests, references
from pegboard_workflows.code import Code, CodeFiles
from pegboard_workflows.deciding import Basis, Decision
from pegboard_workflows.history import History, outputs_of
from pegboard_workflows.tasks import StepTask, entry_of, tasks_of
from pegboard_workflows.workflow import Input, Step, Workflow

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard.host import Host
    from pegboard_projects import EntryPoint
    from pegboard_scripting.client import Client


@frozen(kw_only=True)
class Choices:
    """What a caller chooses, for all steps: "" or None leaves it to the workflow."""

    backend: str | None = None
    backend_config: Mapping[str, Any] = field(factory=dict)
    env_manager: str | None = None
    storage_dir: str | None = None
    """Where what steps are given is put, and what they make, if not in a temporary folder."""
    concurrency: int | None = None
    force: bool = False
    """Whether all steps run, as if there were no earlier runs."""


@frozen(kw_only=True)
class Prepared:
    """A task that could run: what is asked for, and what it is made of."""

    task: StepTask
    request: Request
    basis: Basis


class Planner:
    """Knows the results of the steps that are done, and plans those that come next."""

    def __init__(
        self,
        workflow: Workflow,
        values: Mapping[str, Any],
        opened: Opened,
        choices: Choices,
    ) -> None:
        """Plan ``workflow``, of the project that was opened."""
        self.workflow, self.values, self.choices = workflow, values, choices
        self._opened = opened
        own = [file for file in (workflow.file, opened.project.file) if file is not None]
        self.code = Code(opened.source.directory, own)
        self._environments: dict[tuple[str, str | None], str] = {}
        self._entries: dict[str, EntryPoint] = {}
        self._done: dict[str, list[Run]] = {}
        self._client: Client | None = None

    # -- before anything runs ------------------------------------------------------------------

    def check(self, host: Host, tracking_uri: str) -> None:
        """Refuse what cannot run; ProjectError tells all faults of all steps."""
        faults: list[str] = []
        checked: set[str] = set()
        for step in self.workflow.steps.values():
            try:
                faults += [f"{step.where}: {fault}" for fault in self._faults(step)]
            except PegboardError as error:
                faults.append(f"{step.where}: {error}")
            faults += self._faults_of_runner(step, host, tracking_uri, checked)
        if faults:
            raise together(f"The workflow {self.workflow.name!r} cannot be run", faults)

    def _faults(self, step: Step) -> list[str]:
        entry = self.entry(step)
        self.environment(step)
        self.code_of(step)
        faults = entry.faults()
        for task in self._likely(step):
            faults += self._faults_of(task, entry)
        return [*dict.fromkeys(faults)]

    def _faults_of(self, task: StepTask, entry: EntryPoint) -> list[str]:
        """Return what is wrong with the values that are known before others are done."""
        step = task.step
        later = {"steps"} if task.is_known else {"steps", "item"}
        known: dict[str, str] = {}
        loose = dict(entry.parameters)
        for name, value in step.params.items():
            if later.isdisjoint(each.parts[0] for each in references.within(value)):
                known.update(given({name: self._resolved(value, task)}))
            else:
                known[name], loose[name] = "", Parameter(name=name)
        for name in step.inputs:
            known[name], loose[name] = "", Parameter(name=name)
        declared = {name: each for name, each in loose.items() if name in entry.parameters}
        return evolve(entry, parameters=declared).values(known)[1]

    def _faults_of_runner(
        self, step: Step, host: Host, uri: str, checked: set[str]
    ) -> Sequence[str]:
        """Return what is wrong with where a step runs, once for all that run there."""
        name, config = self.backend(step)
        mark = json.dumps([name, config], sort_keys=True, default=str)
        if mark in checked:
            return []
        checked.add(mark)
        try:
            runner_of(host, name or self._opened.settings.backend, config, uri)
        except PegboardError as error:
            is_own = (step.backend or step.backend_config) and not self.choices.backend
            return [f"{step.where}: {error}" if is_own else str(error)]
        return []

    def backend(self, step: Step) -> tuple[str | None, Mapping[str, Any]]:
        """Return where a step runs, and the settings of that.

        A caller says it, else the step, else the workflow; what is said before them of the settings
        counts, and not what others say, who mean another runner.
        """
        config: Mapping[str, Any] = {}
        for each in (self.choices, step, self.workflow):
            config = config or each.backend_config
            if each.backend:
                return each.backend, config
        return None, config

    def entry(self, step: Step) -> EntryPoint:
        """Return what a step runs."""
        found = self._entries.get(step.name)
        if found is None:
            found = self._entries[step.name] = entry_of(step, self.workflow, self._opened)
        return found

    def environment(self, step: Step) -> str:
        """Return what stands for the environment of a step: who provides it, and its key."""
        entry, manager = self.entry(step), self._manager(step)
        key = (entry.name, manager)
        if key not in self._environments:
            found = self._opened.environment(entry, manager)
            self._environments[key] = f"{found.manager}:{found.key}"
        return self._environments[key]

    def _manager(self, step: Step) -> str | None:
        return self.choices.env_manager or step.env_manager or self.workflow.env_manager

    def _storage(self) -> str | None:
        """Return the folder that a caller names, or one of the workflow's, beside its file."""
        if self.choices.storage_dir:
            return self.choices.storage_dir
        named = self.workflow.storage_dir
        return str((self.workflow.directory / named).absolute()) if named else None

    def code_of(self, step: Step) -> CodeFiles:
        """Return the files that a step is made of."""
        return self.code.of(step.code if step.code is not None else self.workflow.code)

    # -- as steps get done ---------------------------------------------------------------------

    def use(self, client: Client) -> None:
        """Read results of steps through this client."""
        self._client = client

    def done(self, step: str, runs: Sequence[Run]) -> None:
        """Take the runs of a step's tasks, in their order."""
        self._done[step] = list(runs)

    def tasks(self, step: Step) -> list[StepTask]:
        """Return the tasks of a step whose earlier steps are done."""
        return tasks_of(step, self._resolved(step.foreach))

    def prepared(self, task: StepTask) -> Prepared:
        """Return what would run for a task whose earlier steps are done."""
        step, entry = task.step, self.entry(task.step)
        directory = self._opened.source.directory
        params = given(self._resolved(dict(step.params), task))
        inputs = {name: self._digest(each) for name, each in step.inputs.items()}
        files = {name: self._address(each) for name, each in step.inputs.items()}
        values, faults = entry.values({**params, **files})
        if faults := [*entry.faults(), *faults]:
            raise together(f"{step.where}: {task.label} cannot be run", faults)
        basis = deciding.basis_for(
            entry,
            values,
            inputs,
            code=self.code_of(step),
            environment=self.environment(step),
            task=task,
            directory=directory,
        )
        backend, config = self.backend(step)
        request = Request(
            uri=self._opened.source.name,
            entry_point=entry.name,
            entry=entry,
            opened=self._opened,
            parameters={**_anchored(params, entry, directory), **files},
            backend=backend,
            backend_config=config,
            env_manager=self._manager(step),
            storage_dir=self._storage(),
            timeout_seconds=step.timeout_seconds,
        )
        return Prepared(task=task, request=request, basis=basis)

    def _resolved(self, value: Any, task: StepTask | None = None) -> Any:
        def look(found: references.Reference) -> Any:
            kind, *rest = found.parts
            if kind == "params":
                return self.values[rest[0]]
            if kind == "item":
                return _part(task, rest)
            return self._result(*rest)

        return references.resolved(value, look, as_text)

    def _result(self, step: str, kind: str, name: str) -> Any:
        found = [self._result_of(step, run, kind, name) for run in self._done[step]]
        return found if self.workflow.steps[step].foreach is not None else found[0]

    def _result_of(self, step: str, run: Run, kind: str, name: str) -> Any:
        if kind == "outputs":
            from pegboard_scripting.client.transfer import read_bytes

            assert self._client is not None
            path = self.workflow.steps[step].outputs[name]
            content = read_bytes(self._client.artifacts(run.info.run_id), path)
            return content.decode(errors="replace").strip()
        values: Mapping[str, Any] = run.data.metrics if kind == "metrics" else run.data.params
        if name not in values:
            what = kind.removesuffix("s")
            raise ProjectError(f"The run {run.info.run_id} of {step} has no {what} {name!r}.")
        value = values[name]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def _digest(self, given: Input) -> str:
        if given.step:
            found = [outputs_of(run)[given.output] for run in self._done[given.step]]
            many = self.workflow.steps[given.step].foreach is not None
            return digests.of_values(found) if many else found[0]
        path = Path(given.uri)
        return digests.of_path(path) if path.exists() else given.uri

    def _address(self, given: Input) -> str:
        if not given.step:
            return given.uri
        found = [f"runs:/{run.info.run_id}/{given.output}" for run in self._done[given.step]]
        many = self.workflow.steps[given.step].foreach is not None
        return as_text(found) if many else found[0]

    # -- without running -----------------------------------------------------------------------

    def plan(self, history: History) -> list[Decision]:
        """Return what would run; after a step that does, those that use its results may."""
        found: list[Decision] = []
        running: set[str] = set()
        for step in self.workflow.steps.values():
            earlier = [each for each in step.needs if each in running]
            if earlier:
                decisions = [
                    deciding.uncertain(task, history, earlier) for task in self._likely(step)
                ]
            else:
                decisions = [
                    deciding.decide(
                        task, self.prepared(task).basis, history, force=self.choices.force
                    )
                    for task in self.tasks(step)
                ]
            if any(each.runs for each in decisions):
                running.add(step.name)
            else:
                self.done(step.name, [each.run for each in decisions if each.run is not None])
            found += decisions
        return found

    def _likely(self, step: Step) -> list[StepTask]:
        """Return the tasks of a step, or one for all if its items are not known yet."""
        if any(each.step is not None for each in references.within(step.foreach)):
            return [StepTask(step=step, label=f"{step.name}[…]", is_known=False)]
        return self.tasks(step)


def _part(task: StepTask | None, rest: Sequence[str]) -> Any:
    """Return the item of a task, or what it has by a name."""
    found = task.item if task is not None else None
    for key in rest:
        if not isinstance(found, Mapping) or key not in found:
            where = "" if task is None else f"{task.step.where}: "
            raise ProjectError(f"{where}the item {as_text(found)} has no {key!r}.")
        found = found[key]
    return found


def _anchored(params: Mapping[str, str], entry: EntryPoint, directory: Path) -> dict[str, str]:
    """Return parameters in which paths of the project's files are absolute."""
    found = dict(params)
    for name, value in params.items():
        parameter = entry.parameters.get(name)
        if parameter is not None and parameter.kind == "path" and (directory / value).exists():
            found[name] = str((directory / value).absolute())
    return found
