"""The model."""

from sklearn.linear_model import Ridge


def estimator_fn(estimator_params: dict[str, object] | None = None) -> Ridge:
    """Return an estimator that is not fitted yet; estimator_params are those of recipe.yaml."""
    return Ridge(**(estimator_params or {}))
