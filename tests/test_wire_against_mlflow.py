"""Our endpoints have the paths, methods and fields of MLflow's, as its descriptors tell them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_wire.endpoints import declared
from pegboard_wire.http import Endpoint

TOPICS = ("experiments", "runs", "metrics", "registered-models", "model-versions", "webhooks")
NEWER = ("label-schemas", "review-queues")

LIST = """
import json, sys
from mlflow.protos import databricks_pb2, model_registry_pb2, service_pb2, webhooks_pb2

SERVICES = [
    (service_pb2, "MlflowService"),
    (model_registry_pb2, "ModelRegistryService"),
    (webhooks_pb2, "WebhookService"),
]
SCALARS = {1: "number", 3: "integer", 5: "integer", 8: "boolean", 9: "string"}

def described(message):
    found = {}
    for field in message.fields:
        kind = SCALARS.get(field.type)
        if field.enum_type:
            names = field.enum_type.values_by_name
            kind = sorted(name for name in names if not name.endswith("_UNSPECIFIED"))
        elif field.message_type:
            kind = described(field.message_type)
        repeated = getattr(field, "is_repeated", None)
        if repeated is None:
            repeated = field.label == field.LABEL_REPEATED
        found[field.name] = [kind] if repeated else kind
    return found

found = []
methods = [
    method
    for module, name in SERVICES
    for method in module.DESCRIPTOR.services_by_name[name].methods
]
for method in methods:
    for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
        path = "/" + endpoint.path.lstrip("/")
        if path.split("/")[2] in sys.argv[1:]:
            found.append([
                endpoint.method,
                f"/api/{endpoint.since.major}.0{path}",
                described(method.input_type),
                described(method.input_type.nested_types_by_name["Response"]),
            ])
print(json.dumps(found))
"""

NOT_OURS = {
    *("effective_trace_archival_retention", "workspace"),
    *("deployment_job_id", "deployment_job_state", "model_metrics", "model_params"),
}
"""Fields for what pegboard has not: archives of traces, workspaces, and jobs of Databricks, whose
servers alone fill in the metrics and params of a version."""

NOT_IN_PROTOBUF = {
    ("GET", "/api/2.0/mlflow/metrics/get-history-bulk"),
    ("POST", "/api/2.0/mlflow/runs/create-promptlab-run"),
}
"""MLflow serves these paths without a description of their messages."""


@pytest.fixture(scope="module")
def theirs(mlflow_python: Path) -> dict[tuple[str, str], tuple[Any, Any]]:
    shown = subprocess.run(
        [str(mlflow_python), "-c", LIST, *TOPICS, *NEWER],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = json.loads(shown.stdout.splitlines()[-1])
    return {(method, path): (request, answer) for method, path, request, answer in listed}


@pytest.fixture(scope="module")
def ours() -> dict[tuple[str, str], Endpoint]:
    host = Host(Config())
    found = {
        (each.method, each.path): each
        for each in declared(host)
        if each.path.removeprefix("/api/2.0/mlflow/").partition("/")[0] in TOPICS
        or each.path.removeprefix("/api/3.0/mlflow/").partition("/")[0] in NEWER
    }
    host.close()
    return found


def described(schema: Any) -> Any:
    """Return a JSON schema in the form in which LIST describes a message."""
    if "properties" in schema:
        return {name: described(each) for name, each in schema["properties"].items()}
    for choices in (schema.get("oneOf"), schema.get("anyOf")):
        if choices:
            return described(choices[0])
    if schema.get("type") == "array":
        return [described(schema["items"])]
    if "enum" in schema:
        return sorted(schema["enum"])
    return schema.get("type") if schema.get("type") != "object" else {}


def without(described: Any) -> Any:
    if isinstance(described, dict):
        return {name: without(each) for name, each in described.items() if name not in NOT_OURS}
    if isinstance(described, list) and len(described) == 1:
        return [without(described[0])]
    return described


def test_every_path_and_method_is_served_and_no_other(ours, theirs) -> None:
    assert set(ours) - NOT_IN_PROTOBUF == set(theirs)


def test_requests_have_the_same_fields_of_the_same_types(ours, theirs) -> None:
    for place, (request, _) in theirs.items():
        assert described(ours[place].request) == without(request), place


def test_answers_have_the_same_fields_of_the_same_types(ours, theirs) -> None:
    for place, (_, answer) in theirs.items():
        assert described(ours[place].response) == without(answer), place
