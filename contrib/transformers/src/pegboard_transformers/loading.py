"""Reads pipelines from local files, of classes that transformers itself defines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue, NotFound
from pegboard.paths import below
from pegboard_models import require_pickle

from pegboard_transformers.saving import COMPONENTS, MODEL, PROCESSOR

_AUTO_CLASSES = {
    "tokenizer": "AutoTokenizer",
    "feature_extractor": "AutoFeatureExtractor",
    "image_processor": "AutoImageProcessor",
    PROCESSOR: "AutoProcessor",
}
_ELSEWHERE = ("source_model_revision", "local_base_model_path", "peft_adaptor")
"""Keys of entries by MLflow whose weights are not, or not all, among the model's files."""


def load(directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
    """Return a pipeline, or the dict of a model's parts if there is a processor among them."""
    for key in _ELSEWHERE:
        if config.get(key):
            raise InvalidValue(
                f"The model's weights are not among its files ({key}: {config[key]!r}).",
                hint="Log it again with all its weights.",
            )
    names = [str(name) for name in config.get("components") or ()]
    if config.get(f"{PROCESSOR}_type"):
        names.append(PROCESSOR)
    parts = {name: _part(directory, name, trust) for name in names}
    parts[MODEL] = _model(directory, config, trust)
    return parts if PROCESSOR in parts else _pipeline(config, parts)


def _model(directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
    import transformers

    place = _folder(directory, str(config.get("model_binary") or "pipeline"))
    kind = _class(str(config.get("pipeline_model_type") or ""), transformers.PreTrainedModel)
    options: dict[str, Any] = {}
    if kind is None:
        name = config.get("pipeline_model_type")
        require_pickle(trust, f"The model's own class {name!r}, which is not of transformers,")
        kind = _automatic_class(place)
        options["trust_remote_code"] = True
    if not trust.pickle:
        _refuse_pickled_weights(place)
        options["use_safetensors"] = True
    if dtype := config.get("torch_dtype"):
        options["dtype" if int(transformers.__version__.split(".")[0]) > 4 else "torch_dtype"] = (
            _dtype(str(dtype))
        )
    return _read(kind, place, options).eval()


def _automatic_class(place: Path) -> Any:
    """Return the class of transformers that finds a model's own class by its ``auto_map``."""
    import transformers

    config = _read(transformers.AutoConfig, place, {"trust_remote_code": True})
    known = getattr(config, "auto_map", None) or {}
    names = [name for name in known if name.startswith("AutoModel")]
    return getattr(transformers, names[0] if names else "AutoModel")


def _part(directory: Path, name: str, trust: Trust) -> Any:
    import transformers

    if name not in _AUTO_CLASSES:
        raise InvalidValue(f"The model has a component {name!r}, which is not known.")
    place = _folder(directory, f"{COMPONENTS}/{name}")
    kind = getattr(transformers, _AUTO_CLASSES[name])
    return _read(kind, place, {"trust_remote_code": trust.pickle})


def _pipeline(config: Mapping[str, Any], parts: dict[str, Any]) -> Any:
    import transformers

    kind = _class(str(config.get("instance_type") or ""), transformers.Pipeline)
    if kind is None:
        raise NotFound(
            f"transformers {transformers.__version__} has no pipeline "
            f"{config.get('instance_type')!r}, which the model was saved with.",
            hint=f"Install transformers {config.get('transformers_version', 'of that time')}.",
        )
    return kind(task=config.get("task") or "", **parts)


def _class(name: str, base: Any) -> Any:
    """Return a class of transformers by its name; None if there is no such one."""
    import transformers

    found = getattr(transformers, name, None) if name.isidentifier() else None
    return found if isinstance(found, type) and issubclass(found, base) else None


def _read(kind: Any, place: Path, options: Mapping[str, Any]) -> Any:
    try:
        return kind.from_pretrained(str(place), local_files_only=True, **options)
    except Exception as error:
        # Damaged files fail in every way there is.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InvalidValue(f"{place} cannot be read: {reason}") from error


def _folder(directory: Path, name: str) -> Path:
    """Return a folder of the model whose files are all in the model's directory."""
    place = below(directory, name)
    if not place.is_dir():
        raise InvalidValue(f"The model lacks its folder {place}.")
    for file in place.rglob("*"):
        below(directory, file.relative_to(directory).as_posix())
    return place


def _refuse_pickled_weights(place: Path) -> None:
    pickles = sorted(place.glob("*.bin")) + sorted(place.glob("*.pt"))
    if pickles and not list(place.glob("*.safetensors")):
        require_pickle(Trust(), f"The pickle {pickles[0]}")


def _dtype(name: str) -> Any:
    import torch

    found = getattr(torch, name.removeprefix("torch."), None)
    if not isinstance(found, torch.dtype):
        raise InvalidValue(f"{name!r} is not a type of PyTorch's numbers.")
    return found
