"""Runs a plan: creates its run, makes its environment, starts it, and sees it to its end.

Whatever happens after the run is created, the run ends: as FINISHED if its exit code is 0, as
KILLED if it was cancelled, else as FAILED.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve, frozen
from pegboard.entities import RunStatus
from pegboard.errors import PegboardError
from pegboard.tags import PARENT_RUN_ID, RUN_NAME
from pegboard_scripting.client import Client

from pegboard_projects import names
from pegboard_projects.attaching import Attachment, added, attached
from pegboard_projects.contract import Job, Outcome, Runner
from pegboard_projects.environments.environment import UnmadeEnvironment, Work
from pegboard_projects.logs import RunLogFile
from pegboard_projects.planning import Plan, Request, planned
from pegboard_projects.recording import (
    Place,
    Record,
    begin,
    code_of,
    end,
    experiment_of,
    facts,
    failed_else,
    insisted,
)
from pegboard_projects.runners.mlflow_backend import MlflowBackend

if TYPE_CHECKING:
    from pegboard.entities import Run

    from pegboard_projects.cancelling import Cancelling
    from pegboard_projects.contract import Submitted

T = TypeVar("T")
_UNKNOWN = Outcome(code=None, reason="It was never begun.")


@frozen
class Session:
    """Where runs are recorded, and what serves that to them: one for all that begin in it."""

    client: Client
    attachment: Attachment


@contextlib.contextmanager
def session() -> Iterator[Session]:
    """Serve the store of this process to projects, as long as the block lasts."""
    client = Client()
    registry_uri = client.host.config.pegboard.registry_uri or client.tracking_uri
    with attached(client.host, client.tracking_uri, registry_uri) as attachment:
        yield Session(client, attachment)


class SubmittedRun:
    """A project that was begun, with MLflow's names: ``wait``, ``get_status``, ``cancel``."""

    def __init__(
        self,
        client: Client,
        run: Run,
        plan: Plan,
        show: Callable[[bytes], None] | None,
        submitted: Submitted | None = None,
    ) -> None:
        """Follow a run; ``submitted`` was begun already, if it is given."""
        self._client, self._plan, self._show = client, plan, show
        self._run, self._submitted = run, submitted
        self._work = Work(self._say)
        self._log: RunLogFile | None = None
        self._outcome = _UNKNOWN
        self._outputs = ""
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._heard: list[Callable[[SubmittedRun], None]] = []

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._run.info.run_id

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended; None as long as it runs."""
        return self._outcome if self._done.is_set() else None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; return whether it finished without a fault.

        False also if it runs on after ``timeout`` seconds.
        """
        return self._done.wait(timeout) and self._outcome.status is RunStatus.FINISHED

    def get_status(self) -> str:
        """Return the status of the run: RUNNING, FINISHED, FAILED or KILLED."""
        return self._outcome.status if self._done.is_set() else RunStatus.RUNNING

    def when_done(self, call: Callable[[SubmittedRun], None]) -> None:
        """Call this with the run when it has ended, in its thread; now, if it has."""
        with self._lock:
            if not self._done.is_set():
                self._heard.append(call)
                return
        call(self)

    def cancel(self) -> None:
        """Ask the project to end, with all that it started, and mark the run KILLED."""
        self._work.cancel()
        if self._submitted is not None:
            self._submitted.cancel()

    def logs(self) -> str:
        """Return what the project has said so far."""
        from pegboard_scripting.client.transfer import read_bytes

        return read_bytes(self._client.artifacts(self.run_id), names.LOG).decode(errors="replace")

    def _say(self, line: str) -> None:
        if self._log is not None:
            self._log(f"{line}\n".encode())

    # -- the thread that follows it -----------------------------------------------------------

    def follow(self, rest: ExitStack, attachment: Attachment, record: Record) -> None:
        """Do all that there is to do, end the run, and take away what it needed."""
        try:
            with rest:
                self._follow(attachment, record)
        except PegboardError as error:
            # Of the server on loopback, whose clients found nobody there.
            _complain(f"the run {self.run_id} was not served: {error}")
        finally:
            with self._lock:
                self._done.set()
            for call in self._heard:
                call(self)

    def _follow(self, attachment: Attachment, record: Record) -> None:
        try:
            self._outcome = self._carried_out(attachment, record)
        except PegboardError as error:
            self._outcome = self._unfinished(str(error))
            short = error.in_short if isinstance(error, UnmadeEnvironment) else str(error)
            if self._log is None:
                _complain(short)
            self._say(f"error: {short}")
        except BaseException as error:
            self._outcome = self._unfinished(f"{type(error).__name__}: {error}")
            raise
        finally:
            self._end(record)
            if self._outputs:
                shutil.rmtree(self._outputs, ignore_errors=True)

    def _unfinished(self, reason: str) -> Outcome:
        return Outcome(code=None, reason=reason, cancelled=self._work.is_cancelled())

    def _carried_out(self, attachment: Attachment, record: Record) -> Outcome:
        plan, client = self._plan, self._client
        client.writer.attach(self.run_id)
        limit = plan.settings.log_megabytes << 20
        self._log = self._insisted(
            lambda: RunLogFile(client.artifacts(self.run_id), limit, self._show)
        )
        self._insisted(record.begin)
        if self._submitted is None:
            self._submit(attachment, record)
        assert self._submitted is not None
        if self._work.is_cancelled():
            # It was asked for while there was nothing to be asked.
            self._submitted.cancel()
        said = self._submitted.describe()
        self._tell_tags(said)
        outcome = self._awaited(self._submitted, plan.request.timeout_seconds)
        with contextlib.suppress(PegboardError):
            self._tell_tags(dict(self._submitted.describe().items() - said.items()))
        fine = outcome.code == 0 and not (outcome.reason or outcome.cancelled)
        return evolve(outcome, reason=self._kept()) if fine else outcome

    def _tell_tags(self, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._client.set_tag(self.run_id, key, value)

    def _insisted(self, record: Callable[[], T]) -> T:
        what = f"what the run {self.run_id} begins with"
        return insisted(record, what, self._work.is_cancelled)

    def _kept(self) -> str:
        """Keep what the project made; return why the run fails for all that its code did not."""
        client, check = self._client, self._plan.request.at_end
        what = f"what the run {self.run_id} made"
        if self._outputs and any(Path(self._outputs).iterdir()):
            insisted(lambda: client.log_artifacts(self.run_id, self._outputs), what)
        return "" if check is None else insisted(lambda: check(client, self.run_id), what)

    def _awaited(self, submitted: Submitted, seconds: float | None) -> Outcome:
        """Return how it ended, by itself or because its time was over."""
        outcome = submitted.wait(seconds)
        if outcome is None:
            submitted.cancel()
            outcome = submitted.wait()
            assert outcome is not None
            if outcome.cancelled and not self._work.is_cancelled():
                reason = f"It ran for longer than {seconds:g} s, its limit."
                outcome = evolve(outcome, reason=reason, cancelled=False, timed_out=True)
        return outcome

    def _submit(self, attachment: Attachment, record: Record) -> None:
        """Make the environment, and give the job to the runner."""
        plan = self._plan
        ready = plan.environment.ready(self._work)
        record.prepared(ready.lock, ready.pylock)
        variables = attachment.variables(self.run_id, self._run.info.experiment_id)
        if chosen := plan.request.env_manager:
            variables["PEGBOARD_PROJECTS_ENV_MANAGER"] = chosen
        assert isinstance(plan.runner, Runner)
        storage = plan.request.storage_dir
        if plan.runner.shares_machine or plan.runner.brings_outputs or storage:
            self._outputs = _folder_in(storage)
            variables[names.OUTPUTS] = self._outputs
        variables = ready.applied(variables)
        job = Job(
            run_id=self.run_id,
            name=plan.project.name,
            command=plan.command,
            directory=plan.source.directory,
            variables=variables,
            added=added(variables),
            settings=plan.runner_settings,
            grace_seconds=plan.settings.grace_seconds,
            container=plan.environment.container,
            artifact_uri=self._run.info.artifact_uri,
            lock=ready.lock,
        )
        self._work.check()
        assert self._log is not None
        self._submitted = plan.runner.submit(job, self._log)

    def _end(self, record: Record) -> None:
        """Record how it ended."""
        if self._log is not None:
            self._log.close()
        fault = self._log.fault if self._log is not None else ""
        if fault:
            sys.stderr.write(f"pegboard: {fault}\n")
        what = f"how the run {self.run_id} ended"
        with contextlib.suppress(PegboardError):
            insisted(lambda: record.end(self._outcome, fault), what, self._work.is_cancelled)
        end(self._client, self.run_id, self._outcome.status)
        self._client.writer.detach(self.run_id)


def _begun_elsewhere(
    client: Client, plan: Plan, place: Place, attachment: Attachment, backend: MlflowBackend
) -> tuple[Run, Submitted]:
    """Begin a run by a backend of MLflow's, which creates it."""
    request = plan.request
    experiment_id = experiment_of(client, place)
    variables = attachment.variables("", experiment_id)
    del variables["MLFLOW_RUN_ID"]
    ours = {name: variables[name] for name in added(variables)}
    parent = {PARENT_RUN_ID: place.parent_run_id} if place.parent_run_id else {}
    config = {
        **request.backend_config,
        "ENV_MANAGER": request.env_manager,
        "SYNCHRONOUS": False,
        "DOCKER_ARGS": dict(request.docker_args),
        "STORAGE_DIR": request.storage_dir,
        "build_image": request.build_image,
        "docker_auth": None,
    }
    arguments = {
        "project_uri": request.uri,
        "entry_point": request.entry_point,
        "params": {key: str(value) for key, value in request.parameters.items()},
        "version": request.version,
        "backend_config": config,
        "tracking_uri": variables["MLFLOW_TRACKING_URI"],
        "experiment_id": experiment_id,
    }
    run_id, job = backend.submit(arguments, ours)
    named = {RUN_NAME: place.run_name} if place.run_name else {}
    for key, value in {names.BACKEND: backend.name, **named, **parent, **place.tags}.items():
        client.set_tag(run_id, key, value)
    return client.get_run(run_id), job


def _folder_in(storage: str | None) -> str:
    """Return a new folder, a temporary one unless the caller says where."""
    if storage:
        os.makedirs(storage, exist_ok=True)  # noqa: PTH103 (of a text)
        storage = os.path.abspath(storage)  # noqa: PTH100 (keeps links)
    return tempfile.mkdtemp(prefix="pegboard-outputs-", dir=storage)


def _complain(text: str) -> None:
    sys.stderr.write(f"pegboard: {text}\n")


def start(
    request: Request,
    place: Place,
    *,
    show: Callable[[bytes], None] | None,
    told: Callable[[Plan, str], None] | None = None,
    cancelling: Cancelling | None = None,
    within: Session | None = None,
) -> SubmittedRun:
    """Check everything, create the run, and begin; errors before that leave nothing behind.

    ``show`` gets the output as it comes; ``told`` hears of the plan and the run's id before;
    ``cancelling`` is told which run there is to be cancelled. Runs that begin ``within`` a session
    share what it serves, and have to end before it.
    """
    with ExitStack() as stack:
        within = within or stack.enter_context(session())
        client, attachment = within.client, within.attachment
        plan = stack.enter_context(planned(client.host, request, client.tracking_uri))
        code = code_of(plan.source)
        if code.packed is not None and (missing := code.packed.left_out):
            note = f"Not kept with the run, of {plan.source.name}: {', '.join(missing)}."
            plan = evolve(plan, source=evolve(plan.source, notes=[*plan.source.notes, note]))
        if cancelling is not None:
            cancelling.hold()
        if isinstance(plan.runner, MlflowBackend):
            run, job = _begun_elsewhere(client, plan, place, attachment, plan.runner)
            submitted = SubmittedRun(client, run, plan, show, job)
        else:
            run = begin(client, plan, place, code)
            submitted = SubmittedRun(client, run, plan, show)
        with failed_else(client, submitted.run_id):
            if told is not None:
                told(plan, submitted.run_id)
            record = Record(client, submitted.run_id, facts(plan, code), code)
            if cancelling is not None:
                cancelling.aim(submitted)
            # Python waits for it at its end, so that no run is left without one.
            threading.Thread(
                target=submitted.follow,
                args=(stack.pop_all(), attachment, record),
                name=f"project-run-{submitted.run_id}",
            ).start()
    return submitted
