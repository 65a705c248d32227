"""The client: tracking by explicit ids, with the method names of MLflow's ``MlflowClient``."""

from __future__ import annotations

from pegboard_scripting.client.client import Client

MlflowClient = Client
"""MLflow's name of ``Client``."""

__all__ = ["Client", "MlflowClient"]
