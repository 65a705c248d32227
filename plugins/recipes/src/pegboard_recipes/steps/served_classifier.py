"""The code of a classifier that a recipe made, kept with the model.

It predicts a table: the score of each class, the highest of them, and the label.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

library: Any = import_module("pegboard" if find_spec("pegboard") else "mlflow")


class Classifier(library.pyfunc.PythonModel):  # type: ignore[misc]
    """Predicts labels and scores."""

    def load_context(self, context: Any) -> None:
        """Load the model of scikit-learn."""
        path = context.artifacts["model_path"]
        try:
            # This code is trusted, or it would not run.
            self.model = library.sklearn.load_model(path, trust=True)
        except TypeError:
            self.model = library.sklearn.load_model(path)

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        """Return a DataFrame with a row for each of ``model_input``."""
        import pandas as pd

        del params
        config = context.model_config
        prefix, classes = config["prefix"], config["classes"]
        likely = self.model.predict_proba(model_input)
        found = pd.DataFrame(likely, columns=[f"{prefix}score_{name}" for name in classes])
        found[f"{prefix}score"] = likely.max(axis=1)
        found[f"{prefix}label"] = self.model.predict(model_input)
        return found


library.models.set_model(Classifier())
