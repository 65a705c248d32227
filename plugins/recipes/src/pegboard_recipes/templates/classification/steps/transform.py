"""What is made of the features before they are trained on."""

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler


def transformer_fn() -> Pipeline:
    """Return a transformer that is not fitted yet."""
    return Pipeline([("scaled", StandardScaler())])
