"""MLflow's names for what we have, for models that were made with MLflow where it is missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

from pegboard.errors import PluginError


def _names() -> dict[str, dict[str, Any]]:
    from pegboard_models import code_models, datatypes, python_model, schema, signature

    types = {
        name: getattr(module, name)
        for module, names in (
            (datatypes, "DataType Array Object Map AnyType Property"),
            (schema, "ColSpec TensorSpec Schema ParamSpec ParamSchema"),
        )
        for name in names.split()
    }
    signatures = {
        "ModelSignature": signature.ModelSignature,
        "infer_signature": signature.infer_signature,
    }
    custom = {
        "PythonModel": python_model.PythonModel,
        "PythonModelContext": python_model.PythonModelContext,
        "_FunctionPythonModel": python_model.FunctionModel,
    }
    code = {"set_model": code_models.set_model, "ModelConfig": code_models.ModelConfig}
    return {
        "mlflow.pyfunc": custom,
        "mlflow.pyfunc.model": custom,
        "mlflow.pyfunc.utils": {"pyfunc": _undecorated},
        "mlflow.pyfunc.utils.data_validation": {
            "pyfunc": _undecorated,
            "FuncInfo": _FuncInfo,
            "_validate_model_input": _unchanged,
        },
        "mlflow.exceptions": {"MlflowException": _exception()},
        "mlflow.models": {**code, **signatures},
        "mlflow.models.model": {"set_model": code_models.set_model},
        "mlflow.models.signature": {**signatures, "_TypeHints": _TypeHints},
        "mlflow.types": types,
        "mlflow.types.schema": types,
    }


class _TypeHints:
    """The type hints of a model, as MLflow keeps them with it."""

    def __init__(self, input_: Any = None, output: Any = None) -> None:
        self.input = input_
        self.output = output


class _FuncInfo(tuple[Any, Any]):
    """What MLflow knows of a function: the type hint and the name of its input."""

    __slots__ = ()

    def __new__(cls, input_type_hint: Any, input_param_name: Any) -> _FuncInfo:
        return super().__new__(cls, (input_type_hint, input_param_name))

    @property
    def input_type_hint(self) -> Any:
        return self[0]

    @property
    def input_param_name(self) -> Any:
        return self[1]


def _undecorated(function: Any) -> Any:
    return function


def _unchanged(args: Any, kwargs: Any, position: Any, hint: Any, name: Any) -> tuple[Any, Any]:
    """Return the arguments of a ``predict`` as they are: the signature was checked before."""
    del position, hint, name
    return args, kwargs


def _exception() -> type[Exception]:
    from pegboard.exceptions import MlflowException

    return MlflowException


def find(module: str, name: str) -> Any:
    """Return what MLflow calls ``module.name``: MLflow's own if it is installed, else ours."""
    if importlib.util.find_spec("mlflow") is not None:
        found: Any = importlib.import_module(module)
        for attribute in name.split("."):
            found = getattr(found, attribute)
        return found
    known = _names().get(module, {})
    if name not in known:
        raise PluginError(
            f"The model needs {module}.{name}, which is MLflow's own.",
            hint="Install MLflow beside pegboard: pip install mlflow",
        )
    return known[name]


def stand_in(module: str) -> SimpleNamespace:
    """Return what we have of a module of MLflow's, whether or not that is installed."""
    return SimpleNamespace(**_names()[module])


@contextmanager
def importable() -> Iterator[None]:
    """Let ``import mlflow`` find what we have of it, where MLflow is not installed."""
    if importlib.util.find_spec("mlflow") is not None:
        yield
        return
    made: dict[str, ModuleType] = {"mlflow": ModuleType("mlflow")}
    for name, content in _names().items():
        module = made.setdefault(name, ModuleType(name))
        module.__dict__.update(content)
    for name, module in made.items():
        module.__path__ = []
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(made[parent], last, module)
    before = {name: sys.modules.get(name) for name in made}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name, module_before in before.items():
            if module_before is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module_before


def set_model_of_mlflow() -> Any:
    """Return the object that code has set as the model through MLflow itself."""
    module = sys.modules.get("mlflow.models.model")
    return getattr(module, "__mlflow_model__", None)
