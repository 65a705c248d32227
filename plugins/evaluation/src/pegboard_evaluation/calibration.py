"""The evaluator ``calibration``: whether a classifier's probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import field, frozen, validators
from pegboard.contracts.evaluation import EvaluationTable, Figure, ModelEvaluator, Result, Work
from pegboard.errors import InvalidValue

from pegboard_evaluation import classifiers, files
from pegboard_evaluation.columns import present, weights_of


@frozen(kw_only=True)
class Settings:
    """How probabilities are grouped."""

    bins: int = field(default=10, validator=validators.ge(2))
    pos_label: Any = None
    label_list: Any = None


class Calibration(ModelEvaluator):
    """Compares probabilities with how often the label was right."""

    settings = Settings
    options: Settings

    def check(self, table: EvaluationTable) -> None:
        """Refuse tables without probabilities."""
        for name in ("targets", "outputs", "probabilities"):
            if getattr(table, name) is None:
                raise InvalidValue(
                    f"Calibration needs {name!r}, and there are none.",
                    hint="Evaluate a model that has predict_proba, or name the columns: "
                    "evaluator_config={'probabilities': ['p_no', 'p_yes']}.",
                )

    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        """Yield Brier's score, the calibration errors, and the table they are made of.

        With two labels they are of the positive one; with more, of the likeliest label of each row.
        Source: Guo and others 2017, "On Calibration of Modern Neural Networks", section 2.
        """
        from sklearn import metrics

        rows = classifiers.classified(
            present("targets", table.targets),
            present("outputs", table.outputs),
            probabilities=table.probabilities,
            classes=table.labels,
            weights=weights_of(table),
            label_list=self.options.label_list,
            pos_label=self.options.pos_label,
        )
        if rows.is_binary:
            hits, likely = (rows.targets == rows.positive).astype(float), rows.likely
            brier = metrics.mean_squared_error(hits, likely, sample_weight=rows.weights)
        else:
            hits = (rows.targets == rows.labels[rows.probabilities.argmax(axis=1)]).astype(float)
            likely = rows.probabilities.max(axis=1)
            truth = (rows.targets[:, None] == rows.labels[None, :]).astype(float)
            found = metrics.mean_squared_error(
                truth, rows.probabilities, sample_weight=rows.weights
            )
            brier = found * len(rows.labels)
        yield Figure(name="brier_score", value=float(brier), count=table.count)
        bins = self._bins(hits, likely, rows.weights)
        gaps = np.array([abs(each["gap"]) for each in bins])
        shares = np.array([each["weight"] for each in bins])
        error = float((gaps * shares).sum() / shares.sum())
        yield Figure(name="expected_calibration_error", value=error, count=table.count)
        yield Figure(name="maximum_calibration_error", value=float(gaps.max()), count=table.count)
        yield files.table("calibration_table", bins, work.directory)

    def _bins(self, hits: Any, likely: Any, weights: Any) -> list[dict[str, Any]]:
        """Return, for each range of probabilities with rows, what was said and what was."""
        edges = np.linspace(0, 1, self.options.bins + 1)
        places = np.searchsorted(edges[1:-1], likely)
        given = np.ones(len(hits)) if weights is None else weights
        found = []
        for place in np.unique(places):
            within = places == place
            total = float(given[within].sum())
            if not total:
                continue
            said = float((likely[within] * given[within]).sum() / total)
            was = float((hits[within] * given[within]).sum() / total)
            found.append(
                {
                    "from": float(edges[place]),
                    "to": float(edges[place + 1]),
                    "rows": int(within.sum()),
                    "weight": total,
                    "mean_probability": said,
                    "share": was,
                    "gap": was - said,
                }
            )
        return found
