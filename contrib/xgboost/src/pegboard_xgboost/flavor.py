"""The model flavor of XGBoost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen
from pegboard import paths
from pegboard.contracts.models import ModelFlavor, SavedFlavor
from pegboard.errors import InvalidValue, Refused
from pegboard_sklearn import options as checks

if TYPE_CHECKING:
    from pegboard.contracts.models import Trust

FORMATS = ("ubj", "json", "xgb")
"""File formats: binary JSON, JSON, and MLflow's older name for the first."""
BOOSTER = "xgboost.core.Booster"
_END_BYTES = 256


class XGBoostFlavor(ModelFlavor):
    """Saves and loads boosters and the estimators that wrap them. Its files hold no code.

    The option ``model_format`` is ``ubj`` or ``json``. An estimator's parameters are kept beside
    the booster if they are plain values; functions, such as a custom objective, are not.
    """

    name: ClassVar[str] = "xgboost"
    loader_module: ClassVar[str] = "mlflow.xgboost"
    row_wise: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Whether this is a booster or an estimator of XGBoost."""
        return checks.descends_from(model, "xgboost.core", "Booster") or checks.descends_from(
            model, "xgboost.sklearn", "XGBModel"
        )

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write ``model.ubj`` or ``model.json``."""
        import xgboost

        checks.check_known(self.name, options, {"model_format"})
        checks.check_accepted(self, model)
        chosen = options.get("model_format") or FORMATS[0]
        if chosen not in FORMATS:
            raise InvalidValue(
                f"{chosen!r} is not a format of XGBoost models.",
                hint=f"model_format is one of: {', '.join(FORMATS)}.",
            )
        file = f"model.{chosen}"
        try:
            model.save_model(directory / file)
        except (xgboost.core.XGBoostError, TypeError, ValueError) as error:
            raise InvalidValue(f"The {type(model).__name__} cannot be saved: {error}") from error
        config: dict[str, Any] = {
            "xgb_version": xgboost.__version__,
            "data": file,
            "model_class": checks.class_name(model),
            "model_format": chosen,
        }
        needed = ["xgboost"]
        if not isinstance(model, xgboost.Booster):
            config["wrapper_params"] = _plain(model.get_params(deep=False))
            needed.append("scikit-learn")
        return SavedFlavor(config, file, checks.pinned(*needed))

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the booster or estimator."""
        import xgboost

        name = config.get("data")
        if not isinstance(name, str):
            raise InvalidValue(
                f"{directory / 'MLmodel'} does not name the file of the XGBoost model.",
                hint="Its flavor 'xgboost' lacks the key 'data'.",
            )
        file = paths.below(directory, name)
        _check_whole(file)
        model = _new(str(config.get("model_class") or BOOSTER), file, trust)
        defaults = {} if isinstance(model, xgboost.Booster) else model.get_params(deep=False)
        try:
            model.load_model(file)
        except (xgboost.core.XGBoostError, TypeError, ValueError, KeyError) as error:
            raise _damaged(file, str(error)) from error
        if not isinstance(model, xgboost.Booster) and "wrapper_params" in config:
            # Loading set some of them to what training made of them.
            model.set_params(**{**defaults, **(config["wrapper_params"] or {})})
        return model

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictions:
        """Return what predicts for a table or an array."""
        del config
        return Predictions(model)


@frozen
class Predictions:
    """Predicts by a booster or an estimator, with those params that it takes."""

    model: Any

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return the predictions, one row for each of ``data``."""
        import xgboost

        if isinstance(self.model, xgboost.Booster):
            data = xgboost.DMatrix(data, enable_categorical=True)
        return self.model.predict(data, **checks.accepted(self.model.predict, params))


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return those params that were set, and are plain values."""
    import numpy as np

    found = {}
    for name, value in params.items():
        given = value.item() if isinstance(value, np.generic) else value
        # What stands for a missing value is NaN by default, which no file can hold everywhere.
        if given is not None and given == given and _is_plain(given):
            found[name] = given
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, float, str)


def _new(model_class: str, file: Path, trust: Trust) -> Any:
    """Return a model of a class that is not fitted; the file may not name just any class."""
    import xgboost

    module, _, name = model_class.rpartition(".")
    if module in ("xgboost.core", "xgboost.sklearn"):
        kind = getattr(xgboost, name, None)
        if isinstance(kind, type) and issubclass(kind, (xgboost.Booster, xgboost.XGBModel)):
            return kind()
        raise InvalidValue(
            f"{file} is a model of the class {model_class!r}, which XGBoost "
            f"{xgboost.__version__} does not have."
        )
    if not (trust.pickle or model_class in trust.types):
        raise Refused(
            f"{file} is a model of the class {model_class!r}, which is not one of XGBoost, and "
            "whose code would run.",
            hint=f"If you trust it, load it with trust=[{model_class!r}], or trust=True, or set "
            "the environment variable PEGBOARD_TRUST_PICKLE=1.",
        )
    return _imported(module, name, file)()


def _imported(module: str, name: str, file: Path) -> Any:
    from importlib import import_module

    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidValue(
            f"{file} needs the class {name!r} of the module {module!r}, which cannot be imported: "
            f"{error}.",
            hint="Log the model with code_paths, so that its code comes with it.",
        ) from error


def _check_whole(file: Path) -> None:
    """Raise InvalidValue for a file without its end: XGBoost may read such a one for ever."""
    if not file.is_file():
        raise InvalidValue(f"The model's file {file} is missing.")
    with file.open("rb") as stream:
        start = stream.read(1)
        stream.seek(max(0, file.stat().st_size - _END_BYTES))
        end = stream.read().rstrip()
    # The last key of both formats, which are objects; models of old versions are neither.
    if start == b"{" and not (end.endswith((b"}", b"]}")) and b"version" in end):
        raise _damaged(file, "its end is missing")


def _damaged(file: Path, reason: str) -> InvalidValue:
    return InvalidValue(
        f"{file} cannot be read, as if it were damaged: {reason}",
        hint="If another version of XGBoost saved it, install that one; the model's "
        "requirements.txt names it.",
    )
