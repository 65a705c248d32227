"""Guardrails of the gateway as MLflow 3 has them: what to ask, and what to compare."""

from __future__ import annotations

import json
import re
from typing import Any

import requests
from attrs import define, field

BASE = "/api/3.0/mlflow/"
_ID = re.compile(
    r"\b(?:(?:gr|e|s|d|m)-)?[0-9a-f]{32}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
)
_TIMES = ("created_at", "last_updated_at", "creation_time", "created_by", "last_updated_by")


@define
class Server:
    """A server, and the ids that it has given."""

    url: str
    token: str = ""
    ids: dict[str, str] = field(factory=dict)

    def ask(self, method: str, path: str, fields: dict[str, Any]) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        given = {
            key: value.format(**self.ids)
            if isinstance(value, str) and value[:1] == "{" and len(value) < 40
            else value
            for key, value in fields.items()
        }
        how: dict[str, Any] = {"params": given} if method == "GET" else {"json": given}
        answer = requests.request(
            method, self.url + BASE + path, headers=headers, timeout=60, **how
        )
        return answer.status_code, answer.json()

    def prepare(self, upstream: str) -> None:
        """Make two endpoints, and a judge that asks the second."""
        _, made = self.ask(
            "POST",
            "gateway/secrets/create",
            {
                "secret_name": "k",
                "secret_value": {"api_key": "sk-1"},
                "provider": "openai",
                **({"auth_config": {"api_base": upstream}} if upstream else {}),
            },
        )
        secret = made["secret"]["secret_id"]
        for name in ("chat", "judge"):
            _, made = self.ask(
                "POST",
                "gateway/model-definitions/create",
                {"name": name, "secret_id": secret, "provider": "openai", "model_name": name},
            )
            config = {
                "model_definition_id": made["model_definition"]["model_definition_id"],
                "linkage_type": "PRIMARY",
            }
            _, made = self.ask(
                "POST",
                "gateway/endpoints/create",
                {"name": name, "model_configs": [config], "usage_tracking": False},
            )
            self.ids[name] = made["endpoint"]["endpoint_id"]
        for name, serialized in (("kind", KIND), ("other", {**KIND, "name": "other"})):
            _, made = self.ask(
                "POST",
                "scorers/register",
                {"experiment_id": "0", "name": name, "serialized_scorer": json.dumps(serialized)},
            )
            self.ids[name] = made["scorer_id"]


KIND: dict[str, Any] = {
    "name": "kind",
    "aggregations": [],
    "description": None,
    "is_session_level_scorer": False,
    "mlflow_version": "3.17.2",
    "serialization_version": 1,
    "instructions_judge_pydantic_data": {
        "instructions": "Answer yes if {{ inputs }} is kind, else no.",
        "model": "gateway:/judge",
        "feedback_value_type": {"title": "Result", "type": "string"},
    },
}
CODE = {
    "name": "code",
    "call_source": "return True",
    "call_signature": "()",
    "original_func_name": "code",
}
GUARDRAIL = {
    "name": "polite",
    "scorer_id": "{kind}",
    "scorer_version": 1,
    "stage": "BEFORE",
    "action": "VALIDATION",
}
CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("GET", "gateway/guardrails/list", {}, ""),
    ("POST", "gateway/guardrails/create", GUARDRAIL, "first"),
    (
        "POST",
        "gateway/guardrails/create",
        {
            **GUARDRAIL,
            "name": "soft",
            "stage": "AFTER",
            "action": "SANITIZATION",
            "action_endpoint_id": "{judge}",
        },
        "second",
    ),
    ("POST", "gateway/guardrails/create", {**GUARDRAIL, "scorer_id": "none"}, ""),
    ("POST", "gateway/guardrails/create", {**GUARDRAIL, "scorer_version": 9}, ""),
    ("POST", "gateway/guardrails/create", {**GUARDRAIL, "name": ""}, ""),
    ("GET", "gateway/guardrails/get", {"guardrail_id": "{first}"}, ""),
    ("GET", "gateway/guardrails/get", {"guardrail_id": "{second}"}, ""),
    ("GET", "gateway/guardrails/get", {"guardrail_id": "gr-none"}, ""),
    (
        "POST",
        "gateway/guardrails/add-to-endpoint",
        {"endpoint_id": "{chat}", "guardrail_id": "{first}"},
        "",
    ),
    (
        "POST",
        "gateway/guardrails/add-to-endpoint",
        {"endpoint_id": "{chat}", "guardrail_id": "{first}"},
        "",
    ),
    (
        "POST",
        "gateway/guardrails/add-to-endpoint",
        {"endpoint_id": "{chat}", "guardrail_id": "{second}", "execution_order": 2},
        "",
    ),
    (
        "POST",
        "gateway/guardrails/add-to-endpoint",
        {"endpoint_id": "e-none", "guardrail_id": "{second}"},
        "",
    ),
    ("GET", "gateway/guardrails/list-for-endpoint", {"endpoint_id": "{chat}"}, ""),
    (
        "PATCH",
        "gateway/guardrails/update-config",
        {"endpoint_id": "{chat}", "guardrail_id": "{first}", "execution_order": 1},
        "",
    ),
    (
        "PATCH",
        "gateway/guardrails/update-config",
        {"endpoint_id": "{judge}", "guardrail_id": "{first}", "execution_order": 1},
        "",
    ),
    ("GET", "gateway/guardrails/list-for-endpoint", {"endpoint_id": "{chat}"}, ""),
    ("GET", "gateway/guardrails/list-for-endpoint", {"endpoint_id": "{judge}"}, ""),
    (
        "DELETE",
        "gateway/guardrails/remove-from-endpoint",
        {"endpoint_id": "{chat}", "guardrail_id": "{second}"},
        "",
    ),
    (
        "DELETE",
        "gateway/guardrails/remove-from-endpoint",
        {"endpoint_id": "{chat}", "guardrail_id": "{second}"},
        "",
    ),
    ("DELETE", "gateway/guardrails/delete", {"guardrail_id": "{second}"}, ""),
    ("DELETE", "gateway/guardrails/delete", {"guardrail_id": "{second}"}, ""),
    (
        "POST",
        "scorers/register",
        {"experiment_id": "0", "name": "code", "serialized_scorer": json.dumps(CODE)},
        "",
    ),
    ("GET", "scorers/get", {"experiment_id": "0", "name": "kind"}, ""),
    ("GET", "scorers/versions", {"experiment_id": "0", "name": "other"}, ""),
    ("GET", "scorers/list", {"experiment_id": "0"}, ""),
    ("GET", "scorers/get", {"experiment_id": "0", "name": "none"}, ""),
    ("GET", "scorers/get", {"experiment_id": "0", "name": "kind", "version": 7}, ""),
    ("DELETE", "scorers/delete", {"experiment_id": "0", "name": "other"}, ""),
    ("GET", "scorers/versions", {"experiment_id": "0", "name": "other"}, ""),
]


def plain(value: Any) -> Any:
    """Return an answer without ids, times and users, and what a judge's endpoint is called."""
    if isinstance(value, dict):
        return {
            key: 0 if key in _TIMES else plain(each)
            for key, each in value.items()
            if key not in ("message", "sqlstate", "error_class", "pegboard")
        }
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str) and value.startswith("{"):
        found = json.loads(value)
        (found.get("instructions_judge_pydantic_data") or {}).pop("model", None)
        return found
    return _ID.sub("ID", value) if isinstance(value, str) else value
