"""What is logged of a training by Lightning's Trainer."""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module
from types import ModuleType
from typing import Any

from pegboard_models.autologging import (
    Call,
    Integration,
    PointBuffer,
    RunLog,
    log_trained_model,
    pending_model,
    state,
    training_run,
)

from pegboard_pytorch.autologging.checkpoints import Checkpoints

SUMMARY_FILE = "model_summary.txt"
MODEL_NAME = "model"
RESTORED_FOLDER = "restored_model_checkpoint"

_EARLY_STOPPING = ("monitor", "mode", "patience", "min_delta", "stopped_epoch")
_EXAMPLE_ROWS = 5


def log_fit(integration: Integration, module: ModuleType, call: Call) -> Generator[None, Any, None]:
    """Observe ``Trainer.fit`` of ``lightning.pytorch``, or of ``pytorch_lightning``."""
    trainer = call.args[0]
    # In a training by several processes, each of them comes here.
    if not trainer.is_global_zero or not state.would_log(trainer):
        return
    with training_run(integration) as run:
        if run is None:
            yield
            return
        with pending_model(integration, run, MODEL_NAME) as model_id:
            watch = _Watch(integration, run, model_id)
            kept = [item for item in trainer.callbacks if not isinstance(item, _Hooks)]
            trainer.callbacks = [*kept, _callback(module, watch)]
            try:
                with state.session(trainer), state.paused():
                    yield
            finally:
                watch.forget_example()
                with integration.guard("logging the metrics"):
                    watch.points.flush()
            _log_result(module, trainer, watch)


class _Watch:
    """What is known of one training while it goes on."""

    def __init__(self, integration: Integration, run: RunLog, model_id: str | None) -> None:
        options = integration.switches.options
        self.integration = integration
        self.run = run
        self.model_id = model_id
        self.points = PointBuffer(run, model_id)
        self.every_epoch: int = options["log_every_n_epoch"]
        self.every_step: int | None = options["log_every_n_step"]
        self.params: dict[str, Any] = {}
        self.example: Any = None
        self._hook: Any = None
        self._of_steps: set[str] = set()
        self._of_epochs: set[str] = set()
        switches = options["checkpoints"]
        self.checkpoints = Checkpoints(switches, run) if switches else None

    def began(self, trainer: Any, model: Any) -> None:
        """Log the settings of the training, and wait for the first input."""
        self.run.tags({"Mode": "training"})
        self.params = _params(trainer)
        self.run.params(self.params)
        if self.model_id is not None:
            self._hook = model.register_forward_hook(self._keep_example)

    def _keep_example(self, model: Any, inputs: Any, output: Any) -> None:
        import torch

        del model, output
        with self.integration.guard("looking at the first input"):
            if len(inputs) == 1 and isinstance(inputs[0], torch.Tensor) and inputs[0].ndim:
                self.example = inputs[0][:_EXAMPLE_ROWS].detach().cpu().clone()
            self.forget_example()

    def forget_example(self) -> None:
        """Look at no more inputs."""
        if self._hook is not None:
            self._hook.remove()
            self._hook = None

    def after_step(self, trainer: Any) -> None:
        """Log the metrics that the module logs in steps."""
        if self.checkpoints is not None:
            with self.integration.guard("keeping a checkpoint"):
                self.checkpoints.after_step(trainer)
        if not self.every_step:
            return
        metrics = trainer.callback_metrics
        # A metric of both kinds is also there as NAME_step; by its own name it is the epoch's.
        values = {
            name: float(value)
            for name, value in metrics.items()
            if name not in self._of_epochs and f"{name}_step" not in metrics
        }
        self._of_steps.update(values)
        step = trainer.global_step
        if (step // max(1, len(trainer.optimizers)) + 1) % self.every_step == 0:
            self.points.add(values, step)

    def after_epoch(self, trainer: Any) -> None:
        """Log all other metrics."""
        values = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name not in self._of_steps
        }
        self._of_epochs.update(values)
        if (trainer.current_epoch + 1) % self.every_epoch == 0:
            self.points.add(values, trainer.current_epoch)
        if self.checkpoints is not None:
            with self.integration.guard("keeping a checkpoint"):
                self.checkpoints.after_epoch(trainer)

    def tested(self, trainer: Any) -> None:
        """Log the metrics of a test, to the run of the training before it."""
        self.run.tags({"Mode": "testing"})
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.run.metrics(metrics, model_id=self.model_id)


class _Hooks:
    """The hooks of a Lightning callback; a fault in one is a warning."""

    watch: _Watch

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._tell("the start of the training", "began", trainer, pl_module)

    def on_train_batch_end(self, trainer: Any, *rest: Any) -> None:
        del rest
        self._tell("a step", "after_step", trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        del pl_module
        self._tell("an epoch", "after_epoch", trainer)

    def on_test_end(self, trainer: Any, pl_module: Any) -> None:
        del pl_module
        self._tell("a test", "tested", trainer)

    def _tell(self, doing: str, method: str, *args: Any) -> None:
        if self.watch.integration.switches.disable:
            return
        with self.watch.integration.guard(doing):
            getattr(self.watch, method)(*args)

    def __deepcopy__(self, memo: object) -> _Hooks:
        return self


def _callback(module: ModuleType, watch: _Watch) -> Any:
    """Return a callback of that Lightning whose trainer it is for."""

    class Autologging(_Hooks, module.Callback):  # type: ignore[name-defined, misc]
        def __reduce__(self) -> Any:
            # Processes that Lightning starts get a copy, and have no run to log to.
            return _plain_callback, (module.__name__,)

    callback = Autologging()
    callback.watch = watch
    return callback


def _plain_callback(module: str) -> Any:
    return import_module(module).Callback()


def _params(trainer: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"epochs": trainer.max_epochs}
    if trainer.optimizers:
        optimizer = getattr(trainer.optimizers[0], "_optimizer", trainer.optimizers[0])
        params["optimizer_name"] = type(optimizer).__name__
        params.update(getattr(optimizer, "defaults", {}))
    if (stopping := _early_stopping(trainer)) is not None:
        params.update(
            {name: getattr(stopping, name) for name in _EARLY_STOPPING if hasattr(stopping, name)}
        )
    return params


def _early_stopping(trainer: Any) -> Any:
    return next(
        (
            callback
            for callback in trainer.callbacks
            if any(kind.__name__ == "EarlyStopping" for kind in type(callback).__mro__)
        ),
        None,
    )


def _log_result(module: ModuleType, trainer: Any, watch: _Watch) -> None:
    guard, run = watch.integration.guard, watch.run
    stopping = _early_stopping(trainer)
    with guard("logging the early stop"):
        if stopping is not None and stopping.stopped_epoch:
            run.metrics(_stop_metrics(stopping), model_id=watch.model_id)
    with guard("logging the model's summary"):
        summaries = import_module(f"{module.__name__}.utilities.model_summary")
        summary = summaries.ModelSummary(trainer.lightning_module, max_depth=-1)
        run.client.log_text(run.run_id, str(summary), SUMMARY_FILE)
    if watch.model_id is not None:
        _log_model(trainer, watch, watch.model_id)
    with guard("logging the best checkpoint"):
        best = getattr(trainer.checkpoint_callback, "best_model_path", "")
        if stopping is not None and best:
            run.client.log_artifact(run.run_id, best, RESTORED_FOLDER)


def _stop_metrics(stopping: Any) -> dict[str, float]:
    metrics = {
        "stopped_epoch": stopping.stopped_epoch,
        "restored_epoch": stopping.stopped_epoch - max(1, stopping.patience),
    }
    if hasattr(stopping, "best_score"):
        metrics["best_score"] = float(stopping.best_score)
    if hasattr(stopping, "wait_count"):
        metrics["wait_count"] = stopping.wait_count
    return metrics


def _log_model(trainer: Any, watch: _Watch, model_id: str) -> None:
    from pegboard_pytorch.predictor import PyTorchPredictor

    model, example = trainer.lightning_module, watch.example
    if example is None:
        watch.integration.tell(
            "The model is not logged: its forward() did not take one tensor when it was trained."
        )
        with watch.integration.guard("removing the logged model"):
            watch.run.client.delete_logged_model(model_id)
        return
    log_trained_model(
        watch.integration,
        watch.run,
        model,
        name=MODEL_NAME,
        rows=example.numpy(),
        predict=lambda rows: PyTorchPredictor(model)(rows, {}),
        params=dict(watch.params),
        options={"input_example": example.to(model.device), "serialization_format": "pt2"},
        model_id=model_id,
    )
