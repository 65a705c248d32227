"""Errors for people: a browser that goes to an address gets a page where a program gets JSON."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from attrs import evolve
from pegboard_wire import notices
from pegboard_wire.notices import Link

from pegboard_server.asgi import is_of_page
from pegboard_server.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pegboard_server.exchange import Exchange
    from pegboard_server.routing import Router

_TITLES = {
    400: "The server cannot read this address",
    401: "Log in first",
    403: "This is not allowed",
    404: "There is nothing at this address",
    405: "This address is for programs",
    414: "This address is too long",
    429: "Too many requests",
    431: "The browser sent too much",
    501: "This is not possible here",
    503: "The server is busy",
    504: "It took too long",
}
_LONGEST_WAY = 64
"""From deeper addresses the way up is not told relatively; nobody has such pages."""


def fitted(failure: Failure, exchange: Exchange, router: Router, root: str) -> Failure:
    """Return an error in the form for who asked; ``root`` is the server's path, if it was told."""
    scope = exchange.scope
    if failure.status == 401 and is_of_page(scope):
        # The browser would ask with its own dialog; the page has a better one.
        return Failure(401, failure.error_code, failure.message)
    if scope["method"] not in ("GET", "HEAD") or not wants_page(scope["headers"]):
        return failure
    links = list(_links(failure, exchange, router, root))
    headers = failure.headers
    if failure.status == 401 and any(link.text == "Log in" for link in links):
        headers = {name: headers[name] for name in headers if name != "www-authenticate"}
    page = page_of(failure.status, failure.error_code, failure.message, links, exchange.request_id)
    return evolve(failure, headers=headers, page=page)


def wants_page(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the headers of a request are those of a browser that goes somewhere."""
    accept = next((value for name, value in headers if name == b"accept"), b"")
    return notices.is_wanted(accept.decode("latin-1"))


def page_of(
    status: int, code: str, message: str, links: Iterable[Link] = (), request_id: str = ""
) -> bytes:
    """Return the page that tells an error."""
    default = "Something went wrong in the server" if status >= 500 else _phrase(status)
    request = f", request {request_id}" if request_id else ""
    return notices.page(
        _TITLES.get(status, default),
        message.split("\n"),
        links=list(links),
        small=f"{status} {code}{request}",
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "This is not possible"


def _links(failure: Failure, exchange: Exchange, router: Router, root: str) -> Iterable[Link]:
    if failure.status == 403 and exchange.route is None and not exchange.user:
        # Refused for the name of the server in the address: all of its links are.
        return
    path = exchange.path.decode("latin-1")
    near = path and path.count("/") <= _LONGEST_WAY and not root
    start = notices.up(path) if near else f"{root}/"
    if failure.status == 401 and router.find(b"/login"):
        yield Link("Log in", f"{start}login?to={quote(path)}")
    if failure.status in (429, 503):
        yield Link("Try again", "")
    if router.find(b"/") and path != "/":
        yield Link("Home", start)
    if failure.status in (404, 405) and router.find(b"/docs"):
        yield Link("All addresses that programs may ask", f"{start}docs")
