"""Classifiers that take numbers alone as labels, for labels of any kind."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.preprocessing import LabelEncoder


class Labelled(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers labels before it fits an estimator, and names them again when it predicts."""

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def fit(self, features: Any, labels: Any) -> Labelled:
        """Fit a copy of the estimator to labels of any kind."""
        self.encoder_ = LabelEncoder().fit(labels)
        self.classes_ = self.encoder_.classes_
        self.estimator_ = clone(self.estimator).fit(features, self.encoder_.transform(labels))
        return self

    def predict(self, features: Any) -> Any:
        """Return labels."""
        return self.encoder_.inverse_transform(self.estimator_.predict(features))

    def predict_proba(self, features: Any) -> Any:
        """Return how likely each of ``classes_`` is, shape (n, k)."""
        return self.estimator_.predict_proba(features)
