"""Writes pipelines in MLflow's layout: ``model/`` and ``components/NAME/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard.errors import InvalidValue

MODEL = "model"
COMPONENTS = "components"
PROCESSOR = "processor"
PARTS = ("tokenizer", "feature_extractor", "image_processor")
"""What prepares the inputs of a pipeline, by the names of its attributes."""


def as_pipeline(model: Any, task: str | None) -> Any:
    """Return what was given as a pipeline."""
    import transformers

    if isinstance(model, transformers.Pipeline):
        if task is not None and task != model.task:
            raise InvalidValue(f"The pipeline's task is {model.task!r}, not {task!r}.")
        return model
    if task is None:
        raise InvalidValue(
            "What the model is for is not known.",
            hint="Pass its task, such as task='text-classification', or a pipeline.",
        )
    if isinstance(model, Mapping):
        known = {"model", *PARTS}
        if "model" not in model or not set(model) <= known:
            raise InvalidValue(
                f"A dict of parts may have {', '.join(sorted(known))}, and needs 'model'; "
                f"this one has: {', '.join(map(str, model))}."
            )
        parts = dict(model)
    elif isinstance(model, (str, Path)):
        parts = _checkpoint(Path(model))
    else:
        raise InvalidValue(
            f"{type(model).__name__} is neither a pipeline, nor a dict of its parts, nor the "
            "directory of a checkpoint."
        )
    try:
        return transformers.pipeline(task=task, **parts)
    except (KeyError, ValueError, TypeError, OSError, AttributeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InvalidValue(f"These parts make no pipeline for {task!r}: {reason}") from error


def _checkpoint(place: Path) -> dict[str, Any]:
    if not (place / "config.json").is_file():
        raise InvalidValue(
            f"{place} is not the directory of a checkpoint: it has no config.json.",
            hint="Names of models on a hub are not looked up; load the model first.",
        )
    return {MODEL: str(place), "local_files_only": True, "trust_remote_code": False}


def write(pipeline: Any, directory: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Write a pipeline's parts; return the flavor's entry of MLmodel."""
    import transformers

    model, processor = pipeline.model, options.get(PROCESSOR)
    dtype = options.get("torch_dtype") or getattr(model, "dtype", None)
    parts = {name: part for name in PARTS if (part := getattr(pipeline, name, None)) is not None}
    # Weights are in safetensors by default in every version that is supported.
    model.save_pretrained(directory / MODEL)
    for name, part in parts.items():
        part.save_pretrained(directory / COMPONENTS / name)
    if processor is not None:
        processor.save_pretrained(directory / COMPONENTS / PROCESSOR)
        parts[PROCESSOR] = processor
    return {
        "transformers_version": transformers.__version__,
        "task": pipeline.task,
        "instance_type": type(pipeline).__name__,
        "framework": "pt",
        "torch_dtype": str(dtype) if dtype is not None else None,
        "pipeline_model_type": type(model).__name__,
        "source_model_name": _origin(str(model.name_or_path or "")),
        "model_binary": MODEL,
        "components": [name for name in parts if name != PROCESSOR],
        **{f"{name}_type": type(part).__name__ for name, part in parts.items()},
    }


def _origin(name: str) -> str:
    """Return the name of a model on a hub; "" if the name is a path of this machine."""
    return "" if Path(name).is_absolute() or Path(name).exists() else name


def requirements() -> list[str]:
    """Return the pinned packages that a load needs."""
    import safetensors
    import torch
    import transformers

    return [
        f"transformers=={transformers.__version__}",
        f"torch=={str(torch.__version__).partition('+')[0]}",
        f"safetensors=={safetensors.__version__}",
    ]
