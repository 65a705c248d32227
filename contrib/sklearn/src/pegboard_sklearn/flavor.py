"""The model flavor of scikit-learn."""

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

OPTIONS = frozenset({"serialization_format", "skops_trusted_types", "pyfunc_predict_fn"})
PREDICT_FUNCTIONS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "score",
    "transform",
)
_OTHER_LIBRARIES = frozenset({"catboost", "lightgbm", "xgboost"})
"""Their estimators have other flavors, though they derive from those of scikit-learn."""


class SklearnFlavor(ModelFlavor):
    """Saves and loads estimators, pipelines and whatever else scikit-learn fits.

    Options: ``serialization_format`` (``skops``, ``cloudpickle``, ``pickle`` or ``joblib``),
    ``skops_trusted_types`` and ``pyfunc_predict_fn``, the method that generic predictions call.
    """

    name: ClassVar[str] = "sklearn"
    loader_module: ClassVar[str] = "mlflow.sklearn"
    row_wise: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Whether this is an estimator, of scikit-learn or written for it."""
        if any(
            base.__module__.partition(".")[0] in _OTHER_LIBRARIES for base in type(model).__mro__
        ):
            return False
        return checks.descends_from(model, "sklearn.base", "BaseEstimator")

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Write ``model.skops``, ``model.pkl`` or ``model.joblib``."""
        import sklearn

        checks.check_known(self.name, options, OPTIONS)
        checks.check_accepted(self, model)
        chosen = serialization.checked_format(options.get("serialization_format"))
        predict_fn = _predict_function(model, options.get("pyfunc_predict_fn"))
        file = f"model{serialization.SUFFIXES[chosen]}"
        trusted = options.get("skops_trusted_types") or ()
        types = serialization.write(model, directory / file, chosen, trusted)
        config = {
            "pickled_model": file,
            "sklearn_version": sklearn.__version__,
            "serialization_format": chosen,
            "skops_trusted_types": types or None,
        }
        needed = ["scikit-learn"]
        if chosen in serialization.PACKAGES:
            needed.append(serialization.PACKAGES[chosen])
        extra = {"model_path": file, "predict_fn": predict_fn}
        return SavedFlavor(config, file, checks.pinned(*needed), extra)

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the estimator."""
        name = config.get("pickled_model")
        if not isinstance(name, str):
            raise InvalidValue(
                f"{directory / 'MLmodel'} does not name the file of the scikit-learn model.",
                hint="Its flavor 'sklearn' lacks the key 'pickled_model'.",
            )
        return serialization.read(
            paths.below(directory, name),
            # What is older than the key was pickled.
            config.get("serialization_format") or serialization.PICKLE,
            trust,
            recorded=config.get("skops_trusted_types"),
        )

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predictions:
        """Return what calls the method that the model was saved for, ``predict`` by default."""
        return Predictions(model, _predict_function(model, config.get("predict_fn")))


@frozen
class Predictions:
    """Calls a method of an estimator, with those params that it takes."""

    model: Any
    method: str

    def __call__(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Return what the method returns, one row for each of ``data``."""
        function = getattr(self.model, self.method)
        return function(data, **checks.accepted(function, params))


def _predict_function(model: Any, name: str | None) -> str:
    """Return which method predicts: the one asked for, else ``predict`` or ``transform``."""
    if name is None:
        return "predict" if hasattr(model, "predict") else "transform"
    if name not in PREDICT_FUNCTIONS:
        raise InvalidValue(
            f"{name!r} is not a method that predicts.",
            hint=f"pyfunc_predict_fn is one of: {', '.join(PREDICT_FUNCTIONS)}.",
        )
    if not hasattr(model, name):
        raise InvalidValue(f"The {type(model).__name__} has no method {name!r}.")
    return name
