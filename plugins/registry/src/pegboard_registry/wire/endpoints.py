"""All endpoints of this distribution, by topic."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.contracts.http import Endpoint

from pegboard_registry.wire import aliases, governance, models, versions, webhooks


def endpoints() -> Sequence[Endpoint]:
    """Return the endpoints."""
    return [
        *models.ENDPOINTS,
        *aliases.ENDPOINTS,
        *versions.ENDPOINTS,
        *governance.ENDPOINTS,
        *webhooks.ENDPOINTS,
    ]
