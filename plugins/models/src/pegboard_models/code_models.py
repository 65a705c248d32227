"""Models from code: a file of Python that calls ``set_model``."""

from __future__ import annotations

import importlib.util
import sys
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard.errors import InvalidValue, PegboardError, PluginError, command_line


class _Here(threading.local):
    model: Any = None
    config: Mapping[str, Any] | None = None


_here = _Here()


def set_model(model: Any) -> None:
    """Say, in a file that is logged as a model's code, which object the model is."""
    _here.model = model


class ModelConfig:
    """The configuration of a model, for its code; a file's content where it is developed."""

    def __init__(self, *, development_config: Any = None) -> None:
        from pegboard_models.configuration import configuration

        if _here.config is not None:
            self._values = dict(_here.config)
        else:
            self._values = configuration(development_config) or {}

    def get(self, key: str) -> Any:
        """Return a value; InvalidValue if there is none."""
        if key not in self._values:
            raise InvalidValue(
                f"The model's configuration has no key {key!r}.",
                hint=f"It has: {', '.join(map(repr, self._values)) or 'none'}.",
            )
        return self._values[key]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole configuration."""
        return dict(self._values)


def run(file: Path, config: Mapping[str, Any] | None) -> Any:
    """Return the object that a file of code sets as the model.

    Code that was written for MLflow finds ours where MLflow is not installed.
    """
    from pegboard_models import mlflow_names

    name = f"pegboard_code_model_{uuid.uuid4().hex}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InvalidValue(f"{file} is not a file of Python code.")
    module = importlib.util.module_from_spec(spec)
    before, _here.model, _here.config = (_here.model, _here.config), None, config
    sys.modules[name] = module
    try:
        with mlflow_names.importable():
            spec.loader.exec_module(module)
        model = mlflow_names.set_model_of_mlflow() if _here.model is None else _here.model
    except ModuleNotFoundError as error:
        raise PluginError(
            f"The model's code {file} needs the module {error.name!r}, which is not installed.",
            hint="Install what it needs: "
            + command_line("pip", "install", "-r", file.parent / "requirements.txt"),
        ) from error
    except PegboardError:
        raise
    except Exception as error:
        raise InvalidValue(
            f"The model's code {file} failed: {type(error).__name__}: {error}"
        ) from error
    finally:
        _here.model, _here.config = before
    if model is None:
        raise InvalidValue(
            f"The model's code {file} does not say which object is the model.",
            hint="Call pegboard.models.set_model(object) at its end.",
        )
    return model
