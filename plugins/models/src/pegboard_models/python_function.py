"""The flavor of custom Python models.

They are pickled, so loading one needs trust. What is written loads in MLflow without us being
there, and what MLflow wrote loads here without MLflow.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pegboard.contracts.models import ModelFlavor, Predictor, SavedFlavor, Trust
from pegboard.errors import InvalidValue, quoted

from pegboard_models import copying
from pegboard_models.model_files import PYTHON_FUNCTION, part
from pegboard_models.python_model import BoundModel, FunctionModel, PythonModel, PythonModelContext
from pegboard_models.trusting import require_pickle

FILE = "python_model.pkl"
_OPTIONS = frozenset({"artifacts", "model_config", "streamable"})
_CODE_LOADER = "mlflow.pyfunc.loaders.code_model"


class PythonFunction(ModelFlavor):
    """Saves objects with ``predict``, functions, and files of Python code that set a model.

    Options: ``artifacts`` (names to URIs of files that the model needs), ``model_config`` (plain
    values, or the path of a YAML file), ``streamable``.
    """

    name: ClassVar[str] = PYTHON_FUNCTION
    loader_module: ClassVar[str] = "mlflow.pyfunc.model"

    def accepts(self, model: Any) -> bool:
        """Whether this is a custom model: it derives from ``PythonModel``, or is a function."""
        return isinstance(model, PythonModel) or inspect.isfunction(model)

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write ``python_model.pkl``, or the file of code, and the artifacts."""
        from pegboard_models import pickles
        from pegboard_models.configuration import configuration

        if unknown := sorted(set(options) - _OPTIONS):
            raise InvalidValue(
                f"Custom models have no option {unknown[0]!r}.",
                hint=f"Their options are: {', '.join(sorted(_OPTIONS))}.",
            )
        entry: dict[str, Any] = {"cloudpickle_version": pickles.cloudpickle_version()}
        if isinstance(model, (str, Path)):
            entry["model_code_path"] = _copy_code(Path(model), directory)
            entry["loader_module"] = _CODE_LOADER
            streams = bool(options.get("streamable"))
        else:
            streams = _write(_as_model(model), directory, entry, options.get("streamable"))
        if artifacts := options.get("artifacts"):
            entry["artifacts"] = _copy_artifacts(artifacts, directory)
        if (config := configuration(options.get("model_config"))) is not None:
            entry["config"] = config
        entry["streamable"] = streams
        return SavedFlavor({}, "", _requirements(entry), entry)

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the custom model with its context."""
        model_config = config.get("config")
        if "model_code_path" in config:
            require_pickle(trust, f"The code of the model in {directory}")
            model = _run_code(directory, config["model_code_path"], model_config)
        else:
            require_pickle(trust, f"The pickled Python model in {directory}")
            model = _read(directory, config)
        context = PythonModelContext(_artifacts(directory, config), model_config)
        model.load_context(context)
        return BoundModel(model, context)

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictor:
        """Return the custom model with its context: it predicts."""
        del config
        predictor: Predictor = model
        return predictor


def _as_model(model: Any) -> Any:
    if hasattr(model, "predict"):
        if not hasattr(model, "load_context") or inspect.isclass(model):
            raise InvalidValue(
                f"{quoted(model)} is not a custom model.",
                hint="Derive its class from pegboard.pyfunc.PythonModel and pass an object of it.",
            )
        return model
    if callable(model):
        return FunctionModel(model)
    raise InvalidValue(
        f"{quoted(model)} is neither a custom model nor a function.",
        hint="Pass an object whose class derives from pegboard.pyfunc.PythonModel.",
    )


def _write(model: Any, directory: Path, entry: dict[str, Any], streamable: Any) -> bool:
    from pegboard_models import pickles

    entry["python_model"] = FILE
    pickles.dump(model, directory / FILE)
    if streamable is not None:
        return bool(streamable)
    return type(model).predict_stream is not PythonModel.predict_stream


def _requirements(entry: Mapping[str, Any]) -> list[str]:
    return [f"cloudpickle=={entry['cloudpickle_version']}"] if "python_model" in entry else []


def _read(directory: Path, config: Mapping[str, Any]) -> Any:
    from pegboard_models import pickles

    file = part(directory, config.get("python_model"), "python_model")
    model = pickles.load(file, compression=config.get("python_model_compression"))
    if not hasattr(model, "predict") or not hasattr(model, "load_context"):
        raise InvalidValue(f"{file} holds {type(model).__name__}, which is not a custom model.")
    return model


# -- models from code ------------------------------------------------------------------------------


def _copy_code(file: Path, directory: Path) -> str:
    if not file.is_file():
        raise InvalidValue(f"{str(file)!r} is not a file of Python code.")
    copying.copy(file, directory / file.name)
    return file.name


def _run_code(directory: Path, name: Any, model_config: Mapping[str, Any] | None) -> Any:
    from pegboard_models import code_models

    # MLflow writes the path on the machine the model was logged on; its name is what counts.
    file = part(directory, Path(str(name)).name, "model_code_path")
    return _as_model(code_models.run(file, model_config))


# -- artifacts -------------------------------------------------------------------------------------


def _copy_artifacts(artifacts: Any, directory: Path) -> dict[str, dict[str, str]]:
    from pegboard import paths
    from pegboard_scripting import artifacts as by_uri

    if not isinstance(artifacts, Mapping) or not all(
        isinstance(name, str) and isinstance(uri, str) for name, uri in artifacts.items()
    ):
        raise InvalidValue("'artifacts' maps names to URIs or paths, as texts.")
    saved: dict[str, dict[str, str]] = {}
    for number, (name, uri) in enumerate(artifacts.items()):
        source = Path(by_uri.download_artifacts(uri))
        relative = f"artifacts/{source.name}"
        if (directory / relative).exists():
            relative = f"artifacts/{number}/{source.name}"
        target = paths.below(directory, relative)
        copying.copy(source, target)
        saved[name] = {"path": relative, "uri": uri}
    return saved


def _artifacts(directory: Path, config: Mapping[str, Any]) -> dict[str, str]:
    listed = config.get("artifacts") or {}
    try:
        return {
            name: str(part(directory, entry["path"], f"artifacts.{name}"))
            for name, entry in listed.items()
        }
    except (AttributeError, TypeError, KeyError):
        raise InvalidValue(
            f"The model in {directory} is damaged: 'artifacts' is malformed."
        ) from None
