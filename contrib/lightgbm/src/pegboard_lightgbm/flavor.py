"""The model flavor of LightGBM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen
from pegboard import paths
from pegboard.contracts.models import ModelFlavor, SavedFlavor
from pegboard.errors import InvalidValue
from pegboard_sklearn import options as checks
from pegboard_sklearn import serialization

if TYPE_CHECKING:
    from pegboard.contracts.models import Trust

BOOSTER = "lightgbm.basic.Booster"
TYPES = (
    BOOSTER,
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMModel",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
)
"""What a load may make by itself: a booster is made from its text, the others hold plain values."""
_END_OF_TREES = b"end of trees"
_END_BYTES = 1 << 20


class LightGBMFlavor(ModelFlavor):
    """Saves and loads boosters, as text, and the estimators that wrap them, by skops.

    Options, for estimators: ``serialization_format`` (``skops``, ``cloudpickle``, ``pickle`` or
    ``joblib``) and ``skops_trusted_types``.
    """

    name: ClassVar[str] = "lightgbm"
    loader_module: ClassVar[str] = "mlflow.lightgbm"
    row_wise: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Whether this is a booster or an estimator of LightGBM."""
        return checks.descends_from(model, "lightgbm.basic", "Booster") or checks.descends_from(
            model, "lightgbm.sklearn", "LGBMModel"
        )

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write ``model.lgb`` for a booster; else ``model.skops`` or a pickle of some kind."""
        import lightgbm

        checks.check_known(self.name, options, {"serialization_format", "skops_trusted_types"})
        checks.check_accepted(self, model)
        chosen = serialization.checked_format(options.get("serialization_format"))
        config: dict[str, Any] = {
            "lgb_version": lightgbm.__version__,
            "model_class": checks.class_name(model),
        }
        if isinstance(model, lightgbm.Booster):
            config |= {"data": "model.lgb", "best_iteration": model.best_iteration}
            _save_booster(model, directory / "model.lgb")
            return SavedFlavor(config, "model.lgb", checks.pinned("lightgbm"))
        file = f"model{serialization.SUFFIXES[chosen]}"
        trusted = options.get("skops_trusted_types") or ()
        types = serialization.write(model, directory / file, chosen, trusted, TYPES)
        config |= {
            "data": file,
            "serialization_format": chosen,
            "skops_trusted_types": types or None,
        }
        needed = ["lightgbm", "scikit-learn"]
        if chosen in serialization.PACKAGES:
            needed.append(serialization.PACKAGES[chosen])
        return SavedFlavor(config, file, checks.pinned(*needed))

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the booster or estimator."""
        name = config.get("data")
        if not isinstance(name, str):
            raise InvalidValue(
                f"{directory / 'MLmodel'} does not name the file of the LightGBM model.",
                hint="Its flavor 'lightgbm' lacks the key 'data'.",
            )
        file = paths.below(directory, name)
        if (config.get("model_class") or BOOSTER) == BOOSTER:
            return _load_booster(file, config.get("best_iteration"))
        return serialization.read(
            file,
            # What is older than the key was pickled.
            config.get("serialization_format") or serialization.CLOUDPICKLE,
            trust,
            recorded=config.get("skops_trusted_types"),
            own=TYPES,
        )

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictions:
        """Return what predicts for a table or an array."""
        del config
        return Predictions(model)


@frozen
class Predictions:
    """Predicts by a booster or an estimator, with the params given."""

    model: Any

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return the predictions, one row for each of ``data``."""
        return self.model.predict(data, **params)


def _save_booster(model: Any, file: Path) -> None:
    import lightgbm

    try:
        model.save_model(file)
    except lightgbm.basic.LightGBMError as error:
        raise InvalidValue(f"The Booster cannot be saved: {error}") from error


def _load_booster(file: Path, best_iteration: int | None) -> Any:
    import lightgbm

    if not file.is_file():
        raise InvalidValue(f"The model's file {file} is missing.")
    if not _is_whole(file):
        raise _damaged(file, "its end is missing")
    try:
        model = lightgbm.Booster(model_file=file)
    except lightgbm.basic.LightGBMError as error:
        raise _damaged(file, str(error)) from error
    if best_iteration:
        model.best_iteration = best_iteration
    return model


def _damaged(file: Path, reason: str) -> InvalidValue:
    return InvalidValue(
        f"{file} cannot be read, as if it were damaged: {reason}",
        hint="If another version of LightGBM saved it, install that one; the model's "
        "requirements.txt names it.",
    )


def _is_whole(file: Path) -> bool:
    """Whether the line after the last tree is there; LightGBM would do without, and with less."""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _END_BYTES))
        return _END_OF_TREES in stream.read()
