"""What MLflow keeps in ``mlflow.tracking``, for scripts that import it from there."""

from __future__ import annotations

from pegboard_scripting.client import Client, MlflowClient
from pegboard_scripting.client.location import (
    get_registry_uri,
    get_tracking_uri,
    is_tracking_uri_set,
    set_registry_uri,
    set_tracking_uri,
)

__all__ = [
    "Client",
    "MlflowClient",
    "get_registry_uri",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "set_registry_uri",
    "set_tracking_uri",
]
