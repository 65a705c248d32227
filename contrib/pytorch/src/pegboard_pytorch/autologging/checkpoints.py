"""Checkpoints of trainings as artifacts of their runs, where MLflow keeps them too."""

from __future__ import annotations

import inspect
import json
import posixpath
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen
from pegboard.errors import InvalidValue, NotFound
from pegboard_models import TrustLike, require_pickle, trust_of

if TYPE_CHECKING:
    from pegboard_models.autologging import RunLog

FOLDER = "checkpoints"
TAG = "mlflow.latest_checkpoint_artifact"
"""The tag of a run that says where its newest checkpoint is."""


@frozen(kw_only=True)
class CheckpointSwitches:
    """When checkpoints are kept, and what is in them."""

    monitor: str | None
    """The metric that says which is the best."""
    mode: str
    """Whether the best has the ``min`` or the ``max`` of that metric."""
    save_best_only: bool
    save_weights_only: bool
    """Without the state of optimizers and the like."""
    save_freq: str | int
    """``epoch``, or a number of steps."""

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be done."""
        if self.save_best_only and self.monitor is None:
            raise InvalidValue("checkpoint_save_best_only needs a checkpoint_monitor.")
        if self.mode not in ("min", "max"):
            raise InvalidValue(f"checkpoint_mode is 'min' or 'max', not {self.mode!r}.")
        freq = self.save_freq
        if freq != "epoch" and (not isinstance(freq, int) or freq < 1):
            raise InvalidValue(
                f"checkpoint_save_freq is 'epoch' or a number of steps, not {freq!r}."
            )


@define(eq=False)
class Checkpoints:
    """Keeps the checkpoints of one training in its run."""

    switches: CheckpointSwitches
    run: RunLog
    _best: float | None = field(default=None, init=False)

    def after_step(self, trainer: Any) -> None:
        """Keep a checkpoint if it is time for one by the number of steps."""
        freq = self.switches.save_freq
        if isinstance(freq, int) and trainer.global_step and trainer.global_step % freq == 0:
            self._keep(trainer, f"global_step_{trainer.global_step}")

    def after_epoch(self, trainer: Any) -> None:
        """Keep a checkpoint if there is one for each epoch."""
        if self.switches.save_freq == "epoch":
            self._keep(trainer, f"epoch_{trainer.current_epoch}")

    def _keep(self, trainer: Any, moment: str) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        best_only = self.switches.save_best_only
        if best_only and not self._is_best(metrics):
            return
        suffix = ".weights.pth" if self.switches.save_weights_only else ".pth"
        prefix = "latest_" if best_only else ""
        folder = FOLDER if best_only else f"{FOLDER}/{moment}"
        described = {
            **metrics,
            "epoch": trainer.current_epoch,
            "global_step": trainer.global_step,
        }
        with tempfile.TemporaryDirectory(prefix="pegboard-") as name:
            place = Path(name)
            (place / f"{prefix}checkpoint_metrics.json").write_text(json.dumps(described))
            self._write(trainer, place / f"{prefix}checkpoint{suffix}")
            self.run.client.log_artifacts(self.run.run_id, place, folder)
        self.run.tags({TAG: f"{folder}/{prefix}checkpoint{suffix}"})

    def _is_best(self, metrics: Mapping[str, float]) -> bool:
        value = metrics.get(str(self.switches.monitor))
        if value is None:
            raise InvalidValue(
                f"the metric {self.switches.monitor!r}, which chooses the best checkpoint, is "
                "not logged by the module; checkpoint_monitor names another"
            )
        better = self._best is None or (
            value < self._best if self.switches.mode == "min" else value > self._best
        )
        if better:
            self._best = value
        return better

    def _write(self, trainer: Any, file: Path) -> None:
        # Trainer.save_checkpoint waits for all processes, of which only one comes here.
        state = trainer._checkpoint_connector.dump_checkpoint(self.switches.save_weights_only)
        trainer.strategy.save_checkpoint(state, str(file))


def load_checkpoint(
    model_class: Any,
    run_id: str | None = None,
    epoch: int | None = None,
    global_step: int | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    trust: TrustLike = None,
) -> Any:
    """Return a Lightning module as it was at a checkpoint that autologging has kept.

    By default the newest of the active run; ``epoch`` or ``global_step`` choose another if all were
    kept. ``kwargs`` go to the class. A checkpoint with more than plain values needs ``trust``.
    """
    if epoch is not None and global_step is not None:
        raise InvalidValue("Give epoch or global_step, not both.")
    trusted = trust_of(trust)
    options = dict(kwargs or {})
    if "weights_only" in inspect.signature(model_class.load_from_checkpoint).parameters:
        options.setdefault("weights_only", not trusted.pickle)
    elif not trusted.pickle:
        require_pickle(trusted, "A checkpoint, with this version of Lightning,")
    with tempfile.TemporaryDirectory(prefix="pegboard-") as place:
        file = _download(run_id, epoch, global_step, place)
        return model_class.load_from_checkpoint(file, **options)


def _download(run_id: str | None, epoch: int | None, global_step: int | None, place: str) -> str:
    from pegboard_scripting.client import Client
    from pegboard_scripting.fluent.runs import active_run

    if run_id is None:
        active = active_run()
        if active is None:
            raise InvalidValue("There is no active run to load a checkpoint of; give a run_id.")
        run_id = active.info.run_id
    client = Client()
    newest = client.get_run(run_id).data.tags.get(TAG)
    if newest is None:
        raise NotFound(f"The run {run_id!r} has no checkpoint.")
    path = newest
    if global_step is not None:
        path = f"{FOLDER}/global_step_{global_step}/{posixpath.basename(newest)}"
    elif epoch is not None:
        path = f"{FOLDER}/epoch_{epoch}/{posixpath.basename(newest)}"
    return str(client.download_artifacts(run_id, path, place))
