"""The contract of HTTP endpoints: what plugins declare and a server serves.

A plugin declares endpoints through the hook ``pegboard_endpoints``; it knows nothing of the server
behind them. An endpoint without a permission cannot be declared, so nothing is open by oversight.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define, field, frozen, setters

if TYPE_CHECKING:
    from pegboard.host import Host


class Permission(StrEnum):
    """What a caller must be allowed to do."""

    PUBLIC = "public"
    """Nothing: health checks and the like."""
    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    ADMIN = "admin"
    INVOKE = "invoke"
    """Call a language model, which may cost money. Who may write may do this; a key of the gateway
    allows this alone."""


@frozen
class Identity:
    """Who calls: the name, and what is allowed."""

    name: str
    permissions: frozenset[Permission]


# Not ``frozen``: that sets each field by a call, which costs more than what quick endpoints do.
@define(on_setattr=setters.frozen)
class Call:
    """One request, checked for size and form, and allowed.

    ``parameters`` holds the parts of the path, the query and the fields of a JSON body (an object),
    in rising precedence; what comes from path or query is text, and repeated query fields are lists
    of it. If a key comes twice in a body, its last value counts. A ``{name:path}`` is relative and
    stays below its root. ``body`` yields the raw body of an endpoint with ``streams``, and raises
    ConnectionError if the client goes away before the end; it has to be read before the endpoint
    returns. For others it is None, as the body was read; those that are ``raw`` find it in
    ``content``.
    """

    host: Host
    identity: Identity
    parameters: Mapping[str, Any]
    headers: Mapping[str, str]
    body: AsyncIterator[bytes] | None = None
    tracking_uri: str | None = None
    """The store that the server was started with; None: the configured one."""
    server_url: str = ""
    """The server as the client addresses it: ``https://HOST:PORT/ROOT``, without a slash at the
    end; for addresses in answers to clients."""
    content: bytes = b""
    """The whole body of a request to an endpoint that is ``raw``."""
    path: str = ""
    """The path below the server's root as it came, percent-encoded: ``/runs/a%2Fb``."""
    address: str = ""
    """The network address of the client."""
    request_id: str = ""
    """What the answer's header ``x-request-id`` says, and the server's log."""


@frozen
class Answer:
    """An answer that is not plain JSON of status 200.

    ``content`` is the whole body or yields it; ``close``, which must not wait for anything, is
    called when it was sent or given up. ``headers`` take precedence over those that the server
    adds.
    """

    content: bytes | AsyncIterator[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)
    media_type: str = "application/json"
    close: Callable[[], None] | None = None
    endless: bool = False
    """Whether the content goes on for as long as the client listens. It is ended as soon as the
    client goes away or the server is to stop, and does not count as a stream."""


Result: TypeAlias = "Mapping[str, Any] | Answer"
Handler: TypeAlias = Callable[[Call], "Result | Awaitable[Result]"]
Application: TypeAlias = Callable[
    [dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application: called with scope, receive and send."""

Tell: TypeAlias = Callable[[int, str, str], Mapping[str, Any]]
"""Returns the body of an error by its status, its code in MLflow's form and its message."""

ANY_METHOD = "*"
"""The method of an endpoint that answers all that no other endpoint of its path does."""


@frozen
class Endpoint:
    """A method and a path, and the function that answers.

    ``path`` may hold ``{name}`` for one part and ``{name:path}`` for the rest. A path below
    ``/api/`` is served below ``/ajax-api/`` too. ``handle`` is called in a thread, unless it is a
    coroutine function or ``quick``, which promises that it never waits for anything (microseconds).
    It returns a mapping (sent as JSON), or an Answer. What is quick most of the time returns,
    before it has done anything, a coroutine for the other times, and may be called twice then.
    Errors of ``pegboard.errors`` become answers in MLflow's error form.

    ``request`` and ``response`` are JSON schemas of the parameters and the answer, for the OpenAPI
    document and the tests that are made from it.
    """

    method: str
    path: str
    handle: Handler
    permission: Permission
    summary: str
    request: Mapping[str, Any] = field(factory=dict)
    response: Mapping[str, Any] = field(factory=dict)
    quick: bool = False
    streams: bool = False
    """Whether the body is a stream of bytes, not a JSON object."""
    raw: bool = False
    """Whether the body, of any type, is handed over as it came."""
    max_body: int = 0
    """How many bytes a ``raw`` body may have, if that is more than a JSON object may."""
    leaves: bool = False
    """Whether a coroutine, or the content that it returned, is cancelled as soon as the client has
    gone: nobody else needs what it would still do. Such content does not count as a stream."""
    response_headers: Mapping[str, str] = field(factory=dict)
    """What headers of a good answer say, by name, for the OpenAPI document."""
    tags: tuple[str, ...] = ()
    application: Application | None = None
    """Answers in place of ``handle``; see ``mount``."""
    tell: Tell | None = None
    """Returns the body of an error answer, from its status, error code and message; without it
    errors are told in MLflow's form."""
    sentences: Mapping[str, str] = field(factory=dict)
    """What MLflow's server says of some faults, as a table of ``pegboard_wire.sentences``: these
    words come before those of an error. Those that all endpoints share need not be named."""


def mount(prefix: str, application: Application, permission: Permission, summary: str) -> Endpoint:
    """Return the endpoint of a foreign ASGI application, which serves all below ``prefix``.

    The server checks host, origin, caller and permission before it; the scope's ``root_path`` ends
    with the prefix, and ``pegboard.user`` in it is the caller's name. Longer paths of other
    endpoints take precedence.
    """

    def handle(call: Call) -> Result:
        raise NotImplementedError("the application answers")

    path = prefix.rstrip("/") + "/{path:path}"
    return Endpoint(ANY_METHOD, path, handle, permission, summary, application=application)
