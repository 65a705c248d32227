"""Models as pickles, in MLflow's form: ``model.pth``. Reading one can run any code."""

from __future__ import annotations

import importlib
import pickle
import warnings
from pathlib import Path
from typing import Any

from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue, NotFound
from pegboard.paths import below
from pegboard_models import require_pickle

FILE = "model.pth"
MODULE_FILE = "pickle_module_info.txt"
PICKLE_MODULE = "mlflow.pytorch.pickle_module"
"""What MLflow calls cloudpickle here; what it made can be read with Python's own pickle."""


def save(model: Any, directory: Path) -> None:
    """Pickle a model, with classes that cannot be imported; a TorchScript one in its own form."""
    import cloudpickle
    import torch

    (directory / MODULE_FILE).write_text(PICKLE_MODULE)
    try:
        if isinstance(model, torch.jit.ScriptModule):
            model.save(str(directory / FILE))
        else:
            torch.save(model, directory / FILE, pickle_module=cloudpickle)
    except (pickle.PicklingError, TypeError, AttributeError, RuntimeError) as error:
        raise InvalidValue(f"The model cannot be pickled: {error}") from error


def load(directory: Path, trust: Trust) -> Any:
    """Unpickle a model, on the CPU; Refused without trust."""
    import torch

    path = below(directory, FILE)
    require_pickle(trust, f"The pickle {path}")
    module = _pickle_module(below(directory, MODULE_FILE))
    try:
        with warnings.catch_warnings():
            # That a file is TorchScript, which MLflow keeps under the same name.
            warnings.simplefilter("ignore")
            model = torch.load(path, map_location="cpu", pickle_module=module, weights_only=False)
    except ModuleNotFoundError as error:
        raise NotFound(
            f"{path} needs {error.name!r}, which is not installed here.",
            hint="Install it, or add the folder of the model's code to PYTHONPATH.",
        ) from error
    except Exception as error:
        # Unpicklers fail in every way there is.
        reason = str(error).strip().partition("\n")[0]
        raise InvalidValue(f"{path} cannot be read: {reason or type(error).__name__}") from error
    return model.eval()


def _pickle_module(file: Path) -> Any:
    name = file.read_text().strip() if file.is_file() else PICKLE_MODULE
    if name in (PICKLE_MODULE, "cloudpickle", "pickle"):
        return pickle
    return importlib.import_module(name)
