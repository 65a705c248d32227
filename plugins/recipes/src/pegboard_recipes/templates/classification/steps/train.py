"""The model."""

from sklearn.linear_model import LogisticRegression


def estimator_fn(estimator_params: dict[str, object] | None = None) -> LogisticRegression:
    """Return an estimator that is not fitted yet; estimator_params are those of recipe.yaml."""
    return LogisticRegression(**(estimator_params or {}))
