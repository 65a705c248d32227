"""Calls of a server's API, and its answers as entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pegboard.entities import Page
from pegboard.errors import InvalidValue

from pegboard_wire import pages
from pegboard_wire.client.errors import ServerFault

if TYPE_CHECKING:
    from pegboard_wire.client.connection import Connection

T = TypeVar("T")


class Api:
    """The methods of a server; a name is relative to ``/api/2.0/mlflow/`` or a whole path."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.url = connection.server.url

    def get(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Ask for something."""
        return self.connection.call("GET", name, fields)

    def post(self, name: str, /, *, query: str = "", **fields: Any) -> dict[str, Any]:
        """Have something done; ``query`` is the filter that a complaint would be about."""
        return self.connection.call("POST", name, fields, query=query)

    def patch(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Change something."""
        return self.connection.call("PATCH", name, fields)

    def delete(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Remove something."""
        return self.connection.call("DELETE", name, fields)

    def post_content(
        self, path: str, content: bytes, headers: Mapping[str, str], *, patient: bool = True
    ) -> None:
        """Send something that is not JSON, and whose answer says nothing."""
        response = self.connection.send(
            "POST", path, data=content, headers=headers, patient=patient
        )
        if response.status_code != 200:
            raise self.connection.error_of(response)

    def read(self, answer: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]) -> T:
        """Return what an answer holds; what cannot be read is the server's fault."""
        try:
            return read(answer)
        except InvalidValue as error:
            raise ServerFault(
                f"The server {self.url} gave an answer that cannot be understood: {error}"
            ) from error

    def read_page(self, answer: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> Page[T]:
        """Return the entities of one page of an answer."""

        def read_all(fields: Mapping[str, Any]) -> Page[T]:
            items, token = pages.read_page(fields, name)
            return Page([read(item) for item in items], token)

        return self.read(answer, read_all)


def is_path_part(text: str) -> bool:
    """Whether an id can be a part of a path; one that cannot was never given out."""
    return (
        text.isprintable()
        and 0 < len(text) <= 256
        and not set(text) & set("/\\")
        and (text.strip(".") != "")
    )


def path_part(text: str) -> str:
    """Return a text as a part of a path."""
    return quote(text, safe="")
