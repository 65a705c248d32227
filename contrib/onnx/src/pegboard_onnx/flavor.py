"""The flavor ``onnx``: models in the ONNX format, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.errors import InvalidValue, quoted

from pegboard_onnx import files
from pegboard_onnx.sessions import DEFAULT_PROVIDERS, check_providers, check_session_options

MODEL_FILE = "model.onnx"

_OPTIONS = ("onnx_execution_providers", "onnx_session_options", "save_as_external_data")


class OnnxFlavor(ModelFlavor):
    """Saves ``onnx.ModelProto`` objects. Nothing in such a file is ever run as Python."""

    name: ClassVar[str] = "onnx"
    loader_module: ClassVar[str] = "mlflow.onnx"

    def accepts(self, model: Any) -> bool:
        """Whether this is an ``onnx.ModelProto``."""
        kind = type(model)
        return kind.__name__ == "ModelProto" and kind.__module__.split(".")[0] == "onnx"

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write ``model.onnx``, and check what was written.

        Options: ``onnx_execution_providers`` and ``onnx_session_options`` are kept for the code
        that runs the model; ``save_as_external_data`` puts large tensors into ``model.onnx.data``
        beside it, which is done in any case where the format cannot do without.
        """
        self._check_options(options)
        providers = check_providers(options.get("onnx_execution_providers") or DEFAULT_PROVIDERS)
        session_options = check_session_options(options.get("onnx_session_options"))
        if not self.accepts(model):
            raise InvalidValue(
                f"{quoted(type(model).__name__)} is not an ONNX model.",
                hint="Convert it to an onnx.ModelProto first, or read one with onnx.load.",
            )
        files.write(model, directory / MODEL_FILE, external=options.get("save_as_external_data"))

        import onnx
        import onnxruntime

        return SavedFlavor(
            config={
                "onnx_version": onnx.__version__,
                "data": MODEL_FILE,
                "providers": providers,
                "onnx_session_options": session_options,
            },
            data=MODEL_FILE,
            requirements=(
                f"onnx=={onnx.__version__}",
                f"onnxruntime=={onnxruntime.__version__}",
            ),
        )

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the ``onnx.ModelProto``, checked; tensors kept outside of it are read as well."""
        del trust  # such a file runs no code
        return files.read(directory, str(config.get("data") or MODEL_FILE))

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Return what feeds a session of ONNX Runtime."""
        from pegboard_onnx.predictor import OnnxPredictor
        from pegboard_onnx.sessions import open_session

        return OnnxPredictor(
            open_session(model, config.get("providers"), config.get("onnx_session_options"))
        )

    @staticmethod
    def _check_options(options: Mapping[str, Any]) -> None:
        for name in options:
            if name not in _OPTIONS:
                raise InvalidValue(
                    f"{name!r} is not an option of the flavor 'onnx'.",
                    hint=f"Its options are: {', '.join(_OPTIONS)}.",
                )
