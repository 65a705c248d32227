"""What autologgers are made of: observers that cannot harm a training, and runs to log to.

A library's autologger makes one ``Integration``; its ``autolog`` function gives it ``Switches`` and
a function that puts observers in place. See ``patching`` for what an observer is.
"""

from __future__ import annotations

from pegboard_models.autologging import importances, imports, state
from pegboard_models.autologging.everything import autolog, call
from pegboard_models.autologging.integration import Integration
from pegboard_models.autologging.models import first_rows, log_trained_model, pending_model
from pegboard_models.autologging.patching import Call, ObservedFunction, Observer
from pegboard_models.autologging.rounds import RoundsTraining, train_observer
from pegboard_models.autologging.runs import PointBuffer, RunLog, describe, training_run
from pegboard_models.autologging.switches import AUTOLOGGING_TAG, Switches

__all__ = [
    "AUTOLOGGING_TAG",
    "Call",
    "Integration",
    "ObservedFunction",
    "Observer",
    "PointBuffer",
    "RoundsTraining",
    "RunLog",
    "Switches",
    "autolog",
    "call",
    "describe",
    "first_rows",
    "importances",
    "imports",
    "log_trained_model",
    "pending_model",
    "state",
    "train_observer",
    "training_run",
]
