"""Pickles of custom models that load here and in MLflow, wherever they were written."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, BinaryIO

from pegboard.errors import InvalidValue, PegboardError

from pegboard_models.python_model import FunctionModel, PythonModel, PythonModelContext

_MLFLOW_CLASSES = {
    PythonModel: "PythonModel",
    PythonModelContext: "PythonModelContext",
    FunctionModel: "_FunctionPythonModel",
}
"""Our classes, and what MLflow calls its own of the same interface."""


def cloudpickle_version() -> str:
    """Return the version of cloudpickle."""
    import cloudpickle

    version: str = cloudpickle.__version__
    return version


def _pickler(stream: BinaryIO) -> Any:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Writes our base classes under the names that MLflow knows too."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and obj in _MLFLOW_CLASSES:
                return getattr, (_MlflowModule(), _MLFLOW_CLASSES[obj])
            return super().reducer_override(obj)

    return Pickler(stream)


class _MlflowModule:
    """Stands for the module ``mlflow.pyfunc.model``, which need not be installed to write it."""

    def __reduce__(self) -> tuple[Any, ...]:
        import importlib

        return importlib.import_module, ("mlflow.pyfunc.model",)


def dump(model: Any, file: Path) -> None:
    """Write a custom model; InvalidValue if a part of it cannot be pickled."""
    stream = io.BytesIO()
    try:
        _pickler(stream).dump(model)
    except PegboardError:
        raise
    except Exception as error:
        # Whatever a part of the model raises, it is that part that cannot be kept.
        raise InvalidValue(
            f"The model cannot be pickled: {type(error).__name__}: {error}",
            hint="Keep files and connections out of the object and open them in load_context, or "
            "log the model as a file of code: python_model='my_model.py'.",
        ) from error
    file.write_bytes(stream.getbuffer())


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function; of MLflow's, our own where MLflow is not installed."""
        if module == "mlflow" or module.startswith("mlflow."):
            from pegboard_models import mlflow_names

            return mlflow_names.find(module, name)
        if (module, name) == ("importlib", "import_module"):
            return _import_module
        return super().find_class(module, name)


def _import_module(name: str, package: str | None = None) -> Any:
    import importlib

    if name == "mlflow.pyfunc.model":
        from pegboard_models import mlflow_names

        return mlflow_names.stand_in(name)
    return importlib.import_module(name, package)


def load(file: Path, *, compression: str | None = None) -> Any:
    """Read a custom model; InvalidValue if the file is damaged. The caller has checked trust."""
    try:
        with _opened(file, compression) as stream:
            return _Unpickler(stream).load()
    except ModuleNotFoundError:
        raise
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, OSError) as error:
        raise InvalidValue(f"{file} is damaged: {error or type(error).__name__}") from error
    except (AttributeError, ImportError) as error:
        raise InvalidValue(
            f"{file} refers to something that is not here: {error}.",
            hint="Log the model with code_paths that hold the code it refers to, and load it with "
            "the versions in its requirements.txt.",
        ) from error


def _opened(file: Path, compression: str | None) -> Any:
    if compression is None:
        return file.open("rb")
    import bz2
    import gzip
    import lzma

    known: dict[str, Any] = {"gzip": gzip.open, "bzip2": bz2.open, "lzma": lzma.open}
    if compression not in known:
        raise InvalidValue(f"{file} is compressed with {compression!r}, which is not known here.")
    return known[compression](file, "rb")
