"""The OpenAPI document of the endpoints."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pegboard_wire.http import ANY_METHOD, Endpoint, Permission

if TYPE_CHECKING:
    from pegboard_server.routing import Route

_log = logging.getLogger(__name__)
_PLACE = re.compile(r"\{(\w+)(?::path)?\}")
_IN_QUERY = frozenset({"GET", "HEAD"})
_ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {
        "error_code": {"type": "string"},
        "message": {"type": "string"},
        "pegboard": {
            "type": "object",
            "description": "The error in pegboard's words, without those of MLflow's server.",
            "properties": {
                "message": {"type": "string"},
                "hint": {"type": "string"},
                "fault": {"type": "string"},
                "facts": {"type": "object"},
            },
        },
    },
}
_ERROR_OF_ALL = {"$ref": "#/components/responses/Error"}
_ERROR_OF_ITS_OWN = {
    "description": "An error, in the form of the API that the client speaks.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


def document(routes: Iterable[Route], root_path: str) -> dict[str, Any]:
    """Return an OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        try:
            endpoint = route.load()
        except Exception:
            # A broken plugin harms no other; asking what it serves is an error that says why.
            _log.exception("%s %s cannot be described.", route.place.method, route.place.path)
            continue
        if endpoint.method == ANY_METHOD:
            # What a foreign application serves is its own to describe.
            continue
        path = _PLACE.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pegboard",
            "version": version("pegboard-server"),
            "description": "Paths below /api/ are served below /ajax-api/ too.",
        },
        "servers": [{"url": root_path or "/"}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "responses": {
                "Error": {
                    "description": "The request failed.",
                    "content": _json({"$ref": "#/components/schemas/Error"}),
                }
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    names = [place[1] for place in _PLACE.finditer(endpoint.path)]
    schema = dict(endpoint.request)
    fields: Mapping[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    operation: dict[str, Any] = {
        "operationId": _identifier(endpoint),
        "summary": endpoint.summary,
        "x-permission": str(endpoint.permission),
        "parameters": [
            _parameter(name, "path", fields.get(name, {"type": "string"}), True) for name in names
        ],
        "responses": {
            "200": _success(endpoint),
            "default": _ERROR_OF_ITS_OWN if endpoint.tell else _ERROR_OF_ALL,
        },
    }
    if endpoint.tags:
        operation["tags"] = list(endpoint.tags)
    if endpoint.permission is not Permission.PUBLIC:
        operation["security"] = [{}, {"token": []}, {"password": []}]
    rest = {name: field for name, field in fields.items() if name not in names}
    takes_bytes = endpoint.streams or endpoint.raw
    if takes_bytes or endpoint.method in _IN_QUERY:
        operation["parameters"] += [
            _parameter(name, "query", field, name in required) for name, field in rest.items()
        ]
    elif rest:
        body = {**schema, "properties": rest, "required": sorted(required - set(names))}
        if not body["required"]:
            del body["required"]
        operation["requestBody"] = {"required": "required" in body, "content": _json(body)}
    if takes_bytes and endpoint.method not in _IN_QUERY:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _success(endpoint: Endpoint) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "It worked."}
    if endpoint.response:
        success["content"] = _json(dict(endpoint.response))
    if endpoint.response_headers:
        success["headers"] = {
            name: {"description": said, "schema": {"type": "string"}}
            for name, said in endpoint.response_headers.items()
        }
    return success


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _parameter(name: str, place: str, schema: Any, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _identifier(endpoint: Endpoint) -> str:
    words = re.findall(r"[A-Za-z0-9.]+", endpoint.path)
    if endpoint.path.endswith("/"):
        # The same path without it may be another endpoint.
        words.append("slash")
    return "_".join([endpoint.method.lower(), *words]).replace(".", "_")
