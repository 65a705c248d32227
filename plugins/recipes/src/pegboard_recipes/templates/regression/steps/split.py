"""Which rows are trained on."""

from pandas import DataFrame, Series


def create_dataset_filter(dataset: DataFrame) -> Series:
    """Return which rows of the training data to keep: here, those that lack nothing."""
    return dataset.notna().all(axis=1)
