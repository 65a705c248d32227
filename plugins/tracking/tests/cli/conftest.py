"""A store with two experiments, and the command line in its directory."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner, Result
from pegboard import config, host
from pegboard.cli.shell import cli
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
)

NOW = 1_700_000_000_000


@frozen
class Shell:
    """The command line, called within this process."""

    directory: Path

    def __call__(self, *args: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, list(args), prog_name="pegboard", **options)

    def json(self, *args: str) -> Any:
        result = self(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    @property
    def store(self) -> TrackingStore:
        return host.current().tracking_store()

    def write(self, run_id: str, path: str, content: bytes) -> None:
        import io

        uri = self.store.get_run(run_id).info.artifact_uri
        host.current().artifact_store(uri).write(path, io.BytesIO(content))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Return the command line on an empty store in a directory of its own."""
    for name in [*config.ENVIRONMENT, "PEGBOARD_CONFIG", "PEGBOARD_DEBUG"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    host.use(None)
    yield Shell(tmp_path)
    host.current().close()
    host.use(None)


@pytest.fixture
def filled(shell: Shell) -> Shell:
    """Return the command line on a store with runs a1 and a2 of ``alpha`` and b1 of ``beta``."""
    store = shell.store
    alpha = store.create_experiment("alpha", tags={"team": "red"}).experiment_id
    beta = store.create_experiment("beta").experiment_id
    _add(store, alpha, "a1", 0, r2=0.5, loss=math.nan, depth="3")
    _add(store, alpha, "a2", 1, r2=0.3, loss=math.inf, depth="5")
    _add(store, beta, "b1", 2, r2=-math.inf, loss=1.0, depth="3")
    return shell


def _add(
    store: TrackingStore, experiment: str, name: str, order: int, *, depth: str, **values: float
) -> None:
    start = NOW + order * 1000
    run_id = f"{name}{'0' * 30}"
    store.create_run(experiment, run_id=run_id, run_name=name, user_id="ann", start_time=start)
    points = [
        Metric(key, value if step == 2 else float(step), start + step, step)
        for key, value in values.items()
        for step in (0, 1, 2)
    ]
    store.log_batch(
        run_id,
        metrics=points,
        params=[Param("depth", depth), Param("seed", "42")],
        tags=[RunTag("stage", "x\ny")],
    )
    dataset = Dataset("patients", "abc123", "local", '{"uri": "p.csv"}')
    store.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    store.update_run(run_id, status=RunStatus.FINISHED, end_time=start + 1500)


def run_id_of(name: str) -> str:
    """Return the id of a run of the filled store."""
    return f"{name}{'0' * 30}"


Names = Callable[[str], str]


@pytest.fixture
def run_id() -> Names:
    """Return what gives the id of a run of the filled store."""
    return run_id_of
