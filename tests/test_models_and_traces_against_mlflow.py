"""Endpoints of logged models and traces have the paths and fields of MLflow's descriptors."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pegboard_tracking.wire.endpoints import ROOMS
from pegboard_wire.http import Endpoint
from pegboard_wire.rooms import places_of

LIST = """
import json
from mlflow.protos import databricks_pb2, service_pb2

def described(message, above=()):
    if message.full_name.startswith("google.") or "opentelemetry" in message.full_name:
        return None
    if message.GetOptions().map_entry:
        return "map"
    return {
        field.name: described(field.message_type, (*above, message.name))
        if field.message_type and field.message_type.name not in above
        else sorted(field.enum_type.values_by_name) if field.enum_type else None
        for field in message.fields
    }

found = []
for method in service_pb2.DESCRIPTOR.services_by_name["MlflowService"].methods:
    for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
        topic = endpoint.path.split("/")[2]
        if topic in ("logged-models", "traces"):
            place = f"/api/{endpoint.since.major}.0{endpoint.path}"
            answer = method.input_type.nested_types_by_name.get("Response")
            found.append([
                endpoint.method,
                place.replace("{assessment.trace_id}", "{trace_id}"),
                described(method.input_type),
                described(answer) if answer else {},
            ])
print(json.dumps(found))
"""

TOPIC = re.compile(r"/api/[23]\.0/mlflow/(logged-models|traces|get-trace-artifact)\b")

NOT_IN_PROTOBUF = {
    ("GET", "/api/2.0/mlflow/get-trace-artifact"),
    ("GET", "/api/3.0/mlflow/get-trace-artifact"),
    ("GET", "/api/2.0/mlflow/logged-models/{model_id}/artifacts/files"),
}

# Parts of paths that are no fields, answers that MLflow's server leaves empty, and what belongs to
# hosted services and to the registry.
NOT_OURS = {
    "creator_id", "registrations", "inference_table", "request", "response", "page_token", "error",
}  # fmt: skip
NOT_THEIRS = {"allow_deleted", "trace_id", "assessment_id", "request_id", "model_id", "tag_key"}


@pytest.fixture(scope="module")
def theirs(mlflow_python: Path) -> dict[tuple[str, str], tuple[Any, Any]]:
    shown = subprocess.run(
        [str(mlflow_python), "-c", LIST], capture_output=True, text=True, check=True
    )
    listed = json.loads(shown.stdout.splitlines()[-1])
    return {(method, path): (request, answer) for method, path, request, answer in listed}


@pytest.fixture(scope="module")
def ours() -> dict[tuple[str, str], Endpoint]:
    found = {(each.method, each.path.replace(":path}", "}")): each for each in places_of(ROOMS)}
    return {place: each.load() for place, each in found.items() if TOPIC.match(place[1])}


def fields(schema: Mapping[str, Any]) -> Any:
    """Return the names of the fields of a JSON schema, and of the fields in them."""
    if "items" in schema:
        return fields(schema["items"])
    return {name: fields(each) for name, each in schema.get("properties", {}).items()}


def differences(own: Any, other: Any, at: str) -> list[str]:
    """Return the names that only one of the two has."""
    if not isinstance(own, dict) or not isinstance(other, dict):
        return []
    found = [f"{at}.{name} is not ours" for name in other.keys() - own.keys() - NOT_OURS]
    found += [f"{at}.{name} is not theirs" for name in own.keys() - other.keys() - NOT_THEIRS]
    for name in own.keys() & other.keys():
        if own[name]:
            found += differences(own[name], other[name], f"{at}.{name}")
    return found


def test_every_path_is_served(ours, theirs) -> None:
    assert set(ours) - NOT_IN_PROTOBUF == set(theirs)


def test_requests_and_answers_have_the_same_fields(ours, theirs) -> None:
    found: list[str] = []
    for place, (request, answer) in theirs.items():
        at = " ".join(place)
        found += differences(fields(ours[place].request), request, f"{at} request")
        # MLflow describes the changed model here, and its server sends nothing.
        if not at.endswith("PATCH /api/2.0/mlflow/logged-models/{model_id}/tags"):
            found += differences(fields(ours[place].response), answer, f"{at} answer")
    assert found == []
