"""Metrics beside the usual ones."""

from pandas import DataFrame


def missed(eval_df: DataFrame, builtin_metrics: dict[str, float]) -> float:
    """Return how many of the positive class were taken for the other."""
    return float(builtin_metrics["false_negatives"])
