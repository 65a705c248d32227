"""Models are loaded by URI: as the library's own object, or in their generic form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard import host
from pegboard.contracts.models import Trust
from pegboard.errors import InvalidValue, NotFound, PegboardError, PluginError, command_line

from pegboard_models import code
from pegboard_models.mlmodel import Model
from pegboard_models.model_files import FILE_NAME, PYTHON_FUNCTION, local_copy, part
from pegboard_models.trusting import TrustLike, require_pickle, trust_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pegboard.contracts.models import ModelFlavor

    from pegboard_models.pyfunc_model import PyFuncModel

_MLFLOW = "mlflow."


def load_native(
    uri: str | os.PathLike[str],
    flavor: str | None = None,
    trust: TrustLike = None,
    dst_path: str | os.PathLike[str] | None = None,
) -> Any:
    """Return a model as its library's own object.

    ``flavor`` is by default the only one the model has beside ``python_function``.
    """
    directory = local_copy(uri, dst_path)
    model = Model.load(directory)
    name = flavor or _only_flavor(model, directory)
    if name not in model.flavors:
        raise NotFound(
            f"The model in {directory} is not one of the flavor {name!r}.",
            hint=f"Its flavors are: {', '.join(model.flavors) or 'none'}.",
        )
    return _load(open_flavor(name), directory, model, name, trust_of(trust))


def load_pyfunc(
    uri: str | os.PathLike[str],
    trust: TrustLike = None,
    *,
    dst_path: str | os.PathLike[str] | None = None,
    model_config: Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> PyFuncModel:
    """Return a model in its generic form: ``predict(data, params)`` checks and predicts.

    ``model_config`` replaces values of the configuration that the model was logged with.
    """
    from pegboard_models.pyfunc_model import PyFuncModel

    directory = local_copy(uri, dst_path)
    model = Model.load(directory)
    entry = model.pyfunc
    if entry is None:
        raise NotFound(
            f"The model in {directory} has no generic form, the flavor {PYTHON_FUNCTION!r}.",
            hint=f"Load it with one of its own flavors: {', '.join(model.flavors) or 'none'}.",
        )
    allowed = trust_of(trust)
    name = _flavor_of(entry, model, directory)
    if name is None:
        return PyFuncModel(model, *_load_foreign(entry, directory, allowed), directory)
    flavor = open_flavor(name)
    config = {**entry, **model.flavors.get(name, {})} if name != PYTHON_FUNCTION else dict(entry)
    if model_config is not None or "config" in entry:
        from pegboard_models.configuration import overridden

        config["config"] = overridden(entry.get("config"), model_config)
    native = _load(flavor, directory, model, name, allowed, config)
    predictor = flavor.predictor(native, config)
    return PyFuncModel(model, native, predictor, directory)


def open_flavor(name: str) -> ModelFlavor:
    """Return a flavor by name; PluginError, which says what to install, if there is none."""
    if name == PYTHON_FUNCTION:
        from pegboard_models.python_function import PythonFunction

        return PythonFunction()
    known = host.current().model_flavors()
    if name not in known:
        raise PluginError(
            f"No installed plugin reads models of the flavor {name!r}.",
            hint=f"Try: {command_line('pip', 'install', f'pegboard-{name}')} — installed are: "
            f"{', '.join(known) or 'none'}.",
        )
    return host.current().model_flavor(name)


def _only_flavor(model: Model, directory: Path) -> str:
    names = [name for name in model.flavors if name != PYTHON_FUNCTION]
    installed = [name for name in names if name in host.current().model_flavors()]
    if installed or names:
        return (installed or names)[0]
    if PYTHON_FUNCTION in model.flavors:
        return PYTHON_FUNCTION
    raise NotFound(f"The model in {directory} has no flavor, so nothing can load it.")


def _load(
    flavor: ModelFlavor,
    directory: Path,
    model: Model,
    name: str,
    trust: Trust,
    config: Mapping[str, Any] | None = None,
) -> Any:
    entry = model.flavors[name] if config is None else config
    code.make_importable(directory, (model.pyfunc or {}).get("code") or entry.get("code"), trust)
    with _explained(directory, name):
        return flavor.load(directory, entry, trust)


@contextmanager
def _explained(directory: Path, flavor: str) -> Iterator[None]:
    """Say what to install where a library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise PluginError(
            f"The model in {directory} needs the module {error.name!r}, which is not installed.",
            hint="Install what it needs: "
            + command_line("pip", "install", "-r", directory / "requirements.txt"),
        ) from error
    except PegboardError:
        raise
    except RecursionError as error:
        raise InvalidValue(
            f"The files of the model in {directory} are damaged: too deep."
        ) from error
    except (EOFError, UnicodeDecodeError) as error:
        raise InvalidValue(
            f"The files of the model in {directory} ({flavor}) are damaged: {error}"
        ) from error


# -- generic forms ---------------------------------------------------------------------------------


def _flavor_of(entry: Mapping[str, Any], model: Model, directory: Path) -> str | None:
    """Return the flavor behind a generic form; None if the model brings its own loader."""
    loader = entry.get("loader_module")
    if not isinstance(loader, str) or not loader:
        raise InvalidValue(f"{directory / FILE_NAME} is damaged: 'loader_module' is missing.")
    for name in model.flavors:
        if name in host.current().model_flavors() and open_flavor(name).loader_module == loader:
            return name
    if loader in _PYTHON_LOADERS:
        return PYTHON_FUNCTION
    short = loader.removeprefix(_MLFLOW)
    if loader.startswith(_MLFLOW):
        if "." in short:
            if (other := _with_loader(loader)) is not None:
                return other
            raise InvalidValue(
                f"Models with the loader {loader!r} cannot be loaded here.",
                hint="Load it with MLflow.",
            )
        return short
    return None


def _with_loader(loader: str) -> str | None:
    """Return the installed flavor whose files MLflow loads so; None if there is none."""
    known = host.current().model_flavors()
    return next((name for name in known if open_flavor(name).loader_module == loader), None)


_PYTHON_LOADERS = frozenset({"mlflow.pyfunc.model", "mlflow.pyfunc.loaders.code_model"})


def _load_foreign(entry: Mapping[str, Any], directory: Path, trust: Trust) -> tuple[Any, Any]:
    """Load with a module that the model names, which has a function ``_load_pyfunc(path)``."""
    import importlib

    loader = str(entry["loader_module"])
    require_pickle(trust, f"The module {loader!r}, which the model in {directory} names as loader,")
    code.make_importable(directory, entry.get("code"), trust)
    try:
        load = importlib.import_module(loader)._load_pyfunc
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise PluginError(
            f"The loader {loader!r} of the model in {directory} cannot be used: {error}.",
            hint="It is a Python module with a function _load_pyfunc(path); install it, or log the "
            "model with code_paths.",
        ) from error
    data = part(directory, entry["data"], "data") if "data" in entry else directory
    native = load(str(data))
    predict = getattr(native, str(entry.get("predict_fn", "predict")), None)
    if not callable(predict):
        raise InvalidValue(f"What the loader {loader!r} returned cannot predict.")

    from pegboard_models.python_model import calling

    return native, calling(predict)
