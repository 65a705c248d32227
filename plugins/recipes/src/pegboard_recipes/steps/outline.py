"""The steps of the recipes that come with this distribution, and the names of their results."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard_recipes.names import (
    BEST,
    DATASET,
    PREDICTED,
    RUN_ID,
    SCORED,
    SCORING,
    SK_MODEL,
    STATUS,
    TEST,
    TRAIN,
    TRANSFORMED,
    TRANSFORMED_VALIDATION,
    TRANSFORMER,
    VALIDATION,
    VERSION_FILE,
    WHOLE_MODEL,
)
from pegboard_recipes.step import FRAME, MODEL, OBJECT, RUN, TEXT, VERSION, Artifact, Step

_HOME = "pegboard_recipes.steps"
_LEARNED = ("recipe", "target_col", "positive_class")
_MEASURED = (*_LEARNED, "primary_metric", "custom_metrics", "experiment")

INGEST = Step(
    name="ingest",
    target=f"{_HOME}.ingest:run",
    validate=f"{_HOME}.checks:ingest",
    module="ingest",
    keys=_LEARNED,
    data=True,
    artifacts={"ingested_data": Artifact(DATASET, FRAME)},
)
"""Brings data of any form into the table ``dataset.parquet``."""

REGISTER = Step(
    name="register",
    logged=True,
    target=f"{_HOME}.register:run",
    validate=f"{_HOME}.checks:register",
    needs={"train": (RUN_ID,), "evaluate": (STATUS,)},
    keys=("recipe", "experiment", "model_registry"),
    artifacts={"registered_model_version": Artifact(VERSION_FILE, VERSION)},
)
"""Registers what the step ``train`` logged as ``train/model``, if ``evaluate`` wrote VALIDATED."""

STEPS: Sequence[Step] = (
    INGEST,
    Step(
        name="split",
        target=f"{_HOME}.split:run",
        validate=f"{_HOME}.checks:split",
        needs={"ingest": (DATASET,)},
        module="split",
        keys=_LEARNED,
        artifacts={
            "training_data": Artifact(TRAIN, FRAME),
            "validation_data": Artifact(VALIDATION, FRAME),
            "test_data": Artifact(TEST, FRAME),
        },
    ),
    Step(
        name="transform",
        target=f"{_HOME}.transform:run",
        validate=f"{_HOME}.checks:transform",
        needs={"split": (TRAIN, VALIDATION)},
        module="transform",
        keys=_LEARNED,
        artifacts={
            "transformed_training_data": Artifact(TRANSFORMED, FRAME),
            "transformed_validation_data": Artifact(TRANSFORMED_VALIDATION, FRAME),
            "transformer": Artifact(TRANSFORMER, OBJECT),
        },
    ),
    Step(
        name="train",
        logged=True,
        target=f"{_HOME}.train:run",
        validate=f"{_HOME}.checks:train",
        needs={
            "split": (TRAIN, VALIDATION),
            "transform": (TRANSFORMER, TRANSFORMED, TRANSFORMED_VALIDATION),
        },
        module="train",
        keys=_MEASURED,
        measures=True,
        artifacts={
            "model": Artifact(WHOLE_MODEL, MODEL),
            "run": Artifact(RUN_ID, RUN),
            "best_parameters": Artifact(BEST, TEXT),
            "predicted_training_data": Artifact(PREDICTED, FRAME),
        },
    ),
    Step(
        name="evaluate",
        logged=True,
        target=f"{_HOME}.evaluate:run",
        validate=f"{_HOME}.checks:evaluate",
        needs={"split": (VALIDATION, TEST), "train": (RUN_ID, SK_MODEL)},
        keys=_MEASURED,
        measures=True,
    ),
    REGISTER,
    Step(
        name="ingest_scoring",
        target=f"{_HOME}.ingest:run",
        validate=f"{_HOME}.checks:ingest_scoring",
        module="ingest",
        data=True,
        scoring=True,
        artifacts={"ingested_scoring_data": Artifact(SCORING, FRAME)},
    ),
    Step(
        name="predict",
        target=f"{_HOME}.predict:run",
        validate=f"{_HOME}.checks:predict",
        needs={"ingest_scoring": (SCORING,), "register": (VERSION_FILE,)},
        keys=("experiment", "model_registry"),
        scoring=True,
        artifacts={"scored_data": Artifact(SCORED, FRAME)},
    ),
)
