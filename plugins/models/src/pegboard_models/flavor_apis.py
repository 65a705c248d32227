"""What ``pegboard.sklearn`` and its like are: a flavor under MLflow's names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue

from pegboard_models import loading

if TYPE_CHECKING:
    import os

    from pegboard_models.info import ModelInfo
    from pegboard_models.trusting import TrustLike

SAVE_ARGUMENTS = frozenset(
    {
        "code_paths",
        "conda_env",
        "extra_pip_requirements",
        "input_example",
        "metadata",
        "pip_requirements",
        "signature",
    }
)
"""Arguments of every flavor's ``save_model`` and ``log_model``; others are the flavor's options."""

LOG_ARGUMENTS = frozenset(
    {
        "artifact_path",
        "model_id",
        "model_type",
        "name",
        "params",
        "registered_model_name",
        "run_id",
        "step",
        "tags",
    }
)
"""More arguments of every flavor's ``log_model``."""

_WITHOUT_EFFECT = frozenset({"await_registration_for", "infer_code_paths", "prompts"})
"""Arguments of MLflow's that ask for what is done anyway, or for nothing."""

POSITIONAL = ("artifact_path", "conda_env", "code_paths")
"""What may follow the model in ``log_model`` without a name."""


class FlavorApi:
    """The functions of one flavor, under the names and with the arguments of MLflow's module."""

    def __init__(self, flavor: str, extra: Mapping[str, Any], on_demand: Mapping[str, str]) -> None:
        self.FLAVOR_NAME = flavor
        self._on_demand = dict(on_demand)
        self.__name__ = f"pegboard.{flavor}"
        self.__doc__ = f"Saves, logs and loads models of the flavor {flavor!r}."
        for name, value in extra.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        """Import a name on first use."""
        place = self.__dict__.get("_on_demand", {}).get(name)
        if place is None:
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        value = getattr(import_module(place), name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._on_demand})

    def __repr__(self) -> str:
        return f"<{self.__name__}>"

    def save_model(self, *args: Any, **arguments: Any) -> Any:
        """Save a model to a directory: ``save_model(model, path, **options)``.

        ``signature``, ``input_example``, ``pip_requirements``, ``extra_pip_requirements``,
        ``conda_env``, ``code_paths`` and ``metadata`` are those of every flavor; other arguments
        are options of this one.
        """
        given = _named(args, ("path", "conda_env", "code_paths"), arguments)
        model = self._model(args, given)
        if "path" not in given:
            raise InvalidValue("save_model needs the path of a directory to save to.")
        path = given.pop("path")
        from pegboard_models import saving

        return saving.save_model(self.FLAVOR_NAME, model, path, **self._sorted(given))

    def log_model(self, *args: Any, **arguments: Any) -> ModelInfo:
        """Log a model: ``log_model(model, name="…", registered_model_name="…", **options)``.

        It belongs to the active run, if there is one. Beside the arguments of ``save_model``:
        ``params``, ``tags``, ``model_type``, ``step``, ``model_id``, ``run_id``.
        """
        given = _named(args, POSITIONAL, arguments)
        model = self._model(args, given)
        from pegboard_models import saving

        where = {key: given.pop(key) for key in LOG_ARGUMENTS & set(given)}
        return saving.log_model(self.FLAVOR_NAME, model, **where, **self._sorted(given))

    def load_model(
        self,
        model_uri: str | os.PathLike[str],
        dst_path: str | os.PathLike[str] | None = None,
        *,
        trust: TrustLike = None,
    ) -> Any:
        """Return a model as the library's own object; ``trust`` says what may run while loading."""
        return loading.load_native(model_uri, self.FLAVOR_NAME, trust, dst_path)

    def get_default_pip_requirements(self) -> list[str]:
        """Return the packages that models of this flavor need, as installed here."""
        from pegboard_models import requirements

        return requirements.of_flavor(self.FLAVOR_NAME)

    def get_default_conda_env(self) -> dict[str, Any]:
        """Return the conda environment that models of this flavor need."""
        from pegboard_models import environment

        return environment.conda(self.get_default_pip_requirements())

    def _model(self, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        """Return the model: the first argument, or the one whose name ends in ``model``."""
        if args:
            return args[0]
        names = [name for name in given if name == "model" or name.endswith("_model")]
        if len(names) != 1:
            raise InvalidValue(f"{self.__name__} was not given a model to keep.")
        return given.pop(names[0])

    @staticmethod
    def _sorted(given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of ``saving.save_model``: those of every flavor, and options."""
        shared = {key: given.pop(key) for key in SAVE_ARGUMENTS & set(given)}
        if (mlmodel := given.pop("mlflow_model", None)) is not None:
            shared["mlmodel"] = mlmodel
        options = {key: value for key, value in given.items() if key not in _WITHOUT_EFFECT}
        # An argument that was not given is not an option: MLflow's functions pass defaults on.
        return {**shared, "options": {k: v for k, v in options.items() if v is not None}}


def _named(
    args: tuple[Any, ...], names: tuple[str, ...], arguments: dict[str, Any]
) -> dict[str, Any]:
    rest = args[1:]
    if len(rest) > len(names):
        raise InvalidValue(f"At most {len(names) + 1} arguments can be given without a name.")
    by_place = dict(zip(names, rest, strict=False))
    if twice := sorted(set(by_place) & set(arguments)):
        raise InvalidValue(f"The argument {twice[0]!r} is given twice.")
    return {**by_place, **arguments}


_apis: dict[str, FlavorApi] = {}


def flavor_api(
    flavor: str,
    extra: Mapping[str, Any] | None = None,
    on_demand: Mapping[str, str] | None = None,
) -> FlavorApi:
    """Return the functions of a flavor.

    ``extra`` are more names in it. ``on_demand`` maps names to the modules that they are imported
    from when they are first used, such as ``autolog``, which loading a model does not need.
    """
    if flavor not in _apis:
        _apis[flavor] = FlavorApi(flavor, extra or {}, on_demand or {})
    return _apis[flavor]
