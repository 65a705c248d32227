"""The record of a run: what ran, of which code, with which values, and how it ended."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field, frozen
from pegboard import tags, validation
from pegboard.entities import LifecycleStage, Param, RunStatus, RunTag
from pegboard.errors import AlreadyExists, InvalidState, PegboardError, StoreError
from pegboard_context import changes, git
from pegboard_scripting.fluent import environment, hooks, runs
from pegboard_scripting.fluent.experiments import current_experiment_id

from pegboard_projects import names
from pegboard_projects.planning import Plan

if TYPE_CHECKING:
    from pegboard.entities import Run
    from pegboard_scripting.client import Client

    from pegboard_projects.contract import Outcome
    from pegboard_projects.entry_points import EntryPoint
    from pegboard_projects.sources.folders import Packed
    from pegboard_projects.sources.source import Source

_ATTEMPTS, _PAUSE_SECONDS = 4, 5.0
_MOST_ARCHIVE_BYTES = 64 << 20
T = TypeVar("T")
_NOT_OURS = (tags.GIT_COMMIT, tags.GIT_BRANCH, tags.GIT_URL)


@frozen(kw_only=True)
class Place:
    """Where a run goes: to an experiment, or on in an existing run."""

    experiment_name: str | None = None
    experiment_id: str | None = None
    run_id: str | None = None
    run_name: str | None = None
    parent_run_id: str | None = None
    """The run that it is nested in; None: the active one, or that of the project around it."""
    tags: Mapping[str, str] = field(factory=dict)


@frozen
class Code:
    """The code that runs, as git knows it; the question for its changes is under way.

    ``archive`` is the zip file that it came in, ``packed`` what is kept of a folder that git does
    not know, and ``digest`` the SHA-256 of either.
    """

    commit: str | None
    branch: str | None
    url: str | None
    name: str
    question: changes.Question | None
    archive: Path | None = None
    digest: str | None = None
    packed: Packed | None = None


def code_of(source: Source) -> Code:
    """Return what is known of a project's code."""
    if source.archive is not None:
        with source.archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Code(None, None, None, source.name, None, source.archive, digest)
    if source.fetched:
        return Code(source.commit, source.branch, source.url, source.name, None)
    found = git.find(source.directory)
    commit, branch = found.head() if found is not None else (None, None)
    if found is None or commit is None:
        from pegboard_projects.sources.folders import pack

        packed = pack(source.root)
        digest = hashlib.sha256(packed.content).hexdigest()
        return Code(None, None, None, source.name, None, digest=digest, packed=packed)
    # Not an answer of half a minute ago: files may have changed since.
    question = changes.Question(found.root)
    return Code(
        commit, branch, found.remote_url(), _name_in(found.root, source.directory), question
    )


def _name_in(root: Path, directory: Path) -> str:
    """Return a folder of a repository as MLflow names it."""
    folder = directory.relative_to(root).as_posix()
    return root.as_uri() + ("" if folder == "." else f"#{folder}")


def begin(client: Client, plan: Plan, place: Place, code: Code) -> Run:
    """Create the run, with all that is known before it begins, or take up the one that is named."""
    ours = {key: value[: validation.MAX_TAG_VALUE] for key, value in _tags(plan, code).items()}
    if place.run_id:
        return _gone_on(client, place, plan.values, ours)
    return _created(client, place, ours, plan.values)


def _created(client: Client, place: Place, ours: dict[str, str], params: Mapping[str, str]) -> Run:
    given = {
        key: value for key, value in hooks.run_context(client.host).items() if key not in _NOT_OURS
    }
    parent = place.parent_run_id or _parent(client)
    if parent is not None:
        ours[tags.PARENT_RUN_ID] = parent
    if place.run_name:
        ours[tags.RUN_NAME] = place.run_name
    run = client.create_run(
        experiment_of(client, place),
        tags={**given, **ours, **place.tags},
        run_name=place.run_name,
    )
    run_id = run.info.run_id
    with failed_else(client, run_id):
        if params:
            client.log_batch(run_id, params=[Param(key, value) for key, value in params.items()])
    return run


@contextlib.contextmanager
def failed_else(client: Client, run_id: str) -> Iterator[None]:
    """End a run as FAILED if the block does not come to its end."""
    try:
        yield
    except BaseException:
        end(client, run_id, RunStatus.FAILED)
        raise


def end(client: Client, run_id: str, status: RunStatus) -> None:
    """End a run, again and again if the store is not to be reached, and say if that fails."""
    what = f"the end of the run {run_id} ({status})"
    with contextlib.suppress(PegboardError):
        insisted(lambda: client.set_terminated(run_id, status), what)


def insisted(record: Callable[[], T], what: str, unwanted: Callable[[], bool] = bool) -> T:
    """Record something, again and again as long as the store is not to be reached.

    It is tried once if it is ``unwanted``; an error that it ends with is told and raised.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return record()
        except PegboardError as error:
            last = attempt == _ATTEMPTS or unwanted() or not isinstance(error, StoreError)
            state = "could not be recorded" if last else "is not recorded yet"
            sys.stderr.write(f"pegboard: {what} {state}: {error}\n")
            if last:
                raise
            time.sleep(_PAUSE_SECONDS * attempt)
    raise AssertionError("unreachable")


@define
class OuterRun:
    """A run that others are nested in; ``status`` is what it is to end with."""

    run_id: str
    status: RunStatus = RunStatus.FINISHED


@contextlib.contextmanager
def outer_run(client: Client, place: Place, params: Mapping[str, str]) -> Iterator[OuterRun]:
    """Create a run for a block that begins others, and end it after the block.

    With ``place.run_id`` that run goes on. It ends as the block says; as FAILED if the block
    raises, as KILLED if that is KeyboardInterrupt.
    """
    if place.run_id:
        run = _gone_on(client, place, params, {})
    else:
        run = _created(client, place, {}, params)
    outer = OuterRun(run.info.run_id)
    client.writer.attach(outer.run_id)
    try:
        yield outer
    except BaseException as error:
        broken = isinstance(error, KeyboardInterrupt)
        outer.status = RunStatus.KILLED if broken else RunStatus.FAILED
        raise
    finally:
        end(client, outer.run_id, outer.status)
        client.writer.detach(outer.run_id)


def _tags(plan: Plan, code: Code) -> dict[str, str]:
    found = {
        tags.SOURCE_NAME: code.name,
        tags.SOURCE_TYPE: "PROJECT",
        names.ENTRY_POINT: plan.entry_point.name,
        names.BACKEND: plan.backend,
        names.ENVIRONMENT: plan.environment.tag,
        tags.GIT_COMMIT: code.commit,
        tags.GIT_BRANCH: code.branch,
        tags.GIT_URL: code.url,
        names.LEGACY_GIT_URL: code.url,
        names.LEGACY_GIT_BRANCH: code.branch,
    }
    return {key: value for key, value in found.items() if value}


def _gone_on(
    client: Client, place: Place, params: Mapping[str, str], ours: Mapping[str, str]
) -> Run:
    run = client.get_run(str(place.run_id))
    run_id, given = run.info.run_id, {**ours, **place.tags}
    if run.info.lifecycle_stage is LifecycleStage.DELETED:
        raise InvalidState(f"The run {run_id!r} is deleted.", hint="Restore it first.")
    if place.experiment_id or place.experiment_name:
        wanted = experiment_of(client, place)
        if wanted != run.info.experiment_id:
            raise InvalidState(
                f"The run {run_id!r} is of the experiment {run.info.experiment_id}, not {wanted}.",
                hint="Leave the experiment out to go on in the run.",
            )
    if place.run_name:
        given[tags.RUN_NAME] = place.run_name
    new = {key: value for key, value in params.items() if key not in run.data.params}
    client.log_batch(
        run_id,
        params=[Param(key, value) for key, value in new.items()],
        tags=[RunTag(key, value) for key, value in given.items()],
    )
    client.update_run(run_id, "RUNNING")
    return run


def _parent(client: Client) -> str | None:
    """Return the run that this one is nested in: the active one, or that of the project we are."""
    active = runs.active_run()
    if active is not None:
        return active.info.run_id
    found = environment.find("RUN_ID")
    if found is None:
        return None
    from pegboard.errors import NotFound

    try:
        return client.get_run(found[1]).info.run_id
    except NotFound:
        return None


def experiment_of(client: Client, place: Place) -> str:
    """Return the id of the experiment that a run goes to, made if need be."""
    if place.experiment_id is not None:
        return client.get_experiment(str(place.experiment_id)).experiment_id
    if place.experiment_name is None:
        return current_experiment_id()
    found = client.get_experiment_by_name(place.experiment_name)
    if found is not None:
        return found.experiment_id
    try:
        return client.create_experiment(place.experiment_name)
    except AlreadyExists:
        # Another process was faster.
        found = client.get_experiment_by_name(place.experiment_name)
        if found is None:
            raise
        return found.experiment_id


class Record:
    """The files of a run that say what it is; written as it goes on."""

    def __init__(
        self,
        client: Client,
        run_id: str,
        facts: Mapping[str, Any],
        code: Code | None = None,
    ) -> None:
        self._client, self._run_id = client, run_id
        self._question = None if code is None else code.question
        self._archive = None if code is None else code.archive
        self._packed = None if code is None else code.packed
        self._facts = dict(facts)

    def begin(self) -> None:
        """Write what runs, and the code of it that git does not keep: archives, changes."""
        archive = self._archive
        if archive is not None and archive.stat().st_size <= _MOST_ARCHIVE_BYTES:
            with archive.open("rb") as file:
                self._client.log_stream(self._run_id, file, names.ARCHIVE)
        if self._packed is not None:
            content = io.BytesIO(self._packed.content)
            self._client.log_stream(self._run_id, content, names.ARCHIVE)
        answer = None if self._question is None else self._question.answer()
        if answer is not None:
            self._client.set_tag(self._run_id, tags.GIT_DIRTY, str(answer.dirty).lower())
            self._facts["uncommitted_changes"] = answer.dirty
            if answer.dirty:
                self._client.log_stream(self._run_id, io.BytesIO(answer.patch), names.PATCH)
        self._write()

    def prepared(self, lock: str, pylock: str) -> None:
        """Write what the environment holds, exactly."""
        for text, name in ((lock, names.LOCK), (pylock, names.PYLOCK)):
            if text:
                self._client.log_text(self._run_id, text, name)

    def end(self, outcome: Outcome, fault: str) -> None:
        """Write how the run ended."""
        self._facts["ended"] = {
            "at": _now(),
            "exit_code": outcome.code,
            "reason": outcome.reason,
            "log": fault or "complete",
            **outcome.usage,
        }
        self._write()
        said = []
        if outcome.code is not None:
            said.append(RunTag(names.EXIT_CODE, str(outcome.code)))
        if outcome.reason:
            said.append(RunTag(names.REASON, outcome.reason[: validation.MAX_TAG_VALUE]))
        if said:
            self._client.log_batch(self._run_id, tags=said)

    def _write(self) -> None:
        self._client.log_text(self._run_id, json.dumps(self._facts, indent=2), names.RECORD)


def facts(plan: Plan, code: Code) -> dict[str, Any]:
    """Return what to keep of a plan; also what it takes to run the same again."""
    request = plan.request
    return {
        "project": plan.project.name,
        "uri": _absolute(plan),
        "version": request.version,
        "source": {"name": code.name, "commit": code.commit, "url": code.url}
        | ({"sha256": code.digest} if code.digest else {})
        | ({} if code.packed is None else {"left_out": list(code.packed.left_out)}),
        "fetched": plan.source.fetched and plan.source.commit is not None,
        "entry_point": plan.entry_point.name,
        **({"entry": _entry(plan.entry_point)} if request.entry is not None else {}),
        "parameters": dict(plan.values),
        "given": {key: str(value) for key, value in request.parameters.items()},
        "command": plan.command,
        "backend": plan.backend,
        "backend_config": dict(request.backend_config),
        "docker_args": dict(request.docker_args),
        "build_image": request.build_image,
        "timeout_seconds": request.timeout_seconds,
        "env_manager": plan.environment.manager,
        "environment": plan.environment.key,
        "started": {"at": _now()},
    }


def _entry(entry_point: EntryPoint) -> dict[str, Any]:
    """Return what to keep of an entry point that the project does not declare."""
    types = {name: each.type for name, each in entry_point.parameters.items()}
    return {"command": entry_point.command, "parameters": types}


def _absolute(plan: Plan) -> str:
    """Return an address of the project that means the same wherever it is said."""
    if plan.source.commit is not None and plan.source.fetched:
        return plan.request.uri
    address, mark, folder = plan.request.uri.partition("#")
    path = Path(address).expanduser()
    return f"{path.absolute()}{mark}{folder}" if path.exists() else plan.request.uri


def _now() -> int:
    return time.time_ns() // 1_000_000
