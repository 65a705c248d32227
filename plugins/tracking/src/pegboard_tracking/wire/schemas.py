"""JSON schemas of the entities of runs, and fields that many requests share."""

from __future__ import annotations

from pegboard_wire.shapes import INT64, NUMBER, PAIRS, TEXT, array, choice, record

STATUS = choice("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
VIEW = choice("ACTIVE_ONLY", "DELETED_ONLY", "ALL")

METRIC = record(
    "key",
    "value",
    "timestamp",
    key=TEXT,
    value=NUMBER,
    timestamp=INT64,
    step=INT64,
    dataset_name=TEXT,
    dataset_digest=TEXT,
    model_id=TEXT,
    run_id=TEXT,
)
METRIC_OF_RUN = record(key=TEXT, value=NUMBER, timestamp=INT64, step=INT64, run_id=TEXT)
EXPERIMENT = record(
    experiment_id=TEXT,
    name=TEXT,
    artifact_location=TEXT,
    lifecycle_stage=TEXT,
    last_update_time=INT64,
    creation_time=INT64,
    tags=PAIRS,
)
DATASET_INPUT = record(
    "dataset",
    tags=PAIRS,
    dataset=record(
        "name",
        "digest",
        "source_type",
        "source",
        name=TEXT,
        digest=TEXT,
        source_type=TEXT,
        source=TEXT,
        schema=TEXT,
        profile=TEXT,
    ),
)
DATASET_SUMMARY = record(experiment_id=TEXT, name=TEXT, digest=TEXT, context=TEXT)
MODEL_INPUT = record("model_id", model_id=TEXT)
MODEL_OUTPUT = record("model_id", model_id=TEXT, step=INT64)
RUN_INFO = record(
    run_id=TEXT,
    run_uuid=TEXT,
    run_name=TEXT,
    experiment_id=TEXT,
    user_id=TEXT,
    status=STATUS,
    start_time=INT64,
    end_time=INT64,
    artifact_uri=TEXT,
    lifecycle_stage=TEXT,
)
RUN = record(
    info=RUN_INFO,
    data=record(metrics=array(METRIC), params=PAIRS, tags=PAIRS),
    inputs=record(dataset_inputs=array(DATASET_INPUT), model_inputs=array(MODEL_INPUT)),
    outputs=record(model_outputs=array(MODEL_OUTPUT)),
)
