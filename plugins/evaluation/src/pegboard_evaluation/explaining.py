"""The evaluator ``shap``: which features a model goes by, by the explainer that fits the model.

A tree is explained by the algorithm for trees, a linear model by that for linear ones, all else by
permutations of a few rows. None of it runs longer than it may.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen, validators
from pegboard.contracts.evaluation import Artifact, EvaluationTable, ModelEvaluator, Result, Work
from pegboard.errors import InvalidValue, command_line

from pegboard_evaluation import files

NAME = "feature_importance"
PLOT = "feature_importance_plot.png"

ALGORITHMS = ("auto", "tree", "linear", "permutation", "exact")
_SHOWN = 20
_BACKGROUND = 100
"""Rows that stand for what is usual."""


@frozen(kw_only=True)
class Settings:
    """How much is explained."""

    algorithm: str = field(default="auto", validator=validators.in_(ALGORITHMS))
    rows: int = field(default=2000, validator=validators.ge(1))
    """At most so many rows are explained, drawn at random; by permutations a twentieth of them."""
    budget_s: float = field(default=60.0, validator=validators.gt(0))
    """Seconds after which explaining is given up."""


class Explaining(ModelEvaluator):
    """Explains a model of a library, from its features."""

    settings = Settings
    options: Settings

    def check(self, table: EvaluationTable) -> None:
        """Refuse tables without a model or features."""
        if table.model is None:
            raise InvalidValue(
                "There is no model to explain: a table of predictions and a function have none.",
                hint="Pass the model itself, or its URI.",
            )
        if table.inputs is None:
            raise InvalidValue("There are no 'inputs' to explain.")

    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        """Yield the mean size of each feature's contributions, as a table and as a plot."""
        if find_spec("shap") is None:
            command = command_line("pip", "install", "pegboard-evaluation[shap]")
            why = f"Explanations need shap: {command}"
            yield Artifact(name=NAME, path=None, skipped=why)
            return
        frame = pd.DataFrame(table.inputs)
        strange = [str(x) for x in frame if not pd.api.types.is_numeric_dtype(frame[x])]
        if strange:
            why = f"Only numbers are explained; {strange[0]!r} holds something else."
            yield Artifact(name=NAME, path=None, skipped=why)
            return
        found = self._within_budget(lambda: self._contributions(table.model, frame, work.seed))
        if isinstance(found, str):
            yield Artifact(name=NAME, path=None, skipped=found)
            return
        names = [str(name) for name in frame.columns]
        rows = [
            {"feature": name, "importance": float(value)}
            for name, value in sorted(zip(names, found, strict=True), key=lambda x: (-x[1], x[0]))
        ]
        yield files.table(NAME, rows, work.directory)
        yield self._plot(rows, work)

    def _within_budget(self, explain: Callable[[], Any]) -> Any:
        """Return importances, or why there are none. What takes too long is left behind."""
        outcome: list[Any] = []

        def call() -> None:
            try:
                outcome.append(explain())
            except Exception as error:
                outcome.append(f"shap failed: {type(error).__name__}: {error}")

        thread = threading.Thread(target=call, name="shap", daemon=True)
        thread.start()
        thread.join(self.options.budget_s)
        if not outcome:
            return f"Explaining took longer than budget_s = {self.options.budget_s:g}."
        return outcome[0]

    def _contributions(self, model: Any, frame: pd.DataFrame, seed: int) -> Any:
        """Return the mean absolute contribution of each feature, shape (k,)."""
        import shap

        kind = self.options.algorithm
        if kind == "auto":
            kind = fitting(model)
        most = self.options.rows if kind in ("tree", "linear") else max(self.options.rows // 20, 10)
        chosen = frame.sample(min(most, len(frame)), random_state=seed)
        usual = frame.sample(min(_BACKGROUND, len(frame)), random_state=seed)
        if not hasattr(model, "feature_names_in_"):
            chosen, usual = chosen.to_numpy(), usual.to_numpy()
        if kind == "tree":
            # Additivity is checked to a precision that float32 trees miss.
            values = shap.TreeExplainer(model).shap_values(chosen, check_additivity=False)
        elif kind == "linear":
            values = shap.LinearExplainer(model, usual).shap_values(chosen)
        else:
            predict = getattr(model, "predict_proba", model.predict)
            explainer = shap.Explainer(predict, usual, algorithm=kind, seed=seed)
            values = explainer(chosen, silent=True).values
        return sizes(values, frame.shape[1])

    def _plot(self, rows: list[dict[str, Any]], work: Work) -> Artifact:
        if find_spec("matplotlib") is None:
            command = command_line("pip", "install", "pegboard-evaluation[plots]")
            return Artifact(name=PLOT, path=None, skipped=f"Plots need matplotlib: {command}")
        from matplotlib.figure import Figure

        shown = rows[:_SHOWN][::-1]
        figure = Figure(figsize=(6, 1 + 0.25 * len(shown)), dpi=120, layout="tight")
        ax = figure.subplots()
        ax.barh([row["feature"] for row in shown], [row["importance"] for row in shown])
        ax.set(title="Feature importance", xlabel="mean size of the contribution (SHAP)")
        figure.savefig(work.directory / PLOT)
        return Artifact(name=PLOT, path=work.directory / PLOT)


def fitting(model: Any) -> str:
    """Return the algorithm that fits a model, by what it has."""
    if hasattr(model, "tree_") or hasattr(model, "get_booster") or hasattr(model, "booster_"):
        return "tree"
    inner = getattr(model, "estimators_", None)
    if inner is not None and all(hasattr(each, "tree_") for each in np.ravel(inner)):
        # Forests and boosting; not a mixture of other models.
        return "tree"
    if type(model).__name__.startswith("HistGradientBoosting"):
        return "tree"
    if hasattr(model, "coef_") and hasattr(model, "intercept_") and not hasattr(model, "kernel"):
        return "linear"
    return "permutation"


def sizes(values: Any, width: int) -> Any:
    """Return the mean absolute contribution of each of ``width`` features, shape (width,)."""
    found = np.abs(np.asarray(values, dtype=float))
    # The axis of features is where their number stands: (n, k), (n, k, outputs), (outputs, n, k).
    axis = 1 if found.ndim > 1 and found.shape[1] == width else found.ndim - 1
    return found.mean(axis=tuple(other for other in range(found.ndim) if other != axis))
