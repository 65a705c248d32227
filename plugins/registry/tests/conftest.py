"""A host, a configuration and a directory for each test, and the command line in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from click.testing import CliRunner, Result
from pegboard import config, host
from pegboard.cli.shell import cli
from pegboard.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from pegboard.entities.logged_models import LoggedModel, LoggedModelInput, LoggedModelStatus
from pegboard_scripting.client import Client, location
from pegboard_testing.isolation import forget

Configure = Callable[[str], None]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run in an empty directory, without the machine's own configuration."""
    for name in [*config.ENVIRONMENT, "PEGBOARD_CONFIG", "PEGBOARD_DEBUG"]:
        # Set first, so that what the test sets is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(location, "_uri", None)
    monkeypatch.setattr(location, "_registry_uri", None)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.chdir(tmp_path)
    host.use(None)
    yield tmp_path
    host.current().close()
    host.use(None)


@pytest.fixture
def configure(alone: Path) -> Configure:
    """Return a function that writes the configuration file, which holds from then on."""

    def write(text: str) -> None:
        (alone / "pegboard.toml").write_text(text, encoding="utf-8")
        host.current().close()
        host.use(None)

    return write


@frozen
class Shell:
    """The command line, called within this process."""

    directory: Path

    def __call__(self, *args: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, list(args), prog_name="pegboard", **options)

    def ok(self, *args: str, **options: Any) -> str:
        result = self(*args, **options)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self.ok(*args, "--json"))


@pytest.fixture
def shell(alone: Path) -> Shell:
    """Return the command line on an empty store."""
    return Shell(alone)


@frozen
class Trained:
    """A run that made a logged model, and another that used it."""

    run_id: str
    model: LoggedModel
    user_run_id: str


@pytest.fixture
def trained(alone: Path) -> Trained:
    """Return what a training left behind: a run with data, code and files, and its model."""
    return train(Client(), alone)


def train(client: Client, directory: Path) -> Trained:
    """Leave behind what a training does."""
    run_id = client.create_run("0", run_name="training", tags={"mlflow.user": "ann"}).info.run_id
    store = client.store
    store.log_batch(
        run_id,
        metrics=[Metric("accuracy", 0.9, 1)],
        params=[Param("lr", "0.1")],
        tags=[
            RunTag("mlflow.source.git.commit", "abc123"),
            RunTag("mlflow.source.git.dirty", "true"),
            RunTag("mlflow.source.name", "train.py"),
        ],
    )
    data = Dataset("patients", "d1g3st", "local", '{"uri": "p.csv"}')
    tag = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, datasets=[DatasetInput(data, [tag])])
    client.log_text(run_id, '{"python": {"version": "3.11.2"}}', "environment/environment.json")
    client.log_text(run_id, "# Python\nattrs==24\nnumpy==2\n", "environment/requirements.txt")
    model = client.create_logged_model("0", "net", run_id, params={"depth": "3"})
    for name, text in (("MLmodel", "flavors: {}\n"), ("requirements.txt", "numpy==2\n")):
        (directory / name).write_text(text, encoding="utf-8")
        client.log_model_artifact(model.model_id, directory / name)
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    client.set_terminated(run_id)
    user = client.create_run("0", run_name="scoring", tags={"mlflow.user": "bob"}).info.run_id
    client.log_inputs(user, models=[LoggedModelInput(model.model_id)])
    return Trained(run_id, model, user)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> None:
    """Keep what the tests of another file left behind from those of this one."""
    forget()
