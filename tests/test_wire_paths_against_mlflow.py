"""Every path of MLflow's server is served, or stands here with the reason why it is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_server.app import App
from pegboard_server.settings import Settings

Place: TypeAlias = tuple[str, str]

LIST = """
import importlib.util, json, os
import mlflow.server
from mlflow.protos import databricks_pb2, mlflow_artifacts_pb2, model_registry_pb2
from mlflow.protos import service_pb2, webhooks_pb2
from mlflow.server.fastapi_app import app

found = set()
for rule in mlflow.server.app.url_map.iter_rules():
    for method in rule.methods - {"HEAD", "OPTIONS"}:
        found.add((method, rule.rule))

def walk(routes, prefix=""):
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            walk(inner.routes, prefix + route.include_context.prefix)
        for method in getattr(route, "methods", None) or ():
            found.add((method, prefix + route.path))

walk(app.routes)
for module in (service_pb2, mlflow_artifacts_pb2, model_registry_pb2, webhooks_pb2):
    for service in module.DESCRIPTOR.services_by_name.values():
        for call in service.methods:
            for endpoint in call.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                start = f"/api/{endpoint.since.major}.0/"
                found.add((endpoint.method, start + endpoint.path.lstrip("/")))

# Only the paths: the methods are said where users are asked for, which needs more packages.
place = os.path.join(os.path.dirname(mlflow.server.__file__), "auth", "routes.py")
spec = importlib.util.spec_from_file_location("routes", place)
routes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(routes)
known = {path for _, path in found}
for value in vars(routes).values():
    if isinstance(value, str) and value.startswith("/") and os.sep + "site-packages" not in value:
        if value not in known:
            found.add(("ANY", value))
print(json.dumps(sorted(found)))
"""

NOT_SERVED = {
    "MLflow's web pages, and what only they ask for": [
        "GET /build/*",
        "GET /static-files/*",
        "GET /graphql",
        "POST /graphql",
        "GET /api/3.0/mlflow/ui-telemetry",
        "POST /api/3.0/mlflow/ui-telemetry",
        "POST /api/3.0/mlflow/demo/*",
    ],
    "users and permissions: pegboard server user": [
        "ANY /signup",
        "ANY /api/2.0/mlflow/users/*",
        "ANY /api/3.0/mlflow/users/*",
        "ANY /api/3.0/mlflow/roles/*",
    ],
    "workspaces": ["* /api/3.0/mlflow/workspaces", "* /api/3.0/mlflow/workspaces/*"],
    "what only MLflow's page asks of its gateway": [
        "GET /api/3.0/mlflow/gateway/provider-config",
        "GET /api/3.0/mlflow/gateway/secrets/config",
        "GET /api/3.0/mlflow/gateway/supported-*",
    ],
    "the assistant": ["* /api/3.0/mlflow/assistant/*"],
    "jobs in the background, prompt optimization among them": [
        "* /api/3.0/jobs/*",
        "* /api/3.0/mlflow/jobs/*",
        "* /api/3.0/mlflow/prompt-optimization/*",
    ],
    "scorers and judgements that a server makes": [
        "POST /api/3.0/mlflow/scorer/invoke",
        "POST /api/3.0/mlflow/genai/evaluate/invoke",
    ],
    "reports of issues": ["* /api/3.0/mlflow/issues", "* /api/3.0/mlflow/issues/*"],
    "the registry of MCP servers": [
        "* /api/3.0/mlflow/mcp-servers",
        "* /api/3.0/mlflow/mcp-servers/*",
    ],
    "links into cloud stores, which sign them: files go through the server": [
        "GET /api/2.0/mlflow-artifacts/presigned/*",
        "POST /api/2.0/mlflow/artifacts/presigned-download-url",
        "POST /api/2.0/mlflow/artifacts/presigned-upload-url",
    ],
    "of hosted servers alone: MLflow's own answers that it has not got it": [
        "GET /api/2.0/mlflow/get-online-trace-details",
        "GET /api/2.0/mlflow/unified-traces",
    ],
    "a slip of the pen for /api/2.0/mlflow/experiments/search-datasets, which is served": [
        "POST /api/2.0mlflow/experiments/search-datasets"
    ],
}


def place(method: str, path: str) -> Place:
    """Return a method and a path with ``*`` for each parameter; both prefixes are the same."""
    named = re.sub(r"\{[^}]*\}|<[^>]*>", "*", path)
    return method, re.sub(r"^/ajax-api/", "/api/", named)


@pytest.fixture(scope="module")
def theirs(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> set[Place]:
    shown = subprocess.run(
        [str(mlflow_python), "-c", LIST],
        cwd=tmp_path_factory.mktemp("listing"),
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    return {place(method, path) for method, path in json.loads(shown.stdout.splitlines()[-1])}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> set[Place]:
    host = Host(Config())
    app = App(host, Settings(tracking_uri=f"sqlite:{tmp_path_factory.mktemp('s')}/s.db"))
    found = {place(r.place.method, r.place.path) for r in app.router.routes}
    app.close()
    return found


def fits(found: Place, listed: str) -> bool:
    method, path = listed.split(" ")
    return method in ("*", found[0]) and fnmatchcase(found[1], path)


def test_every_path_is_served_or_listed(ours: set[Place], theirs: set[Place]) -> None:
    listed = [each for group in NOT_SERVED.values() for each in group]
    anything = {path for _, path in ours}
    missing = {
        found
        for found in theirs - ours
        if not any(fits(found, each) for each in listed)
        and (found[0] != "ANY" or found[1] not in anything)
    }
    assert missing == set()


@pytest.mark.parametrize(
    "listed", [each for group in NOT_SERVED.values() for each in group], ids=lambda each: each
)
def test_what_is_listed_is_there_and_not_served(
    ours: set[Place], theirs: set[Place], listed: str
) -> None:
    found = {each for each in theirs if fits(each, listed)}
    assert found, "MLflow has no such path: take it from the list"
    assert not found & ours, "these are served: take them from the list"
