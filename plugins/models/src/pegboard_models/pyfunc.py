"""``pegboard.pyfunc``: models of any library in their generic form, and custom ones.

Names and arguments are those of ``mlflow.pyfunc``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue

from pegboard_models import python_model as model
from pegboard_models.loading import load_pyfunc
from pegboard_models.mlmodel import Model
from pegboard_models.model_files import PYTHON_FUNCTION
from pegboard_models.pyfunc_model import PyFuncModel
from pegboard_models.python_model import PythonModel, PythonModelContext
from pegboard_models.trusting import TrustLike

if TYPE_CHECKING:
    from pegboard_models.info import ModelInfo

__all__ = [
    "FLAVOR_NAME",
    "PyFuncModel",
    "PythonModel",
    "PythonModelContext",
    "get_default_conda_env",
    "get_default_pip_requirements",
    "get_model_dependencies",
    "load_model",
    "log_model",
    "model",
    "save_model",
]

FLAVOR_NAME = PYTHON_FUNCTION

Custom = PythonModel | Callable[..., Any] | str | os.PathLike[str]
"""An object with ``predict``, a function, or the path of a file of code that sets the model."""


def load_model(
    model_uri: str | os.PathLike[str],
    suppress_warnings: bool = False,
    dst_path: str | os.PathLike[str] | None = None,
    model_config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    trust: TrustLike = None,
) -> PyFuncModel:
    """Return a model of any library in its generic form.

    ``trust=True`` lets files be read that can run any code when they are, such as pickles; custom
    Python models always need it. ``model_config`` replaces values of the model's configuration.
    """
    del suppress_warnings  # There are none: what does not fit is an error.
    return load_pyfunc(model_uri, trust, dst_path=dst_path, model_config=model_config)


def save_model(
    path: str | os.PathLike[str],
    loader_module: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    code_paths: Sequence[str | os.PathLike[str]] | None = None,
    *,
    python_model: Custom | None = None,
    artifacts: Mapping[str, str] | None = None,
    model_config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    streamable: bool | None = None,
    **saving_arguments: Any,
) -> Model:
    """Save a custom model to a directory.

    It is ``python_model``, or what the function ``_load_pyfunc(path)`` of ``loader_module`` returns
    for a copy of ``data_path``. Other arguments are those of every flavor's ``save_model``.
    """
    from pegboard_models import saving

    flavor, model, options = _custom(
        loader_module, data_path, python_model, artifacts, model_config, streamable
    )
    return saving.save_model(
        flavor, model, path, code_paths=code_paths, options=options, **saving_arguments
    )


def log_model(
    artifact_path: str | None = None,
    loader_module: str | None = None,
    data_path: str | os.PathLike[str] | None = None,
    code_paths: Sequence[str | os.PathLike[str]] | None = None,
    *,
    python_model: Custom | None = None,
    artifacts: Mapping[str, str] | None = None,
    model_config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    streamable: bool | None = None,
    name: str | None = None,
    **arguments: Any,
) -> ModelInfo:
    """Log a custom model; see ``save_model``, and the ``log_model`` of any flavor."""
    from pegboard_models import saving

    for without_effect in ("await_registration_for", "infer_code_paths", "prompts"):
        arguments.pop(without_effect, None)
    flavor, model, options = _custom(
        loader_module, data_path, python_model, artifacts, model_config, streamable
    )
    return saving.log_model(
        flavor,
        model,
        name=name or artifact_path,
        code_paths=code_paths,
        options=options,
        **arguments,
    )


def _custom(
    loader_module: str | None,
    data_path: str | os.PathLike[str] | None,
    python_model: Custom | None,
    artifacts: Mapping[str, str] | None,
    model_config: Mapping[str, Any] | str | os.PathLike[str] | None,
    streamable: bool | None,
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the flavor, the model and the options that stand for a custom model."""
    from pegboard_models.loader_module import LoaderModule
    from pegboard_models.python_function import PythonFunction

    if (python_model is None) == (loader_module is None):
        raise InvalidValue(
            "A custom model is either python_model or loader_module.",
            hint="Pass python_model: an object whose class derives from PythonModel, a function, "
            "or the path of a file of code.",
        )
    if loader_module is not None:
        if artifacts or model_config or streamable:
            raise InvalidValue("artifacts, model_config and streamable go with python_model.")
        data = None if data_path is None else Path(data_path)
        return LoaderModule(loader_module), data, {}
    options = {"artifacts": artifacts, "model_config": model_config, "streamable": streamable}
    given = {key: value for key, value in options.items() if value is not None}
    return PythonFunction(), python_model, given


def get_default_pip_requirements() -> list[str]:
    """Return the packages that every custom model needs, as installed here."""
    from pegboard_models import requirements

    return requirements.of_flavor(PYTHON_FUNCTION)


def get_default_conda_env() -> dict[str, Any]:
    """Return the conda environment that every custom model needs."""
    from pegboard_models import environment

    return environment.conda(get_default_pip_requirements())


def get_model_dependencies(model_uri: str | os.PathLike[str], format: str = "pip") -> str:
    """Return the path of a model's ``requirements.txt`` (``pip``) or ``conda.yaml`` (``conda``)."""
    from pegboard_models import environment

    return environment.dependencies(model_uri, format)
