"""What is measured of a classifier. All formulas are scikit-learn's.

The positive class of two is the last one in sorted order, or ``pos_label``: its counts, its scores
and the column of its probabilities are what is measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from pegboard.errors import InvalidValue

from pegboard_evaluation import certainty
from pegboard_evaluation.certainty import Certainty


@frozen(eq=False)
class Classified:
    """Rows of a classifier: labels given and predicted, and how likely each label is.

    ``labels`` are sorted; ``probabilities`` of shape (n, len(labels)) has a column for each, in
    that order. ``positive`` is the positive label of two, else None.
    """

    targets: Any
    outputs: Any
    labels: Any
    positive: Any = None
    probabilities: Any = None
    weights: Any = None

    @property
    def is_binary(self) -> bool:
        """Whether there are two labels."""
        return len(self.labels) == 2

    @property
    def ordered(self) -> Any:
        """The labels, of two the positive one last."""
        if not self.is_binary or self.positive == self.labels[1]:
            return self.labels
        return self.labels[::-1]

    @property
    def likely(self) -> Any:
        """How likely the positive label is, shape (n,)."""
        return self.probabilities[:, int(np.flatnonzero(self.labels == self.positive)[0])]

    def only(self, rows: Any) -> Classified:
        """Return some of the rows."""
        return Classified(
            self.targets[rows],
            self.outputs[rows],
            self.labels,
            self.positive,
            None if self.probabilities is None else self.probabilities[rows],
            None if self.weights is None else self.weights[rows],
        )


def classified(
    targets: Any,
    outputs: Any,
    *,
    probabilities: Any = None,
    classes: Sequence[Any] | None = None,
    weights: Any = None,
    label_list: Sequence[Any] | None = None,
    pos_label: Any = None,
) -> Classified:
    """Find out which labels there are; InvalidValue if they make no classification.

    ``classes`` are what the columns of ``probabilities`` stand for. Labels that the model does not
    know have probability 0; labels that are in none of the rows, but known to the model, count.
    """
    targets, outputs = _alike(np.asarray(targets), np.asarray(outputs))
    found = [targets, outputs] if classes is None else [targets, outputs, np.asarray(classes)]
    given = label_list if label_list is not None else np.concatenate(found)
    labels = np.unique(np.asarray(given))
    if len(labels) < 2:
        raise InvalidValue(
            f"A classifier needs two labels or more, and there is {len(labels)}: "
            f"{', '.join(map(repr, labels.tolist()))}.",
            hint="Name all of them: evaluator_config={'label_list': [0, 1]}.",
        )
    known = set(labels.tolist())
    unknown = sorted({*targets.tolist(), *outputs.tolist()} - known, key=str)
    if unknown:
        raise InvalidValue(f"'label_list' lacks labels that rows have: {unknown!r:.200}.")
    if pos_label is not None and pos_label not in known:
        raise InvalidValue(
            f"'pos_label' is {pos_label!r}; the labels are {labels.tolist()!r:.200}."
        )
    positive = (labels[-1] if pos_label is None else pos_label) if len(labels) == 2 else None
    return Classified(
        targets, outputs, labels, positive, _columns(probabilities, classes, labels), weights
    )


def _alike(targets: Any, outputs: Any) -> tuple[Any, Any]:
    """Return labels that can be compared: numbers with numbers, or texts with texts."""
    numeric = [labels.dtype.kind in "biuf" for labels in (targets, outputs)]
    if all(numeric):
        return targets, outputs
    kinds = {type(label).__name__ for labels in (targets, outputs) for label in labels.tolist()}
    if len(kinds) > 1:
        raise InvalidValue(
            f"Labels of different types cannot be compared: {', '.join(sorted(kinds))}.",
            hint="'targets' and 'predictions' need labels of one type, none of them missing.",
        )
    return targets, outputs


def _columns(probabilities: Any, classes: Sequence[Any] | None, labels: Any) -> Any:
    """Return probabilities with a column for each label."""
    if probabilities is None:
        return None
    found = np.asarray(probabilities, dtype=float)
    known = labels if classes is None else np.asarray(classes)
    if found.ndim != 2 or found.shape[1] != len(known):
        raise InvalidValue(
            f"'probabilities' has the shape {found.shape}, and there are {len(known)} labels."
        )
    if np.array_equal(known, labels):
        return found
    places = {label: column for column, label in enumerate(known.tolist())}
    nothing = np.zeros(len(found))
    columns = [found[:, places[x]] if x in places else nothing for x in labels.tolist()]
    return np.column_stack(columns)


def measure(rows: Classified, average: str = "weighted") -> dict[str, float | str]:
    """Return the figures of a classifier by name; a text says why one is not defined."""
    from sklearn import metrics

    given = {"sample_weight": rows.weights}
    kind: dict[str, Any] = {"average": average}
    if rows.is_binary:
        kind = {"average": "binary", "pos_label": rows.positive}
    pair = (rows.targets, rows.outputs)
    found: dict[str, float | str] = dict(counts(rows)) if rows.is_binary else {}
    found["example_count"] = len(rows.targets)
    found["accuracy_score"] = metrics.accuracy_score(*pair, **given)
    with warnings.catch_warnings():
        # Without a row of a class, its scores are 0, which scikit-learn warns of.
        warnings.simplefilter("ignore")
        recall, precision, f1 = (
            score(*pair, **kind, **given)
            for score in (metrics.recall_score, metrics.precision_score, metrics.f1_score)
        )
    found |= {"recall_score": recall, "precision_score": precision, "f1_score": f1}
    if rows.probabilities is not None:
        found |= _of_probabilities(rows, average)
    return found


def _of_probabilities(rows: Classified, average: str) -> dict[str, float | str]:
    from sklearn import metrics

    weights = rows.weights
    made: dict[str, Callable[[], float]] = {
        "log_loss": lambda: metrics.log_loss(
            rows.targets, rows.probabilities, labels=rows.labels, sample_weight=weights
        )
    }
    if rows.is_binary:
        hits = rows.targets == rows.positive
        made["roc_auc"] = lambda: metrics.roc_auc_score(hits, rows.likely, sample_weight=weights)
        made["precision_recall_auc"] = lambda: metrics.average_precision_score(
            hits, rows.likely, sample_weight=weights
        )
    elif average in ("macro", "weighted"):
        made["roc_auc"] = lambda: metrics.roc_auc_score(
            rows.targets,
            rows.probabilities,
            sample_weight=weights,
            average=average,
            multi_class="ovr",
            labels=rows.labels,
        )
    return {name: _defined(rows, name, make) for name, make in made.items()}


def _defined(rows: Classified, name: str, make: Callable[[], float]) -> float | str:
    """Return a figure, or why it is not defined."""
    present = np.unique(rows.targets)
    if name != "log_loss" and len(present) < len(rows.labels):
        missing = sorted(set(rows.labels.tolist()) - set(present.tolist()), key=str)
        return f"It needs rows of each class, and there is none of {missing!r:.200}."
    try:
        return float(make())
    except ValueError as error:
        return f"scikit-learn says: {error}"


def counts(rows: Classified) -> dict[str, int]:
    """Return the four counts of a binary classifier; weights do not reach them."""
    from sklearn import metrics

    table = metrics.confusion_matrix(rows.targets, rows.outputs, labels=rows.ordered)
    names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    return {name: int(count) for name, count in zip(names, table.ravel(), strict=True)}


def per_class(rows: Classified, with_areas: bool) -> list[dict[str, Any]]:
    """Return figures of each class against the rest, one dict per class.

    ``with_areas``: whether the areas below the curves are among them.
    """
    found = []
    for column, label in enumerate(rows.labels):
        one = Classified(
            (rows.targets == label).astype(int),
            (rows.outputs == label).astype(int),
            np.array([0, 1]),
            1,
            None,
            rows.weights,
        )
        figures: dict[str, Any] = {"positive_class": label, **measure(one)}
        if with_areas:
            likely = rows.probabilities[:, column]
            figures |= _areas(one.targets, likely, rows.weights)
        found.append(figures)
    return found


def _areas(hits: Any, likely: Any, weights: Any) -> dict[str, float]:
    from sklearn import metrics

    if len(np.unique(hits)) < 2:
        return {"roc_auc": float("nan"), "precision_recall_auc": float("nan")}
    return {
        "roc_auc": metrics.roc_auc_score(hits, likely, sample_weight=weights),
        "precision_recall_auc": metrics.average_precision_score(
            hits, likely, sample_weight=weights
        ),
    }


def certain(rows: Classified, figures: Mapping[str, Any]) -> dict[str, Certainty]:
    """Return how sure the figures are that are shares of rows; with weights, none is known."""
    if rows.weights is not None:
        return {}
    hits = int((rows.targets == rows.outputs).sum())
    found = {"accuracy_score": certainty.of_share(hits, len(rows.targets))}
    if rows.is_binary:
        right = figures["true_positives"]
        found["recall_score"] = certainty.of_share(right, right + figures["false_negatives"])
        found["precision_score"] = certainty.of_share(right, right + figures["false_positives"])
    return found
