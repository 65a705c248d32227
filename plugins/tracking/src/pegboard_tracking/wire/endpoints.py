"""All endpoints of this distribution, by topic."""

from __future__ import annotations

from pegboard_wire.lazy import EndpointModule

_SENTENCES = "pegboard_tracking.wire.sentences:TRACKING"

ENDPOINT_MODULES = [
    EndpointModule(
        "pegboard_tracking.wire.experiments:ENDPOINTS",
        """
        POST /api/2.0/mlflow/experiments/create
        GET /api/2.0/mlflow/experiments/get
        GET /api/2.0/mlflow/experiments/get-by-name
        POST /api/2.0/mlflow/experiments/search
        GET /api/2.0/mlflow/experiments/search
        POST /api/2.0/mlflow/experiments/update
        POST /api/2.0/mlflow/experiments/delete
        POST /api/2.0/mlflow/experiments/restore
        POST /api/2.0/mlflow/experiments/set-experiment-tag
        POST /api/2.0/mlflow/experiments/delete-experiment-tag
        POST /api/2.0/mlflow/experiments/search-datasets
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.runs:ENDPOINTS",
        """
        POST /api/2.0/mlflow/runs/create
        GET /api/2.0/mlflow/runs/get
        POST /api/2.0/mlflow/runs/update
        POST /api/2.0/mlflow/runs/delete
        POST /api/2.0/mlflow/runs/restore
        POST /api/2.0/mlflow/runs/search
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.logging:ENDPOINTS",
        """
        POST /api/2.0/mlflow/runs/log-metric
        POST /api/2.0/mlflow/runs/log-parameter
        POST /api/2.0/mlflow/runs/set-tag
        POST /api/2.0/mlflow/runs/delete-tag
        POST /api/2.0/mlflow/runs/log-batch
        POST /api/2.0/mlflow/runs/log-model
        POST /api/2.0/mlflow/runs/log-inputs
        POST /api/2.0/mlflow/runs/outputs
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.metrics:ENDPOINTS",
        """
        GET /api/2.0/mlflow/metrics/get-history
        GET /api/pegboard/1.0/metrics/history
        GET /api/2.0/mlflow/metrics/get-history-bulk
        GET /api/2.0/mlflow/metrics/get-history-bulk-interval
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.logged_models:ENDPOINTS",
        """
        POST /api/2.0/mlflow/logged-models
        POST /api/2.0/mlflow/logged-models/search
        GET /api/2.0/mlflow/logged-models/{model_id}
        PATCH /api/2.0/mlflow/logged-models/{model_id}
        DELETE /api/2.0/mlflow/logged-models/{model_id}
        PATCH /api/2.0/mlflow/logged-models/{model_id}/tags
        DELETE /api/2.0/mlflow/logged-models/{model_id}/tags/{tag_key}
        DELETE /api/2.0/mlflow/logged-models/{model_id}/tags/{tag_key:path}
        POST /api/2.0/mlflow/logged-models/{model_id}/params
        GET /api/2.0/mlflow/logged-models/{model_id}/artifacts/directories
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.artifacts:ENDPOINTS",
        """
        GET /api/2.0/mlflow/artifacts/list
        GET /get-artifact
        POST /api/2.0/mlflow/upload-artifact
        GET /api/2.0/mlflow/logged-models/{model_id}/artifacts/files
        GET /api/2.0/mlflow-artifacts/artifacts
        GET /api/2.0/mlflow-artifacts/artifacts/{artifact_path:path}
        PUT /api/2.0/mlflow-artifacts/artifacts/{artifact_path:path}
        DELETE /api/2.0/mlflow-artifacts/artifacts/{artifact_path:path}
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.uploads:ENDPOINTS",
        """
        POST /api/2.0/mlflow-artifacts/mpu/create/{artifact_path:path}
        PUT /api/2.0/mlflow-artifacts/mpu/part
        GET /api/2.0/mlflow-artifacts/mpu/parts
        POST /api/2.0/mlflow-artifacts/mpu/complete/{artifact_path:path}
        POST /api/2.0/mlflow-artifacts/mpu/abort/{artifact_path:path}
        GET /api/3.0/mlflow/server-info
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.traces:ENDPOINTS",
        """
        POST /api/3.0/mlflow/traces
        GET /api/3.0/mlflow/traces/get
        GET /api/3.0/mlflow/traces/batchGet
        POST /api/3.0/mlflow/traces/batchGetInfos
        POST /api/3.0/mlflow/traces/search
        GET /api/3.0/mlflow/traces/{trace_id}
        PATCH /api/2.0/mlflow/traces/{request_id}/tags
        PATCH /api/3.0/mlflow/traces/{trace_id}/tags
        DELETE /api/2.0/mlflow/traces/{request_id}/tags
        DELETE /api/3.0/mlflow/traces/{trace_id}/tags
        POST /api/2.0/mlflow/traces/delete-traces
        POST /api/3.0/mlflow/traces/delete-traces
        POST /api/2.0/mlflow/traces/link-to-run
        POST /api/2.0/mlflow/traces/link-prompts
        GET /api/2.0/mlflow/get-trace-artifact
        GET /api/3.0/mlflow/get-trace-artifact
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.traces_old:ENDPOINTS",
        """
        POST /api/2.0/mlflow/traces
        PATCH /api/2.0/mlflow/traces/{request_id}
        GET /api/2.0/mlflow/traces/{request_id}/info
        GET /api/2.0/mlflow/traces
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.assessments:ENDPOINTS",
        """
        POST /api/3.0/mlflow/traces/{trace_id}/assessments
        GET /api/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}
        PATCH /api/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}
        DELETE /api/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.trace_metrics:ENDPOINTS",
        """
        POST /api/3.0/mlflow/traces/metrics
        POST /api/3.0/mlflow/traces/calculate-filter-correlation
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.data_sets:ENDPOINTS",
        """
        POST /api/3.0/mlflow/datasets/create
        GET /api/3.0/mlflow/datasets/search
        POST /api/3.0/mlflow/datasets/search
        GET /api/3.0/mlflow/datasets/{dataset_id}
        DELETE /api/3.0/mlflow/datasets/{dataset_id}
        PATCH /api/3.0/mlflow/datasets/{dataset_id}/tags
        DELETE /api/3.0/mlflow/datasets/{dataset_id}/tags/{key}
        GET /api/3.0/mlflow/datasets/{dataset_id}/experiment-ids
        POST /api/3.0/mlflow/datasets/{dataset_id}/add-experiments
        POST /api/3.0/mlflow/datasets/{dataset_id}/remove-experiments
        POST /api/3.0/mlflow/datasets/{dataset_id}/records
        GET /api/3.0/mlflow/datasets/{dataset_id}/records
        DELETE /api/3.0/mlflow/datasets/{dataset_id}/records
        GET /api/pegboard/1.0/datasets/{dataset_id}/versions
        GET /api/pegboard/1.0/datasets/{dataset_id}/records
        GET /api/pegboard/1.0/datasets/{dataset_id}/diff
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.scorers:ENDPOINTS",
        """
        POST /api/3.0/mlflow/scorers/register
        GET /api/3.0/mlflow/scorers/list
        GET /api/3.0/mlflow/scorers/versions
        GET /api/3.0/mlflow/scorers/get
        DELETE /api/3.0/mlflow/scorers/delete
        PUT /api/3.0/mlflow/scorers/online-config
        GET /api/3.0/mlflow/scorers/online-configs
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.label_schemas:ENDPOINTS",
        """
        POST /api/3.0/mlflow/label-schemas/create
        GET /api/3.0/mlflow/label-schemas/get
        GET /api/3.0/mlflow/label-schemas/get-by-name
        GET /api/3.0/mlflow/label-schemas/list
        PATCH /api/3.0/mlflow/label-schemas/update
        DELETE /api/3.0/mlflow/label-schemas/delete
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.review_queues:ENDPOINTS",
        """
        POST /api/3.0/mlflow/review-queues/create
        POST /api/3.0/mlflow/review-queues/get-or-create-user
        GET /api/3.0/mlflow/review-queues/get
        GET /api/3.0/mlflow/review-queues/get-by-name
        GET /api/3.0/mlflow/review-queues/list
        POST /api/3.0/mlflow/review-queues/update
        POST /api/3.0/mlflow/review-queues/delete
        POST /api/3.0/mlflow/review-queues/items/add
        POST /api/3.0/mlflow/review-queues/items/remove
        GET /api/3.0/mlflow/review-queues/items/list
        POST /api/3.0/mlflow/review-queues/items/set-status
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.ingestion:ENDPOINTS",
        """
        POST /v1/traces
        """,
        _SENTENCES,
    ),
    EndpointModule(
        "pegboard_tracking.wire.pegboard_endpoints:ENDPOINTS",
        """
        GET /api/pegboard/1.0/abilities
        POST /api/pegboard/1.0/runs/log-packed
        POST /api/pegboard/1.0/runs/heartbeat
        POST /api/pegboard/1.0/tags/add
        GET /api/pegboard/1.0/logged-models/{model_id}/users
        """,
        _SENTENCES,
    ),
]
"""What answers each is imported when it is first asked."""
