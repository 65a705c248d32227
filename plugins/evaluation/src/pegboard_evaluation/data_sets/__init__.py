"""Data sets for evaluation, under the names of MLflow's ``genai.datasets``; and their versions."""

from __future__ import annotations

from pegboard_evaluation.data_sets.data_set import EvaluationDataset, EvaluationDatasetVersion
from pegboard_evaluation.data_sets.finding import (
    add_dataset_to_experiments,
    create_dataset,
    delete_dataset,
    delete_dataset_tag,
    get_dataset,
    remove_dataset_from_experiments,
    search_datasets,
    set_dataset_tags,
)

__all__ = [
    "EvaluationDataset",
    "EvaluationDatasetVersion",
    "add_dataset_to_experiments",
    "create_dataset",
    "delete_dataset",
    "delete_dataset_tag",
    "get_dataset",
    "remove_dataset_from_experiments",
    "search_datasets",
    "set_dataset_tags",
]
