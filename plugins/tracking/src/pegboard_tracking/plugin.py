"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import Backend, Command, DatasetType, hookimpl
from pegboard.uris import PLAIN_PATH

if TYPE_CHECKING:
    from pegboard.client import Client
    from pegboard.contracts.artifacts import ArtifactStore
    from pegboard.contracts.http import Endpoint
    from pegboard.contracts.tracking import TrackingStore
    from pegboard.entities import Run, RunStatus
    from pegboard.uris import Uri


NAME = "tracking"
"""The name of the entry point, and of the table in the configuration."""


def _sqlite(uri: Uri, settings: Mapping[str, Any]) -> TrackingStore:
    from pegboard_tracking.store import open_store

    return open_store(uri, settings)


def _memory(uri: Uri, settings: Mapping[str, Any]) -> TrackingStore:
    from pegboard_tracking.memory import open_store

    return open_store(uri, settings)


def _server(uri: Uri, settings: Mapping[str, Any]) -> TrackingStore:
    from pegboard_tracking.rest.store import open_store

    return open_store(uri, settings)


def _file(uri: Uri, settings: Mapping[str, Any]) -> Path:
    from pegboard_tracking.location import locate

    return locate(uri, synchronous=settings["synchronous"]).file


def _files(uri: Uri, settings: Mapping[str, Any]) -> ArtifactStore:
    from pegboard_tracking.artifacts import open_files

    return open_files(uri, settings)


def _memory_files(uri: Uri, settings: Mapping[str, Any]) -> ArtifactStore:
    from pegboard_tracking.artifacts import open_memory

    return open_memory(uri, settings)


def _proxied_files(uri: Uri, settings: Mapping[str, Any]) -> ArtifactStore:
    from pegboard_tracking.rest.artifacts import open_proxied

    return open_proxied(uri, settings)


def _server_files(uri: Uri, settings: Mapping[str, Any]) -> ArtifactStore:
    from pegboard_tracking.rest.artifacts import open_relative

    return open_relative(uri, settings)


@hookimpl
def pegboard_tracking_stores() -> Sequence[Backend[TrackingStore]]:
    """Declare the SQLite store (also for plain paths), servers, and the store for tests."""
    return [
        Backend("sqlite", _sqlite, "A SQLite file: sqlite:PATH", _file),
        Backend(PLAIN_PATH, _sqlite, "A plain path: a SQLite file, or a directory with one", _file),
        Backend("file", _sqlite, "The same, as a URI: file:///PATH", _file),
        Backend("http", _server, "A tracking server, MLflow's or ours: http://HOST:PORT"),
        Backend("https", _server, "The same, over TLS: https://HOST"),
        Backend("memory", _memory, "Kept in this process only, for tests: memory:NAME"),
    ]


@hookimpl
def pegboard_artifact_stores() -> Sequence[Backend[ArtifactStore]]:
    """Declare the stores for files on this machine, behind a server, and for tests."""
    return [
        Backend("file", _files, "A directory: file:///PATH"),
        Backend(PLAIN_PATH, _files, "A directory, as a plain path"),
        Backend("http", _proxied_files, "Behind a tracking server, by URL"),
        Backend("https", _proxied_files, "The same, over TLS"),
        Backend("mlflow-artifacts", _server_files, "Behind the tracking server in use"),
        Backend("memory", _memory_files, "Kept in this process only, for tests: memory:NAME"),
    ]


def _experiments() -> Any:
    from pegboard_tracking.commands.experiments import experiments

    return experiments


def _runs() -> Any:
    from pegboard_tracking.commands.runs import runs

    return runs


def _artifacts() -> Any:
    from pegboard_tracking.commands.artifacts import artifacts

    return artifacts


def _gc() -> Any:
    from pegboard_tracking.commands.gc import gc

    return gc


def _sync() -> Any:
    from pegboard_tracking.commands.sync import sync

    return sync


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare the commands that deal with what is tracked."""
    return [
        Command("experiments", _experiments, "List, create and change experiments."),
        Command("runs", _runs, "List, show, compare, export and delete runs."),
        Command("artifacts", _artifacts, "List and download the files of a run."),
        Command("gc", _gc, "Remove deleted runs for good and free their space."),
        Command("sync", _sync, "Send what was logged while a server was out of reach."),
    ]


@hookimpl
def pegboard_endpoints() -> Sequence[Endpoint]:
    """Declare MLflow's REST endpoints."""
    from pegboard_tracking.wire.endpoints import endpoints

    return endpoints()


@hookimpl
def pegboard_dataset_types() -> Sequence[DatasetType]:
    """Declare frames, arrays, Hugging Face datasets and plain files."""
    from pegboard_tracking.datasets import types

    return types()


@hookimpl
def pegboard_settings() -> Mapping[str, object]:
    """Declare the settings of [plugins.tracking]."""
    return {
        "artifacts": "",
        "heartbeat_seconds": 10.0,
        "lost_after_seconds": 60.0,
        "synchronous": "normal",
        "record_git": True,
        "record_patch": True,
        "record_command": True,
        "record_environment": True,
        "system_metrics": False,
        # Servers: how to reach them.
        "http_timeout_seconds": 120.0,
        "http_retries": 5,
        "http_backoff_seconds": 1.0,
        "http_headers": {},
        "http_verify": True,
        "http_ca_file": "",
        "http_client_certificate": "",
        "journal_wait_seconds": 60.0,
    }


@hookimpl
def pegboard_run_context() -> Mapping[str, str]:
    """Say who starts the run, from what, and on which commit."""
    from pegboard import host

    from pegboard_tracking.context import run_tags

    return run_tags(host.current().settings(NAME))


@hookimpl
def pegboard_run_started(run: Run, client: Client, options: Mapping[str, Any]) -> None:
    """Begin to record the environment and, if wanted, the metrics of the machine."""
    from pegboard_tracking import recorder, system_metrics

    settings = client.host.settings(NAME)
    recorder.start(run, client, settings)
    chosen = options.get("log_system_metrics")
    system_metrics.start(run, client, chosen, settings["system_metrics"])


@hookimpl
def pegboard_run_ending(run: Run, status: RunStatus) -> None:
    """Wait for what is being recorded; a run that is killed does not wait long."""
    from pegboard.entities import RunStatus

    from pegboard_tracking import recorder, system_metrics

    timeout = 1.0 if status is RunStatus.KILLED else 10.0
    system_metrics.finish(run.info.run_id, timeout)
    recorder.finish(run.info.run_id, timeout)
