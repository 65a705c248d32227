"""What files of results are called, as MLflow calls them, and words that stand in them."""

from __future__ import annotations

TRAIN, VALIDATION, TEST = "train.parquet", "validation.parquet", "test.parquet"
DATASET, SCORING, SCORED = "dataset.parquet", "scoring-dataset.parquet", "scored.parquet"
PROFILE = "dataset_profile.html"
TRANSFORMER = "transformer.pkl"
TRANSFORMED = "transformed_training_data.parquet"
TRANSFORMED_VALIDATION = "transformed_validation_data.parquet"
PREDICTED = "predicted_training_data.parquet"
RUN_ID, STATUS, VERSION_FILE = "run_id", "model_validation_status", "registered_model_version.json"
BEST = "best_parameters.yaml"
SK_MODEL, WHOLE_MODEL = "sk_model", "model"

VALIDATED, REJECTED, NOT_VALIDATED = "VALIDATED", "REJECTED", "UNKNOWN"
METRICS = "custom_metrics"
"""The module in ``steps/`` with metrics of the user's."""
