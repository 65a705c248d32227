"""The steps of ``clustering/v1``: the first and the last are those of other recipes."""

from __future__ import annotations

from pegboard_recipes import INGEST, REGISTER, Artifact, Step

TRANSFORMED, TRANSFORMER = "transformed.parquet", "transformer.pkl"
CLUSTERED, MODEL, RUN_ID = "clustered.parquet", "model", "run_id"
STATUS = "model_validation_status"

STEPS = (
    INGEST,
    Step(
        name="transform",
        target="pegboard_clustering.transform:run",
        needs={"ingest": ("dataset.parquet",)},
        module="transform",
        artifacts={
            "transformed_data": Artifact(TRANSFORMED, "frame"),
            "transformer": Artifact(TRANSFORMER, "object"),
        },
    ),
    Step(
        name="train",
        target="pegboard_clustering.train:run",
        validate="pegboard_clustering.checks:train",
        needs={"ingest": ("dataset.parquet",), "transform": (TRANSFORMED, TRANSFORMER)},
        module="train",
        keys=("recipe", "experiment"),
        logged=True,
        artifacts={
            "model": Artifact(MODEL, "model"),
            "run": Artifact(RUN_ID, "run"),
            "clustered_data": Artifact(CLUSTERED, "frame"),
        },
    ),
    Step(
        name="evaluate",
        target="pegboard_clustering.evaluate:run",
        validate="pegboard_clustering.checks:evaluate",
        needs={"transform": (TRANSFORMED,), "train": (RUN_ID, CLUSTERED, MODEL)},
        keys=("recipe", "experiment"),
        logged=True,
    ),
    REGISTER,
)
