"""All endpoints of this distribution, by topic."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard_wire.http import Endpoint
from pegboard_wire.sentences import told

from pegboard_registry.wire import aliases, governance, models, overviews, versions, webhooks
from pegboard_registry.wire.sentences import REGISTRY


def endpoints() -> Sequence[Endpoint]:
    """Return the endpoints."""
    topics = [
        *models.ENDPOINTS,
        *aliases.ENDPOINTS,
        *versions.ENDPOINTS,
        *governance.ENDPOINTS,
        *overviews.ENDPOINTS,
        *webhooks.ENDPOINTS,
    ]
    return told(topics, REGISTRY)
