"""The types of ASGI, the protocol between an HTTP server and an application, and its scope."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Scope: TypeAlias = "dict[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[dict[str, Any]]]"
Send: TypeAlias = "Callable[[dict[str, Any]], Awaitable[None]]"


def client_of(scope: Scope) -> str:
    """Return the address of the client; "" if it has none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_of_page(scope: Scope) -> bool:
    """Whether a script of a page sent the request."""
    return any(name == b"x-requested-with" for name, _ in scope["headers"])
