"""Autologging of Lightning, and of what plain PyTorch writes for TensorBoard."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from types import ModuleType
from typing import Any

from pegboard.errors import InvalidValue
from pegboard_models.autologging import Call, Integration, Switches

from pegboard_pytorch.autologging import tensorboard
from pegboard_pytorch.autologging.checkpoints import CheckpointSwitches

INTEGRATION = Integration("pytorch", "torch", ("2.10", "2.15"))

_LIGHTNING = ("lightning.pytorch", "pytorch_lightning")
"""The two names of Lightning; each has its own classes."""


def autolog(
    log_every_n_epoch: int = 1,
    log_every_n_step: int | None = None,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: Mapping[str, str] | None = None,
    checkpoint: bool = True,
    checkpoint_monitor: str | None = "val_loss",
    checkpoint_mode: str = "min",
    checkpoint_save_best_only: bool = True,
    checkpoint_save_weights_only: bool = False,
    checkpoint_save_freq: str | int = "epoch",
    log_model_signatures: bool = True,
) -> None:
    """Log by itself what Lightning's ``Trainer.fit`` trains, and what comes of it.

    To the active run, or to one of its own, go: the optimizer's and early stopping's parameters,
    metrics after every ``log_every_n_epoch``-th epoch (those that are logged in steps after every
    ``log_every_n_step``-th step), checkpoints, a summary of the layers, and the model as an
    exported program with its signature.

    From a custom training loop, the scalars and hyperparameters that it gives to TensorBoard's
    ``SummaryWriter`` go to the active run: scalars of every ``log_every_n_step``-th step, if that
    is given.
    """
    if log_every_n_epoch < 1 or (log_every_n_step is not None and log_every_n_step < 1):
        raise InvalidValue("log_every_n_epoch and log_every_n_step should be 1 or more.")
    switches = Switches(
        disable=disable,
        exclusive=exclusive,
        disable_for_unsupported_versions=disable_for_unsupported_versions,
        silent=silent,
        log_models=log_models,
        log_model_signatures=log_model_signatures,
        log_datasets=log_datasets,
        registered_model_name=registered_model_name,
        extra_tags=extra_tags,
        options={
            "log_every_n_epoch": log_every_n_epoch,
            "log_every_n_step": log_every_n_step,
            "checkpoints": CheckpointSwitches(
                monitor=checkpoint_monitor,
                mode=checkpoint_mode,
                save_best_only=checkpoint_save_best_only,
                save_weights_only=checkpoint_save_weights_only,
                save_freq=checkpoint_save_freq,
            )
            if checkpoint
            else None,
        },
    )
    INTEGRATION.enable(switches, _install)


def _install() -> None:
    for name in _LIGHTNING:
        INTEGRATION.watch_imports(name, _patch_lightning)
    INTEGRATION.watch_imports("torch.utils.tensorboard.writer", _patch_tensorboard)


def _patch_lightning(module: ModuleType) -> None:
    def observe_fit(call: Call) -> Generator[None, Any, None]:
        from pegboard_pytorch.autologging.lightning import log_fit

        yield from log_fit(INTEGRATION, module, call)

    INTEGRATION.observe_method(module.Trainer, "fit", observe_fit)


def _patch_tensorboard(module: ModuleType) -> None:
    tensorboard.patch(INTEGRATION, module)
