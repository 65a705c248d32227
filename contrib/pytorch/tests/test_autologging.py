"""Trainings by the real Lightning, under both of its names, are logged by themselves."""

from __future__ import annotations

import copy
import importlib
import logging
import pickle
import warnings
from pathlib import Path
from typing import Any

import pegboard
import pytest
import torch
from pegboard_pytorch.autologging import INTEGRATION
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NAMES = ["lightning.pytorch", "pytorch_lightning"]


@pytest.fixture(params=NAMES)
def lightning(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


def network(lightning: Any, *, best_at: int | None = None) -> Any:
    """Return a module to train; with ``best_at``, its loss grows after that epoch."""

    class Network(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self, width: int = 4) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layers = nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 1))

        def forward(self, x: Any) -> Any:
            return self.layers(x)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = nn.functional.mse_loss(self(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            loss = nn.functional.mse_loss(self(batch[0]), batch[1])
            if best_at is not None:
                loss = torch.tensor(float(abs(self.current_epoch - best_at)))
            self.log("val_loss", loss)

        def test_step(self, batch: Any, index: int) -> None:
            self.log("test_loss", nn.functional.mse_loss(self(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.01)

    return Network


def batches() -> Any:
    torch.manual_seed(7)
    rows = torch.randn(32, 3)
    return DataLoader(TensorDataset(rows, rows.sum(1, keepdim=True)), batch_size=8)


def trainer(lightning: Any, epochs: int = 2, **options: Any) -> Any:
    quiet = dict.fromkeys(("enable_progress_bar", "enable_model_summary", "logger"), False)
    chosen = {"accelerator": "cpu", "enable_checkpointing": False, **quiet, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lightning.Trainer(max_epochs=epochs, **chosen)


def fit(one: Any, model: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one.fit(model, batches(), batches())


def steps(client: pegboard.Client, run_id: str, key: str) -> list[int]:
    return [point.step for point in client.get_metric_history(run_id, key)]


def the_run(client: pegboard.Client) -> Any:
    (run,) = client.search_runs(["0"])
    return run


def test_a_training_is_logged_to_a_run_of_its_own(
    tracking: pegboard.Client, lightning: Any
) -> None:
    pegboard.pytorch.autolog(extra_tags={"team": "vision"})
    model = network(lightning)()
    fit(trainer(lightning), model)
    run = the_run(tracking)
    assert run.info.status == "FINISHED"
    assert pegboard.active_run() is None
    assert run.data.tags["mlflow.autologging"] == "pytorch"
    assert run.data.tags["team"] == "vision"
    assert run.data.tags["Mode"] == "training"
    expected = {"epochs": "2", "optimizer_name": "Adam", "lr": "0.01"}
    assert expected.items() <= run.data.params.items()
    assert set(steps(tracking, run.info.run_id, "val_loss")) == {0, 1}
    assert "train_loss" in run.data.metrics
    files = {file.path for file in tracking.list_artifacts(run.info.run_id)}
    assert {"checkpoints", "model_summary.txt"} <= files
    (output,) = run.outputs.model_outputs
    logged = tracking.get_logged_model(output.model_id)
    assert logged.status == "READY"
    assert {metric.key for metric in logged.metrics} >= {"val_loss", "train_loss"}
    loaded = pegboard.pytorch.load_model(logged.model_uri)
    rows = torch.randn(5, 3)
    assert torch.allclose(loaded(rows), model.eval()(rows))
    signature = pegboard.models.get_model_info(logged.model_uri).signature
    assert str(signature.inputs) == "[Tensor('float32', (-1, 3))]"


def test_a_training_in_a_run_of_the_user_is_logged_to_that(
    tracking: pegboard.Client, lightning: Any
) -> None:
    pegboard.pytorch.autolog(log_models=False, checkpoint=False)
    with pegboard.start_run() as mine:
        fit(trainer(lightning), network(lightning)())
        assert pegboard.active_run().info.run_id == mine.info.run_id
    run = the_run(tracking)
    assert run.info.run_id == mine.info.run_id
    assert "val_loss" in run.data.metrics
    assert not run.outputs.model_outputs
    assert "checkpoints" not in {f.path for f in tracking.list_artifacts(run.info.run_id)}


def test_metrics_of_steps_and_of_every_second_epoch(
    tracking: pegboard.Client, lightning: Any
) -> None:
    pegboard.pytorch.autolog(
        log_models=False, checkpoint=False, log_every_n_step=2, log_every_n_epoch=2
    )
    fit(trainer(lightning, 4), network(lightning)())
    run_id = the_run(tracking).info.run_id
    assert steps(tracking, run_id, "val_loss") == [1, 3]
    assert steps(tracking, run_id, "train_loss_step") == [1, 3, 5, 7, 9, 11, 13, 15]


def test_an_early_stop_is_logged(tracking: pegboard.Client, lightning: Any) -> None:
    pegboard.pytorch.autolog(log_models=False)
    callbacks = [lightning.callbacks.EarlyStopping("val_loss", patience=2)]
    one = trainer(lightning, 20, callbacks=callbacks, enable_checkpointing=True)
    fit(one, network(lightning, best_at=1)())
    run = the_run(tracking)
    expected = {"monitor": "val_loss", "mode": "min", "patience": "2"}
    assert expected.items() <= run.data.params.items()
    found = {key: run.data.metrics[key] for key in ("stopped_epoch", "restored_epoch")}
    assert found == {"stopped_epoch": 3, "restored_epoch": 1}
    assert run.data.metrics["best_score"] == 0
    kept = {file.path for file in tracking.list_artifacts(run.info.run_id)}
    assert "restored_model_checkpoint" in kept


def test_the_best_checkpoint_is_kept_and_loaded(tracking: pegboard.Client, lightning: Any) -> None:
    pegboard.pytorch.autolog(log_models=False)
    kind = network(lightning, best_at=1)
    fit(trainer(lightning, 3), kind(width=6))
    run = the_run(tracking)
    path = "checkpoints/latest_checkpoint.pth"
    assert run.data.tags["mlflow.latest_checkpoint_artifact"] == path
    said = tracking.download_artifacts(
        run.info.run_id, "checkpoints/latest_checkpoint_metrics.json"
    )
    assert '"epoch": 1' in Path(said).read_text()
    loaded = pegboard.pytorch.load_checkpoint(kind, run.info.run_id)
    assert loaded.layers[0].out_features == 6


def test_every_checkpoint_is_kept_and_loaded_by_its_epoch(
    tracking: pegboard.Client, lightning: Any
) -> None:
    pegboard.pytorch.autolog(log_models=False, checkpoint_save_best_only=False)
    kind = network(lightning)
    model = kind()
    fit(trainer(lightning, 2), model)
    run_id = the_run(tracking).info.run_id
    first = pegboard.pytorch.load_checkpoint(kind, run_id, epoch=0)
    last = pegboard.pytorch.load_checkpoint(kind, run_id, epoch=1)
    assert torch.equal(last.layers[0].weight, model.layers[0].weight)
    assert not torch.equal(first.layers[0].weight, model.layers[0].weight)


def test_a_test_after_the_training_is_logged_to_its_run(
    tracking: pegboard.Client, lightning: Any
) -> None:
    pegboard.pytorch.autolog(log_models=False, checkpoint=False)
    one, model = trainer(lightning), network(lightning)()
    fit(one, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one.test(model, batches(), verbose=False)
    run = the_run(tracking)
    assert run.data.tags["Mode"] == "testing"
    assert "test_loss" in run.data.metrics


def test_a_training_that_fails_ends_its_run_and_its_model_as_failed(
    tracking: pegboard.Client, lightning: Any
) -> None:
    pegboard.pytorch.autolog(checkpoint=False)

    class Failing(network(lightning)):  # type: ignore[misc]
        def validation_step(self, batch: Any, index: int) -> None:
            if not self.trainer.sanity_checking:
                raise ArithmeticError("of the user")

    with pytest.raises(ArithmeticError, match="of the user"):
        fit(trainer(lightning), Failing())
    assert the_run(tracking).info.status == "FAILED"
    (logged,) = tracking.search_logged_models(["0"])
    assert logged.status == "FAILED"


def test_a_fault_of_the_autologger_is_a_warning_and_the_training_goes_on(
    tracking: pegboard.Client,
    lightning: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from pegboard_models.autologging.runs import PointBuffer

    pegboard.pytorch.autolog(log_models=False, checkpoint=False)

    def broken(*args: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(PointBuffer, "add", broken)
    model = network(lightning)()
    before = model.layers[0].weight.clone()
    with caplog.at_level(logging.WARNING):
        fit(trainer(lightning, 3), model)
    assert not torch.equal(before, model.layers[0].weight)
    assert sum("the disk is full" in record.message for record in caplog.records) == 1


def test_a_model_that_cannot_be_exported_is_a_warning(
    tracking: pegboard.Client, lightning: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pegboard.pytorch.autolog(checkpoint=False)

    class Branching(network(lightning)):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            y = self.layers(x)
            return y if float(y.sum()) > 1e9 else y * 2

    with caplog.at_level(logging.WARNING):
        fit(trainer(lightning), Branching())
    assert "cannot export" in caplog.text
    assert the_run(tracking).info.status == "FINISHED"
    (logged,) = tracking.search_logged_models(["0"])
    assert logged.status == "FAILED"


def test_the_callback_can_be_copied_and_pickled_as_lightning_does(
    tracking: pegboard.Client, lightning: Any
) -> None:
    pegboard.pytorch.autolog(log_models=False, checkpoint=False)
    one = trainer(lightning)
    fit(one, network(lightning)())
    ours = [callback for callback in one.callbacks if hasattr(callback, "watch")]
    assert len(ours) == 1
    assert isinstance(pickle.loads(pickle.dumps(ours[0])), lightning.Callback)
    assert copy.deepcopy(ours[0]) is ours[0]
    fit(one, network(lightning)())
    assert len([callback for callback in one.callbacks if hasattr(callback, "watch")]) == 1


def test_what_was_undone_logs_nothing(tracking: pegboard.Client, lightning: Any) -> None:
    original = lightning.Trainer.fit
    pegboard.pytorch.autolog()
    assert lightning.Trainer.fit is not original
    pegboard.pytorch.autolog(disable=True)
    assert lightning.Trainer.fit is original
    fit(trainer(lightning), network(lightning)())
    assert not tracking.search_runs(["0"])


@pytest.mark.parametrize(
    "switches",
    [
        {"log_every_n_epoch": 0},
        {"log_every_n_step": 0},
        {"checkpoint_mode": "best"},
        {"checkpoint_save_freq": 0},
        {"checkpoint_monitor": None},
    ],
)
def test_wrong_switches_are_refused(switches: dict[str, Any]) -> None:
    with pytest.raises(pegboard.errors.InvalidValue):
        pegboard.pytorch.autolog(**switches)
    assert not INTEGRATION.is_on()


# -- plain PyTorch ---------------------------------------------------------------------------------


def test_scalars_for_tensorboard_go_to_the_active_run(tracking: pegboard.Client) -> None:
    from torch.utils.tensorboard import SummaryWriter

    pegboard.pytorch.autolog(log_every_n_step=2)
    with pegboard.start_run() as run, SummaryWriter("board") as writer:
        for step in range(6):
            writer.add_scalar("loss/train", step / 2, step)
        writer.add_hparams({"lr": 0.1, "layers": 3}, {"accuracy": 0.9})
    logged = tracking.get_run(run.info.run_id)
    points = tracking.get_metric_history(run.info.run_id, "loss/train")
    assert [(point.step, point.value) for point in points] == [(0, 0.0), (2, 1.0), (4, 2.0)]
    assert logged.data.params == {"lr": "0.1", "layers": "3"}
    assert logged.data.metrics["accuracy"] == pytest.approx(0.9)


def test_without_a_number_of_steps_scalars_are_left_alone(tracking: pegboard.Client) -> None:
    from torch.utils.tensorboard import SummaryWriter

    pegboard.pytorch.autolog()
    with pegboard.start_run() as run, SummaryWriter("board") as writer:
        writer.add_scalar("loss", 1.0, 0)
    assert not tracking.get_run(run.info.run_id).data.metrics


def test_scalars_without_a_run_are_nobodys(tracking: pegboard.Client) -> None:
    from torch.utils.tensorboard import SummaryWriter

    pegboard.pytorch.autolog(log_every_n_step=1)
    with SummaryWriter("board") as writer:
        writer.add_scalar("loss", 1.0, 0)
    assert not tracking.search_runs(["0"])
