"""Classifiers with scores, as recipes make them, read without running any code of the model.

For MLflow such a model is code beside a model of scikit-learn: ``steps/served_classifier.py``.
Where this distribution is installed that code is not needed: if skops kept it, it needs no trust.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import frozen
from pegboard import host
from pegboard.contracts.models import ModelFlavor, SavedFlavor, Trust
from pegboard.errors import InvalidValue

if TYPE_CHECKING:
    import pandas as pd

NAME, NATIVE = "sklearn_scores", "sklearn"
PREFIX = "predicted_"


class ScoresFlavor(ModelFlavor):
    """Reads classifiers that predict a score for each class, the highest of them, and the label.

    Its entry holds that of scikit-learn, as ``native``.
    """

    name: ClassVar[str] = NAME
    loader_module: ClassVar[str] = "mlflow.pyfunc.loaders.code_model"
    row_wise: ClassVar[bool] = True

    def accepts(self, model: Any) -> bool:
        """Return False: a classifier by itself is a model of scikit-learn."""
        del model
        return False

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> SavedFlavor:
        """Refuse: the step ``train`` of a recipe writes such models."""
        del model, directory, options
        raise InvalidValue(
            f"Models of the flavor {NAME!r} are made by recipes.",
            hint="Save it as a model of scikit-learn: pegboard.sklearn.save_model.",
        )

    def load(self, directory: Path, config: Mapping[str, Any], trust: Trust) -> Any:
        """Return the classifier of scikit-learn."""
        native = config.get("native")
        if not isinstance(native, Mapping):
            raise InvalidValue(f"{directory / 'MLmodel'} is damaged: {NAME} lacks 'native'.")
        found = host.current().model_flavor(NATIVE).load(directory, native, trust)
        if not hasattr(found, "predict_proba") or not hasattr(found, "classes_"):
            raise InvalidValue(f"The model in {directory} has no scores: {type(found).__name__}.")
        return found

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Scores:
        """Return what predicts tables."""
        known = config.get("config") or {}
        return Scores(model, str(known.get("prefix", PREFIX)))


@frozen
class Scores:
    """Predicts tables of scores and labels."""

    model: Any
    prefix: str

    def __call__(self, data: Any, params: Mapping[str, Any]) -> pd.DataFrame:
        """Return a DataFrame with a row for each of ``data``."""
        del params
        said = self.model.predict(data)
        return table(self.model.predict_proba(data), self.model.classes_, said, self.prefix)


def table(likely: Any, classes: Sequence[Any], labels: Any, prefix: str) -> pd.DataFrame:
    """Return scores of shape (n, k) of k classes as a table, with the highest and the label."""
    import pandas as pd

    found = pd.DataFrame(likely, columns=[f"{prefix}score_{each}" for each in classes])
    found[f"{prefix}score"] = likely.max(axis=1)
    found[f"{prefix}label"] = labels
    return found
