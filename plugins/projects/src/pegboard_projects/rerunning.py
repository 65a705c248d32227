"""Runs again exactly what a run ran, and says what differs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen
from pegboard import paths
from pegboard.errors import InvalidState, NotFound, PegboardError
from pegboard_scripting.client.transfer import read_bytes

from pegboard_projects import names
from pegboard_projects.entry_points import EntryPoint
from pegboard_projects.parameters import Parameter
from pegboard_projects.planning import Opened, Plan, Request, revised
from pegboard_projects.reading import project_file
from pegboard_projects.recording import Code, code_of
from pegboard_projects.sources import archives
from pegboard_projects.sources.source import fetch

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

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the archive that the code came in, or was packed into."""
        found: str | None = self.record["source"].get("sha256")
        return found

    def differences(self, plan: Plan, code: Code, dirty: bool | None) -> list[str]:
        """Return a sentence on each thing that is not as it was."""
        record = self.record
        pairs = [
            ("the commit", record["source"]["commit"], code.commit),
            # What earlier versions ran of folders they did not keep.
            ("the archive", self.digest, code.digest if self.digest else None),
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


@contextlib.contextmanager
def restored(client: Client, earlier: Earlier) -> Iterator[tuple[Request, list[str]]]:
    """Yield what asks for the same code, and what to say of where it is from.

    If the archive or folder is not as it was then, or gone, that is what the run keeps of it, as
    long as the block lasts.
    """
    request = earlier.request()
    if earlier.digest is None:
        yield request, []
        return
    said = f"{request.uri} is not as it was then: what the run keeps of it is run."
    try:
        source = fetch(request.uri, None)
    except PegboardError:
        said = f"{request.uri} is not there any more: what the run keeps of it is run."
    else:
        try:
            same = code_of(source).digest == earlier.digest
        finally:
            source.remove()
        if same:
            yield request, []
            return
    with tempfile.TemporaryDirectory(prefix="pegboard-rerun-") as place:
        file = Path(place, "code.zip")
        try:
            file.write_bytes(read_bytes(client.artifacts(earlier.run.info.run_id), names.ARCHIVE))
        except NotFound:
            yield request, []  # It was too large; the differences are told.
            return
        if hashlib.sha256(file.read_bytes()).hexdigest() != earlier.digest:
            raise InvalidState(f"{names.ARCHIVE} of the run is not what ran then.")
        opened = _opened(client, earlier, file)
        try:
            missing = earlier.record["source"].get("left_out")
            more = [f"Of the folder was not kept: {', '.join(missing)}."] if missing else []
            yield revised(request, opened=opened), [said, *more]
        finally:
            opened.source.remove()


def _opened(client: Client, earlier: Earlier, file: Path) -> Opened:
    """Return the project in an archive that a run keeps."""
    record = earlier.record
    source = archives.fetch(str(file))
    try:
        address, _, folder = record["uri"].partition("#")
        # A zip file may have all in one folder; what was packed of a folder is as it was there.
        root = source.root if address.lower().endswith(".zip") else source.directory
        directory = paths.below(root, folder)
        return Opened(
            settings=client.host.settings(names.NAME),
            source=evolve(source, name=record["source"]["name"], directory=directory, root=root),
            project=project_file.load(directory),
        )
    except BaseException:
        source.remove()
        raise


def read(client: Client, run_id: str) -> Earlier:
    """Return the run of a project; InvalidState if the run is not one, or has no record."""
    run = client.get_run(run_id)
    try:
        record = json.loads(read_bytes(client.artifacts(run_id), names.RECORD))
    except NotFound:
        raise InvalidState(
            f"The run {run_id!r} has no {names.RECORD}: it is not one of 'pegboard run'."
        ) from None
    return Earlier(run, record)
