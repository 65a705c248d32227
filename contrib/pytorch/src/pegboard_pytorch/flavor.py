"""The flavor ``pytorch``: modules of PyTorch as exported programs, weights or pickles."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.errors import InvalidValue, quoted
from pegboard.paths import below

from pegboard_pytorch.formats import exported, pickled, weights

DATA = "data"
FORMATS = ("pt2", "safetensors", "pickle")

_OPTIONS = (
    "constructor",
    "constructor_args",
    "dynamic_shapes",
    "input_example",
    "serialization_format",
)


class PyTorchFlavor(ModelFlavor):
    """Saves ``torch.nn.Module`` objects."""

    name: ClassVar[str] = "pytorch"
    loader_module: ClassVar[str] = "mlflow.pytorch"
    needs_example: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Whether this is a ``torch.nn.Module``."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(model, torch.nn.Module)

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write a module.

        Option ``serialization_format``: ``pt2`` (an exported program, which needs
        ``input_example``: a tensor or array, a tuple of them for several arguments, a dict for
        arguments by name; ``dynamic_shapes`` as ``torch.export`` takes them), ``safetensors`` (the
        weights, and ``constructor`` with its ``constructor_args``), or ``pickle``. By default the
        first of these that can be done, but never ``pickle``.
        """
        _check_options(options)
        if not self.accepts(model):
            raise InvalidValue(f"{quoted(type(model).__name__)} is not a torch.nn.Module.")
        form = _form(model, options)
        place = directory / DATA
        place.mkdir(parents=True)
        if form == "pt2":
            shapes = options.get("dynamic_shapes")
            exported.save(model, options["input_example"], place, shapes)
        elif form == "safetensors":
            weights.save(model, *_construction(model, options), place)
        else:
            pickled.save(model, place)
        return _saved(form)

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return a module on the CPU, ready to predict.

        ``trust`` decides about pickles, about programs that are more than a graph of PyTorch's own
        operators, and about constructors that do not make a module.
        """
        place = below(directory, str(config.get("model_data") or DATA))
        if (place / pickled.FILE).is_file():
            return pickled.load(place, trust)
        if (place / weights.FILE).is_file():
            return weights.load(place, trust)
        return exported.load(place, trust)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Return what feeds a module, on the ``device`` that its model configuration names."""
        from pegboard_pytorch.predictor import PyTorchPredictor

        device = (config.get("config") or {}).get("device")
        return PyTorchPredictor(model, device)


def _check_options(options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in _OPTIONS:
            raise InvalidValue(
                f"{name!r} is not an option of the flavor 'pytorch'.",
                hint=f"Its options are: {', '.join(_OPTIONS)}.",
            )
    form = options.get("serialization_format")
    if form is not None and form not in FORMATS:
        raise InvalidValue(
            f"serialization_format should be one of {', '.join(map(repr, FORMATS))}, not {form!r}."
        )


def _form(model: Any, options: Mapping[str, Any]) -> str:
    """Return the format to write, after checking that what it needs was given."""
    import torch

    form = options.get("serialization_format")
    example = options.get("input_example")
    if isinstance(model, torch.jit.ScriptModule) and form in (None, "pt2"):
        raise InvalidValue(
            "A TorchScript module cannot be exported.",
            hint="Give the module it was made from, or say serialization_format='pickle'.",
        )
    if form is None:
        if options.get("constructor") is None and example is not None:
            return "pt2"
        form = "safetensors" if _can_construct(model, options) else "pt2"
    if form == "pt2" and example is None:
        raise InvalidValue(
            f"How to save {type(model).__name__} without pickle is not known.",
            hint="Give input_example, so that it can be exported, or constructor='module:Class' "
            "and constructor_args={...}, or say serialization_format='pickle'.",
        )
    return str(form)


def _can_construct(model: Any, options: Mapping[str, Any]) -> bool:
    return options.get("constructor") is not None or hasattr(model, "hparams")


def _construction(model: Any, options: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return what makes a model, and its arguments; Lightning's modules know theirs."""
    constructor = options.get("constructor") or type(model)
    arguments = options.get("constructor_args")
    if arguments is None:
        arguments = dict(getattr(model, "hparams", {}))
    return constructor, arguments


def _saved(form: str) -> SavedFlavor:
    import torch

    version = str(torch.__version__)
    requirements = [f"torch=={version.partition('+')[0]}"]
    extra: dict[str, Any] = {"config": {"device": None}}
    if form == "safetensors":
        import safetensors

        requirements.append(f"safetensors=={safetensors.__version__}")
    if form == "pickle":
        import cloudpickle

        requirements.append(f"cloudpickle=={cloudpickle.__version__}")
        extra["pickle_module_name"] = pickled.PICKLE_MODULE
    return SavedFlavor(
        config={"model_data": DATA, "pytorch_version": version, "serialization_format": form},
        data=DATA,
        requirements=requirements,
        extra_pyfunc=extra,
    )
