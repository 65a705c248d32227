"""All endpoints of this distribution, by topic."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard_wire.http import Endpoint
from pegboard_wire.sentences import told

from pegboard_tracking.wire import (
    artifacts,
    assessments,
    data_sets,
    experiments,
    ingestion,
    label_schemas,
    logged_models,
    logging,
    metrics,
    pegboard_endpoints,
    review_queues,
    runs,
    scorers,
    trace_metrics,
    traces,
    traces_old,
    uploads,
)
from pegboard_tracking.wire.sentences import TRACKING


def endpoints() -> Sequence[Endpoint]:
    """Return the endpoints."""
    topics = [
        *experiments.ENDPOINTS,
        *runs.ENDPOINTS,
        *logging.ENDPOINTS,
        *metrics.ENDPOINTS,
        *logged_models.ENDPOINTS,
        *artifacts.ENDPOINTS,
        *uploads.ENDPOINTS,
        *traces.ENDPOINTS,
        *traces_old.ENDPOINTS,
        *assessments.ENDPOINTS,
        *trace_metrics.ENDPOINTS,
        *data_sets.ENDPOINTS,
        *scorers.ENDPOINTS,
        *label_schemas.ENDPOINTS,
        *review_queues.ENDPOINTS,
        *ingestion.ENDPOINTS,
        *pegboard_endpoints.ENDPOINTS,
    ]
    return told(topics, TRACKING)
