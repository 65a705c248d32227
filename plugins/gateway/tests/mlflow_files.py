"""Files of MLflow's gateway, as its documentation has them and as tests change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOCUMENTED = """
endpoints:
  - name: completions
    endpoint_type: llm/v1/completions
    model:
      provider: openai
      name: gpt-4o-mini
      config:
        openai_api_key: $OPENAI_API_KEY
    limit:
      renewal_period: minute
      calls: 10

  - name: chat
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: gpt-4o-mini
      config:
        openai_api_key: $OPENAI_API_KEY

  - name: embeddings
    endpoint_type: llm/v1/embeddings
    model:
      provider: openai
      name: text-embedding-ada-002
      config:
        openai_api_key: $OPENAI_API_KEY
"""
"""The example of MLflow 2.17's documentation (docs/source/llms/deployments/index.rst)."""
ONE: Mapping[str, Any] = {
    "name": "a",
    "endpoint_type": "llm/v1/chat",
    "model": {"provider": "openai", "name": "m", "config": {"openai_api_key": "k"}},
}
ROUTE: Mapping[str, Any] = {
    "name": "r",
    "task_type": "llm/v1/chat",
    "destinations": [
        {"name": "a", "traffic_percentage": 80},
        {"name": "b", "traffic_percentage": 20},
    ],
}


def endpoints(*changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file whose endpoints are changed from ``ONE``."""
    return {"endpoints": [{**ONE, **change} for change in changes]}


def model(**change: Any) -> dict[str, Any]:
    """Return another model of an endpoint."""
    return {"model": {**ONE["model"], **change}}


def config(**values: Any) -> dict[str, Any]:
    """Return a model with another config."""
    return model(config=values)


def routes(**change: Any) -> dict[str, Any]:
    """Return a file with a route to two endpoints, changed from ``ROUTE``."""
    return {**endpoints({}, {"name": "b"}), "routes": [{**ROUTE, **change}]}
