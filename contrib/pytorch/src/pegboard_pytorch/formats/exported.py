"""Models as exported programs (``.pt2``): a graph, which needs no class of the user to run."""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue
from pegboard.paths import below
from pegboard_models import require_pickle

from pegboard_pytorch.formats.archive_check import suspicion

FILE = "model.pt2"


def save(model: Any, example: Any, directory: Path, dynamic_shapes: Any = None) -> None:
    """Export a model with an example of its inputs.

    ``dynamic_shapes`` is what ``torch.export`` takes; by default the first dimension of each input
    may vary, unless the model's own code fixes it.
    """
    import torch

    args, kwargs = _arguments(example)
    # What was exported before has no training mode any more.
    trains = model.training and not isinstance(model, torch.fx.GraphModule)
    if trains:
        model.eval()
    try:
        # What it warns of concerns those who write PyTorch, not those who use it.
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = _export(model, args, kwargs, dynamic_shapes)
            torch.export.save(program, str(directory / FILE))
    except Exception as error:
        # The exporter fails in every way there is; all of them mean the same to the caller.
        raise InvalidValue(
            f"torch.export cannot export this model with this example: {_first_line(error)}",
            hint="Say constructor='module:Class' (and constructor_args={...}) to keep the weights "
            "in safetensors, or serialization_format='pickle' to pickle the model.",
        ) from error
    finally:
        if trains:
            model.train()


def _export(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: Any) -> Any:
    import torch

    if shapes is not None:
        return torch.export.export(model, args, kwargs, dynamic_shapes=shapes)
    inputs = [*args, *kwargs.values()]
    if any(_rows(value) == 1 for value in inputs):
        # The exporter takes a dimension of 1 for a constant, so a program made of an example of
        # one row would take one row only.
        with suppress(Exception):
            doubled = tuple(_doubled(value) for value in args)
            named = {name: _doubled(value) for name, value in kwargs.items()}
            return _export_varying(model, doubled, named)
    return _export_varying(model, args, kwargs)


def _export_varying(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Export a model whose inputs may vary in their first dimension, where it has more than 1."""
    import torch

    varying = {0: torch.export.Dim.AUTO}
    shapes = [varying if (_rows(value) or 0) > 1 else None for value in (*args, *kwargs.values())]
    return torch.export.export(model, args, kwargs, dynamic_shapes=tuple(shapes))


def _rows(value: Any) -> int | None:
    return int(value.shape[0]) if getattr(value, "ndim", 0) else None


def _doubled(value: Any) -> Any:
    import torch

    return torch.cat([value, value]) if _rows(value) == 1 else value


def load(directory: Path, trust: Trust) -> Any:
    """Return the program as a module that can be called."""
    import torch

    path = below(directory, FILE)
    if not path.is_file():
        raise InvalidValue(f"The model lacks its file {path}.")
    if not trust.pickle and (reason := suspicion(path)):
        require_pickle(trust, f"{path} is more than a plain program ({reason}): it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(str(path)).module()
    except Exception as error:
        raise InvalidValue(f"{path} cannot be read: {_first_line(error)}") from error


def _arguments(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example, dict):
        return (), {name: as_tensor(value) for name, value in example.items()}
    if isinstance(example, (tuple, list)):
        return tuple(as_tensor(value) for value in example), {}
    return (as_tensor(example),), {}


def as_tensor(value: Any) -> Any:
    """Return an array or a DataFrame as a tensor; DataFrames as float32, as MLflow does."""
    import torch

    if isinstance(value, torch.Tensor):
        return value
    if hasattr(value, "columns"):
        value = value.to_numpy(dtype="float32")
    try:
        # A copy of what is read-only, which PyTorch would warn of.
        flags = getattr(value, "flags", None)
        return torch.as_tensor(value if flags is None or flags.writeable else value.copy())
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidValue(f"The input cannot be made a tensor: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
