"""What is sent with an event: MLflow's form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_NAME = {"name": "example_model"}
_VERSION = {**_NAME, "version": "1"}
_KEY, _VALUE = {"key": "example_key"}, {"value": "example_value"}
_ALIAS = {"alias": "example_alias"}
_DESCRIBED = {"tags": {"example_key": "example_value"}, "description": "An example"}
_PROMPT = {"name": "example_prompt"}
_PROMPT_VERSION = {**_PROMPT, "version": "1"}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "registered_model.created": {**_NAME, **_DESCRIBED},
    "model_version.created": {
        **_VERSION,
        "source": "models:/m-1234",
        "run_id": "abcd1234abcd5678",
        **_DESCRIBED,
    },
    "model_version_tag.set": {**_VERSION, **_KEY, **_VALUE},
    "model_version_tag.deleted": {**_VERSION, **_KEY},
    "model_version_alias.created": {**_NAME, **_ALIAS, "version": "1"},
    "model_version_alias.deleted": {**_NAME, **_ALIAS},
    "prompt.created": {**_PROMPT, **_DESCRIBED},
    "prompt_version.created": {**_PROMPT_VERSION, "template": "Hello {{name}}!", **_DESCRIBED},
    "prompt_tag.set": {**_PROMPT, **_KEY, **_VALUE},
    "prompt_tag.deleted": {**_PROMPT, **_KEY},
    "prompt_version_tag.set": {**_PROMPT_VERSION, **_KEY, **_VALUE},
    "prompt_version_tag.deleted": {**_PROMPT_VERSION, **_KEY},
    "prompt_alias.created": {**_PROMPT, **_ALIAS, "version": "1"},
    "prompt_alias.deleted": {**_PROMPT, **_ALIAS},
    "budget_policy.exceeded": {
        "budget_policy_id": "bp-abc123",
        "budget_unit": "USD",
        "budget_amount": 100.0,
        "current_spend": 105.5,
        "duration_unit": "MONTHS",
        "duration_value": 1,
        "target_scope": "ENDPOINT",
        "workspace": "default",
        "target_value": "ep-abc123",
        "window_start": 1704067200000,
    },
}
"""What is sent to try a webhook, by event."""


def payload(event: str, data: Mapping[str, Any]) -> str:
    """Return the body of the request that announces an event which happens now."""
    entity, _, action = event.partition(".")
    told = {
        "entity": entity,
        "action": action,
        "timestamp": datetime.now(UTC).isoformat(),
        "data": data,
    }
    return json.dumps(told)
