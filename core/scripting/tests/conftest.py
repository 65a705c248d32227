"""A host with stores that live in this process, and the scripting API as in a new process."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from unittest import mock

import pytest
from attrs import define, field
from pegboard import host as hosts
from pegboard.config import Config, PegboardConfig
from pegboard.contracts.artifacts import ArtifactStore
from pegboard.contracts.tracking import MetricWriter, TrackingStore
from pegboard.entities import Dataset, FileInfo
from pegboard.errors import NotFound
from pegboard.hookspecs import Backend, DatasetType, hookimpl
from pegboard.host import Host
from pegboard.paths import safe_relative
from pegboard.uris import Uri
from pegboard_scripting.client import location
from pegboard_scripting.fluent import experiments, hooks, runs
from pegboard_stores.basic_store import DirectWriter
from pegboard_stores.mapping_store import MappingStore
from pegboard_testing.targets import target_of


class MemoryFiles(ArtifactStore):
    """Files in a dict."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, path: str, content: BinaryIO) -> FileInfo:
        self.files[safe_relative(path)] = data = content.read()
        return FileInfo(path, False, len(data))

    def read(self, path: str, *, start: int = 0, end: int | None = None) -> BinaryIO:
        try:
            return io.BytesIO(self.files[path][start:end])
        except KeyError:
            raise NotFound(f"There is no {path!r}.") from None

    def list(self, path: str = "") -> list[FileInfo]:
        prefix = f"{path}/" if path else ""
        found = {}
        for name, data in self.files.items():
            if name.startswith(prefix):
                first, slash, _ = name.removeprefix(prefix).partition("/")
                found[prefix + first] = FileInfo(
                    prefix + first, bool(slash), None if slash else len(data)
                )
        return [found[name] for name in sorted(found)]

    def delete(self, path: str = "") -> int:
        raise NotImplementedError


class Writer(DirectWriter):
    """A writer that tells what it was asked to do."""

    def __init__(self, store: TrackingStore, calls: list[str]) -> None:
        super().__init__(store)
        self.calls = calls

    def attach(self, run_id: str) -> None:
        self.calls.append("attach")

    def detach(self, run_id: str) -> None:
        self.calls.append("detach")

    def flush(self) -> None:
        self.calls.append("flush")


class Store(MappingStore):
    """The reference store, with a writer that is watched."""

    def __init__(self) -> None:
        super().__init__({}, {}, artifact_root="dict:files")
        self.calls: list[str] = []
        self.writers = 0

    def metric_writer(self) -> MetricWriter:
        self.writers += 1
        return Writer(self, self.calls)


def describe_text(
    data: str, name: str = "text", source: str = "here", digest: str = "d1"
) -> Dataset:
    return Dataset(name, digest, "text", source)


@define
class Plugin:
    """A plugin as simple as can be, that also tells what was asked of it."""

    started: list[tuple[str, Mapping[str, Any]]] = field(factory=list)
    ending: list[tuple[str, str]] = field(factory=list)
    context: dict[str, str] = field(factory=dict)
    files: dict[str, MemoryFiles] = field(factory=dict)

    def open_files(self, uri: Uri, settings: Mapping[str, Any]) -> ArtifactStore:
        return self.files.setdefault(uri.path, MemoryFiles())

    @hookimpl
    def pegboard_tracking_stores(self) -> Sequence[Backend[TrackingStore]]:
        return [Backend("dict", target_of(lambda uri, settings: Store()), "Kept in dicts")]

    @hookimpl
    def pegboard_artifact_stores(self) -> Sequence[Backend[ArtifactStore]]:
        return [Backend("dict", target_of(self.open_files), "Kept in dicts")]

    @hookimpl
    def pegboard_dataset_types(self) -> Sequence[DatasetType]:
        return [
            DatasetType(
                "text",
                target_of(lambda data: isinstance(data, str)),
                target_of(describe_text),
                "Text",
            )
        ]

    @hookimpl
    def pegboard_run_context(self) -> Mapping[str, str]:
        return self.context

    @hookimpl
    def pegboard_run_started(self, run: Any, options: Mapping[str, Any]) -> None:
        self.started.append((run.info.run_id, options))

    @hookimpl
    def pegboard_run_ending(self, run: Any, status: Any) -> None:
        self.ending.append((run.info.run_id, status))


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


@pytest.fixture(autouse=True)
def host(plugin: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Make a host with only the test's plugin that of the process; nothing is active or set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(location, "_uri", None)
    monkeypatch.setattr(experiments, "_active_id", None)
    monkeypatch.setattr(experiments, "_client", None)
    monkeypatch.setattr(hooks, "_warned", set())
    with mock.patch.dict(os.environ):
        for name in list(os.environ):
            if name.startswith(("PEGBOARD_", "MLFLOW_")):
                del os.environ[name]
        os.environ["PEGBOARD_TRACKING_URI"] = "dict:main"
        own = Host(Config(pegboard=PegboardConfig(disabled=["context", "demo", "tracking"])))
        own.register(plugin, "test")
        hosts.use(own)
        runs.here.last_run_id = None
        try:
            yield own
            while runs.here.stack:
                runs.end_run()
        finally:
            runs.here.__init__()  # type: ignore[misc]
            hosts.use(None)
            own.close()


@pytest.fixture
def store(host: Host) -> Store:
    """Return the store that is tracked to."""
    opened = host.tracking_store("dict:main")
    assert isinstance(opened, Store)
    return opened
