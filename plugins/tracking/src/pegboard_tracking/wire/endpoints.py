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
    logged_models,
    logging,
    metrics,
    pegboard_endpoints,
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
        *ingestion.ENDPOINTS,
        *pegboard_endpoints.ENDPOINTS,
    ]
    return told(topics, TRACKING)
