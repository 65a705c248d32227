"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import Backend, Command, Finding, hookimpl
from pegboard.uris import PLAIN_PATH

if TYPE_CHECKING:
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.host import Host
    from pegboard_wire.rooms import Room


@hookimpl
def pegboard_tracking_stores() -> Sequence[Backend[TrackingStore]]:
    """Declare the SQLite store (also for plain paths), servers, and the store for tests."""
    return [
        Backend(
            "sqlite",
            "pegboard_tracking.store.sqlite:open_store",
            "A SQLite file: sqlite:PATH",
            place="pegboard_tracking.store.sqlite:file_of",
        ),
        Backend(
            PLAIN_PATH,
            "pegboard_tracking.store.sqlite:open_store",
            "A plain path: a SQLite file, or a directory with one",
            place="pegboard_tracking.store.sqlite:file_of",
        ),
        Backend(
            "file",
            "pegboard_tracking.store.sqlite:open_store",
            "The same, as a URI: file:///PATH",
            place="pegboard_tracking.store.sqlite:file_of",
        ),
        Backend(
            "http",
            "pegboard_tracking.client.store:open_store",
            "A tracking server, MLflow's or ours: http://HOST:PORT",
        ),
        Backend(
            "https", "pegboard_tracking.client.store:open_store", "The same, over TLS: https://HOST"
        ),
        Backend(
            "memory",
            "pegboard_tracking.store.memory:open_store",
            "Kept in this process only, for tests: memory:NAME",
        ),
    ]


@hookimpl
def pegboard_artifact_stores() -> Sequence[Backend[ArtifactStore]]:
    """Declare the stores for files on this machine, behind a server, and for tests."""
    return [
        Backend(
            "file", "pegboard_tracking.artifacts.files:open_files", "A directory: file:///PATH"
        ),
        Backend(
            PLAIN_PATH,
            "pegboard_tracking.artifacts.files:open_files",
            "A directory, as a plain path",
        ),
        Backend(
            "http",
            "pegboard_tracking.client.artifacts:open_proxied",
            "Behind a tracking server, by URL",
        ),
        Backend("https", "pegboard_tracking.client.artifacts:open_proxied", "The same, over TLS"),
        Backend(
            "mlflow-artifacts",
            "pegboard_tracking.client.artifacts:open_relative",
            "Behind the tracking server in use",
        ),
        Backend(
            "memory",
            "pegboard_tracking.artifacts.files:open_memory",
            "Kept in this process only, for tests: memory:NAME",
        ),
    ]


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the commands that deal with what is tracked."""
    return [
        Command(
            "experiments",
            "pegboard_tracking.commands.experiments:experiments",
            "List, create and change experiments.",
        ),
        Command(
            "runs",
            "pegboard_tracking.commands.runs:runs",
            "List, show, compare, export and delete runs.",
        ),
        Command(
            "traces",
            "pegboard_tracking.commands.traces:traces",
            "List and show traces of applications.",
        ),
        Command(
            "artifacts",
            "pegboard_tracking.commands.artifacts:artifacts",
            "List and download the files of a run.",
        ),
        Command(
            "gc",
            "pegboard_tracking.commands.gc:gc",
            "Remove deleted runs for good and free their space.",
        ),
        Command(
            "sync",
            "pegboard_tracking.commands.sync:sync",
            "Send what was logged while a server was out of reach.",
        ),
    ]


@hookimpl
def pegboard_endpoints() -> Sequence[Room]:
    """Declare MLflow's REST endpoints."""
    from pegboard_tracking.wire.endpoints import ROOMS

    return ROOMS


@hookimpl
def pegboard_checks(host: Host) -> Iterable[Finding]:
    """Check SQLite and the disk."""
    from pegboard_tracking.commands.checks import findings

    return findings(host)


@hookimpl
def pegboard_settings() -> str:
    """Name the class of the settings of [plugins.tracking]."""
    return "pegboard_tracking.settings:Settings"
