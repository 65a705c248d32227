"""The description of the endpoints as a page for people; it says what ``/openapi.json`` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pegboard_wire import notices
from pegboard_wire.notices import Link, Section

_SERVER = "The server itself"
"""What belongs to no plugin; it comes last."""


def page(document: Mapping[str, Any], start: str) -> bytes:
    """Return the page of an OpenAPI document; ``start`` leads to the root of the server."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            [tag] = operation.get("tags", [_SERVER])[:1]
            said = " ".join(_said(operation))
            found.setdefault(tag, []).append((f"{method.upper()} {path}", said))
    return notices.page(
        "The addresses of this server that programs may ask",
        [document["info"]["description"], "A * marks what has to be said."],
        links=[Link("The same for programs, as OpenAPI 3.1", f"{start}openapi.json")],
        sections=[
            Section(tag[:1].upper() + tag[1:], entries)
            for tag, entries in sorted(found.items(), key=lambda each: (each[0] == _SERVER, each))
        ],
    )


def _said(operation: Mapping[str, Any]) -> Iterator[str]:
    yield operation["summary"]
    query = [each for each in operation["parameters"] if each["in"] == "query"]
    if query:
        yield f"Query: {', '.join(_field(each['name'], each['required']) for each in query)}."
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if fields := schema.get("properties"):
        required = schema.get("required", ())
        yield f"Body: {', '.join(_field(name, name in required) for name in fields)}."
    yield f"For: {operation['x-permission']}."


def _field(name: str, is_required: bool) -> str:
    return f"{name}*" if is_required else name
