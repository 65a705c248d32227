"""All endpoints of this distribution, by topic."""

from __future__ import annotations

from pegboard_wire.rooms import Room

_SENTENCES = "pegboard_registry.wire.sentences:REGISTRY"

ROOMS = [
    Room(
        "pegboard_registry.wire.models:ENDPOINTS",
        """
        POST /api/2.0/mlflow/registered-models/create
        POST /api/2.0/mlflow/registered-models/rename
        PATCH /api/2.0/mlflow/registered-models/update
        DELETE /api/2.0/mlflow/registered-models/delete
        GET /api/2.0/mlflow/registered-models/get
        GET /api/2.0/mlflow/registered-models/search
        GET /api/2.0/mlflow/registered-models/get-latest-versions
        POST /api/2.0/mlflow/registered-models/get-latest-versions
        POST /api/2.0/mlflow/registered-models/set-tag
        DELETE /api/2.0/mlflow/registered-models/delete-tag
        """,
        _SENTENCES,
    ),
    Room(
        "pegboard_registry.wire.aliases:ENDPOINTS",
        """
        POST /api/2.0/mlflow/registered-models/alias
        DELETE /api/2.0/mlflow/registered-models/alias
        GET /api/2.0/mlflow/registered-models/alias
        """,
        _SENTENCES,
    ),
    Room(
        "pegboard_registry.wire.versions:ENDPOINTS",
        """
        POST /api/2.0/mlflow/model-versions/create
        PATCH /api/2.0/mlflow/model-versions/update
        POST /api/2.0/mlflow/model-versions/transition-stage
        DELETE /api/2.0/mlflow/model-versions/delete
        GET /api/2.0/mlflow/model-versions/get
        GET /api/2.0/mlflow/model-versions/search
        GET /api/2.0/mlflow/model-versions/get-download-uri
        POST /api/2.0/mlflow/model-versions/set-tag
        DELETE /api/2.0/mlflow/model-versions/delete-tag
        GET /model-versions/get-artifact
        """,
        _SENTENCES,
    ),
    Room(
        "pegboard_registry.wire.governance:ENDPOINTS",
        """
        GET /api/pegboard/1.0/registry/history
        POST /api/pegboard/1.0/registry/approvals
        POST /api/pegboard/1.0/registry/rollback
        POST /api/pegboard/1.0/registry/needing
        POST /api/pegboard/1.0/registry/removals
        """,
        _SENTENCES,
    ),
    Room(
        "pegboard_registry.wire.overviews:ENDPOINTS",
        """
        GET /api/pegboard/1.0/registry/models
        GET /api/pegboard/1.0/registry/model
        GET /api/pegboard/1.0/registry/version
        GET /api/pegboard/1.0/registry/check
        """,
        _SENTENCES,
    ),
    Room(
        "pegboard_registry.wire.webhooks:ENDPOINTS",
        """
        POST /api/2.0/mlflow/webhooks
        GET /api/2.0/mlflow/webhooks
        GET /api/2.0/mlflow/webhooks/{webhook_id}
        PATCH /api/2.0/mlflow/webhooks/{webhook_id}
        DELETE /api/2.0/mlflow/webhooks/{webhook_id}
        POST /api/2.0/mlflow/webhooks/{webhook_id}/test
        GET /api/pegboard/1.0/registry/webhooks/{webhook_id}/deliveries
        """,
        _SENTENCES,
    ),
]
"""What answers each is imported when it is first asked."""
