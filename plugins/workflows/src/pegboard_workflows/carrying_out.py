"""Plans or runs the workflow of a project, and records it as a run in which its steps are nested.

Everything is checked before there is a run. The run's ``workflow/workflow.json`` says what became
of each task, while it goes on; ``pegboard workflows resume`` begins again from it.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from pegboard import host as hosts
from pegboard import tags
from pegboard.entities import RunStatus
from pegboard.errors import InvalidState, NoStore, NotFound, PegboardError
from pegboard_projects import (
    OuterRun,
    Place,
    Scheduler,
    Show,
    by_signals,
    carried_out_alone,
    check_machine,
    end_left,
    insisted,
    machine_tag,
    outer_run,
    session,
)
from pegboard_scripting.client import Client, location
from pegboard_stores import named_runs

from pegboard_workflows import names
from pegboard_workflows.graph import drawing
from pegboard_workflows.history import History, experiment_named
from pegboard_workflows.locating import located
from pegboard_workflows.planner import Choices, Planner
from pegboard_workflows.running import Engine, Tell, Within
from pegboard_workflows.states import StepState, read
from pegboard_workflows.values import texts, values_of

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_workflows.deciding import Decision
    from pegboard_workflows.settings import Settings
    from pegboard_workflows.workflow import Workflow

SOURCE_TYPE = "WORKFLOW"


@frozen(kw_only=True)
class Asked:
    """What a caller asks for: which workflow, with which parameters, how, and where it goes."""

    uri: str = "."
    version: str | None = None
    parameters: Mapping[str, Any] = field(factory=dict)
    choices: Choices = field(factory=Choices)
    experiment_name: str | None = None
    run_name: str | None = None
    run_id: str | None = None
    """The run of the same workflow that goes on; None for a new one."""
    take_over: bool = False
    """Whether it goes on though another machine carries it out, as far as is known."""


@frozen(kw_only=True)
class Hearing:
    """Who hears what: ``began`` the plan and the run's id, ``tell`` of tasks, ``show`` output."""

    began: Callable[[Workflow, str], None] = field(default=lambda *_: None)
    tell: Tell = field(default=lambda _: None)
    show: Show | None = None


@frozen(kw_only=True)
class WorkflowRun:
    """How a workflow ended: the status of its run, and what became of its steps."""

    run_id: str
    status: str
    steps: Sequence[StepState]
    signal: int | None = None
    """The signal that ended it, if one did."""

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        steps = [step.plain() for step in self.steps]
        return {"run_id": self.run_id, "status": self.status, "steps": steps}


def plan(asked: Asked) -> tuple[Workflow, Planner, list[Decision]]:
    """Return what would run and why; nothing is made, not even a store."""
    host = hosts.current()
    with located(host, asked.uri, asked.version) as (workflow, opened):
        planner = Planner(workflow, values_of(workflow, asked.parameters), opened, asked.choices)
        planner.check(host, location.get_tracking_uri())
        try:
            client = Client()
            experiment_id = experiment_named(client, asked.experiment_name or workflow.experiment)
            planner.use(client)
            history = History(client, experiment_id, workflow.name)
            return workflow, planner, planner.plan(history)
        except NoStore:
            nothing: Any = None
            return workflow, planner, planner.plan(History(nothing, None, workflow.name))


def run(asked: Asked, hearing: Hearing) -> WorkflowRun:
    """Run a workflow to its end; an error before there is a run leaves nothing behind.

    Signals end it with all its tasks; the result says so.
    """
    host = hosts.current()
    with (
        located(host, asked.uri, asked.version) as (workflow, opened),
        by_signals() as cancelling,
        session() as within,
    ):
        client = within.client
        values = values_of(workflow, asked.parameters)
        planner = Planner(workflow, values, opened, asked.choices)
        planner.check(host, client.tracking_uri)
        planner.use(client)
        place = Place(
            experiment_name=asked.experiment_name or workflow.experiment,
            run_id=asked.run_id,
            run_name=asked.run_name or (None if asked.run_id else workflow.name),
            tags=_tags(workflow, opened.source.name),
        )
        cancelling.hold()
        with _outer(client, place, texts(values), take_over=asked.take_over) as outer:
            hearing.began(workflow, outer.run_id)
            record = _Record(client, outer.run_id, asked, workflow)
            engine = Engine(
                planner, _within(client, outer.run_id, workflow.name, hearing.tell, record)
            )
            record(list(engine.steps.values()))
            with Scheduler(
                within,
                concurrency=_concurrency(host, asked, workflow),
                show=hearing.show,
                began=engine.began,
            ) as scheduler:
                cancelling.aim(scheduler)
                engine.run(scheduler, lambda: bool(cancelling.caught))
            outer.status = engine.status
            record.end([*engine.steps.values()])
    return WorkflowRun(
        run_id=outer.run_id,
        status=str(outer.status),
        steps=[*engine.steps.values()],
        signal=cancelling.caught[0] if cancelling.caught else None,
    )


@contextlib.contextmanager
def _outer(
    client: Client, place: Place, params: Mapping[str, str], *, take_over: bool
) -> Iterator[OuterRun]:
    """Begin or go on in the run of a workflow, which one process carries out at a time."""
    with contextlib.ExitStack() as held:

        def hold(run_id: str) -> None:
            held.enter_context(carried_out_alone("workflow", client.tracking_uri, run_id))

        if place.run_id is not None:
            hold(place.run_id)
            _end_what_is_left(client, place.run_id, take_over=take_over)
        with outer_run(client, place, params) as outer:
            if place.run_id is None:
                hold(outer.run_id)
            yield outer


def _end_what_is_left(client: Client, run_id: str, *, take_over: bool) -> None:
    """End tasks that a workflow left running when its process was killed."""
    run = client.get_run(run_id)
    if not take_over:
        check_machine(run, "workflow")
    below = f"tags.`{tags.PARENT_RUN_ID}` = '{run_id}' and attributes.status = "
    left = [
        each.info.run_id
        for status in ("RUNNING", "LOST")
        for each in client.search_runs([run.info.experiment_id], f"{below}'{status}'")
    ]
    end_left(client, left)


def _within(client: Client, run_id: str, name: str, tell: Tell, record: _Record) -> Within:
    experiment_id = client.get_run(run_id).info.experiment_id
    history = History(client, experiment_id, name)
    return Within(
        client=client,
        run_id=run_id,
        experiment_id=experiment_id,
        history=history,
        tell=tell,
        save=record,
    )


def _tags(workflow: Workflow, source: str) -> dict[str, str]:
    return {
        names.WORKFLOW: workflow.name,
        **machine_tag(),
        tags.SOURCE_NAME: source,
        tags.SOURCE_TYPE: SOURCE_TYPE,
    }


def _concurrency(host: Host, asked: Asked, workflow: Workflow) -> int:
    settings: Settings = host.settings(names.NAME)
    return asked.choices.concurrency or workflow.concurrency or settings.concurrency


class _Record:
    """Writes what became of the steps into the files of the workflow's run."""

    def __init__(self, client: Client, run_id: str, asked: Asked, workflow: Workflow) -> None:
        self._client, self._run_id = client, run_id
        choices = asked.choices
        path = Path(asked.uri)
        self._facts = {
            "format": 1,
            "workflow": workflow.name,
            "uri": str(path.absolute()) if path.exists() else asked.uri,
            "version": asked.version,
            "parameters": dict(asked.parameters),
            "backend": choices.backend,
            "backend_config": dict(choices.backend_config),
            "env_manager": choices.env_manager,
            "storage_dir": choices.storage_dir,
            "concurrency": choices.concurrency,
        }

    def __call__(self, steps: Sequence[StepState]) -> None:
        """Write it; a store that is out of reach gets it the next time."""
        try:
            self._write(steps)
        except PegboardError as error:
            sys.stderr.write(f"pegboard: the state of the workflow is not recorded yet: {error}\n")

    def end(self, steps: Sequence[StepState]) -> None:
        """Write it for the last time, with its graph, again and again if need be."""
        what = f"what became of the steps of {self._run_id}"
        picture = drawing.svg(drawing.nodes_of(steps), drawing.edges_of(steps))
        insisted(lambda: self._write(steps), what)
        insisted(lambda: self._client.log_text(self._run_id, picture, names.GRAPH), what)

    def _write(self, steps: Sequence[StepState]) -> None:
        record = {**self._facts, "steps": [step.plain() for step in steps]}
        self._client.log_text(self._run_id, json.dumps(record, default=str), names.RECORD)


def record_of(client: Client, run_id: str) -> Mapping[str, Any]:
    """Return what is recorded of a workflow's run; InvalidState if it is not one."""
    from pegboard_scripting.client.transfer import read_bytes

    try:
        found: Mapping[str, Any] = json.loads(read_bytes(client.artifacts(run_id), names.RECORD))
    except NotFound:
        raise InvalidState(
            f"The run {run_id!r} has no {names.RECORD}: it is not one of a workflow."
        ) from None
    return found


def states_of(client: Client, reference: str) -> list[StepState]:
    """Return what became of the steps of a workflow's run, named as people name runs."""
    return read(record_of(client, named_runs.find(client.store, reference).info.run_id))


def resumed(reference: str, *, take_over: bool = False) -> Asked:
    """Return what asks for the rest of a workflow's run: the same again, in the same run."""
    client = Client()
    run = named_runs.find(client.store, reference)
    run_id = run.info.run_id
    record = record_of(client, run_id)
    if run.info.status is RunStatus.FINISHED:
        raise InvalidState(f"The run {run_id!r} is finished: there is nothing left to do.")
    return Asked(
        uri=record["uri"],
        version=record["version"],
        parameters=record["parameters"],
        choices=Choices(
            backend=record["backend"],
            backend_config=record["backend_config"],
            env_manager=record["env_manager"],
            storage_dir=record["storage_dir"],
            concurrency=record["concurrency"],
        ),
        run_id=run_id,
        take_over=take_over,
    )
