"""The flavor ``transformers``: pipelines of Hugging Face transformers, kept as local files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.errors import InvalidValue

_OPTIONS = ("model_config", "processor", "save_pretrained", "task", "torch_dtype")


class TransformersFlavor(ModelFlavor):
    """Saves pipelines, and models with what prepares their inputs. Never asks a model hub."""

    name: ClassVar[str] = "transformers"
    loader_module: ClassVar[str] = "mlflow.transformers"

    def accepts(self, model: Any) -> bool:
        """Whether this is a pipeline, or a dict with a ``model`` of transformers."""
        if isinstance(model, Mapping):
            return _descends(model.get("model"), "PreTrainedModel")
        return _descends(model, "Pipeline")

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write a pipeline; a dict of ``model``, ``tokenizer``, …; or a checkpoint's directory.

        Options: ``task``, which a dict and a directory need; ``processor``, kept beside the model;
        ``torch_dtype``, the precision to load it with; ``model_config``, arguments of every
        prediction.
        """
        from pegboard_transformers import saving

        for name in options:
            if name not in _OPTIONS:
                raise InvalidValue(
                    f"{name!r} is not an option of the flavor 'transformers'.",
                    hint=f"Its options are: {', '.join(_OPTIONS)}.",
                )
        if options.get("save_pretrained") is False:
            raise InvalidValue(
                "save_pretrained=False keeps a model's weights on a hub; pegboard keeps them.",
                hint="Leave save_pretrained out.",
            )
        pipeline = saving.as_pipeline(model, options.get("task"))
        config = saving.write(pipeline, directory, options)
        arguments = options.get("model_config")
        return SavedFlavor(
            config=config,
            data=".",
            requirements=saving.requirements(),
            extra_pyfunc={"config": dict(arguments)} if arguments else {},
        )

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the pipeline; a dict of its parts if it was saved with a processor.

        Without ``trust.pickle``, weights have to be safetensors and classes those of transformers.
        """
        from pegboard_transformers import loading

        return loading.load(directory, config, trust)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Return what runs a pipeline on texts, tables of texts, and dicts."""
        from pegboard_transformers.predictor import PipelinePredictor

        if isinstance(model, Mapping):
            raise InvalidValue(
                "A model that was saved with a processor makes no pipeline.",
                hint="Load it with pegboard.transformers.load_model, and call its parts.",
            )
        return PipelinePredictor(model, config.get("config") or {})


def _descends(model: Any, name: str) -> bool:
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == "transformers"
        for kind in type(model).__mro__
    )
