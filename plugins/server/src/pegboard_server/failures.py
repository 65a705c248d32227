"""Errors as answers: MLflow's error form, its codes and its statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from pegboard.errors import (
    ConfigError,
    PegboardError,
    PluginError,
    StoreBusy,
    StoreError,
    StoreFull,
)
from pegboard_wire import sentences
from pegboard_wire.sentences import SHARED, Sentences

STATUS_OF_CODE: Mapping[str, int] = {
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "BAD_REQUEST": 400,
    "CANCELLED": 499,
    "CUSTOMER_UNAUTHORIZED": 401,
    "DATA_LOSS": 500,
    "DEADLINE_EXCEEDED": 504,
    "ENDPOINT_NOT_FOUND": 404,
    "INTERNAL_ERROR": 500,
    "INVALID_PARAMETER_VALUE": 400,
    # MLflow answers 500, which its clients take for a passing fault and retry for minutes.
    "INVALID_STATE": 400,
    "NOT_FOUND": 404,
    "NOT_IMPLEMENTED": 501,
    "PERMISSION_DENIED": 403,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "RESOURCE_ALREADY_EXISTS": 400,
    "RESOURCE_CONFLICT": 409,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "RESOURCE_EXHAUSTED": 429,
    "TEMPORARILY_UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}
"""MLflow's HTTP statuses by error code."""

RETRY_SECONDS = "1"
"""What ``Retry-After`` says when the server is busy."""

LONGEST_MESSAGE = 1000
"""Messages are cut to about this many characters."""
LONGEST_OWN = 400
"""And the words for our own clients to this many, since the message holds them too."""


@frozen
class Failure(Exception):
    """A request that is answered with an error.

    ``close`` says that the connection cannot be used again.
    """

    status: int
    error_code: str
    message: str
    headers: Mapping[str, str] = {}
    close: bool = False
    own: Mapping[str, Any] = {}
    """What our own clients receive of an error instead of the message, which is for MLflow's:
    ``message``, ``hint``, ``fault`` and ``facts``."""
    page: bytes = b""
    """What a browser receives instead, if a person asked with one."""


class ClientGone(ConnectionError):
    """The client went away before its request was complete."""


def malformed(message: str) -> Failure:
    """The request is not what the endpoint can read."""
    return Failure(400, "INVALID_PARAMETER_VALUE", message)


def busy(message: str) -> Failure:
    """The server has no room for the request now."""
    return Failure(503, "TEMPORARILY_UNAVAILABLE", message, {"retry-after": RETRY_SECONDS})


def _bounded(message: str, longest: int = LONGEST_MESSAGE) -> str:
    """Leave the middle of a long message out: what was sent is not to be sent back in full."""
    if len(message) <= longest:
        return message
    half = longest // 2
    return f"{message[:half]} … {message[-half:]}"


def _own(error: PegboardError) -> Mapping[str, Any]:
    told = sentences.own_words(error)
    return {k: _bounded(v, LONGEST_OWN) if isinstance(v, str) else v for k, v in told.items()}


def failure_of(
    error: BaseException, request_id: str, words: Sentences = SHARED
) -> tuple[Failure, bool]:
    """Return the answer for an error, and whether the error belongs into the log.

    ``words`` are what MLflow's server says of it. For faults on the server's side, the client gets
    no paths or other details.
    """
    if isinstance(error, Failure):
        return error, False
    see = f"The server's log says more under the request id {request_id}."
    if isinstance(error, RecursionError):
        return malformed("The request is nested too deep."), True
    if isinstance(error, StoreBusy):
        return busy(f"The store is busy; try again. {see}"), True
    if isinstance(error, StoreFull):
        text = f"The store has no space left; nothing acknowledged is lost. {see}"
        return busy(text), True
    if isinstance(error, StoreError | ConfigError | PluginError):
        return Failure(500, "INTERNAL_ERROR", f"The server's store or set-up failed. {see}"), True
    if isinstance(error, PegboardError):
        status = STATUS_OF_CODE.get(error.error_code, 500)
        # A missing ability is not a fault of the server.
        is_fault = status >= 500 and status != STATUS_OF_CODE["NOT_IMPLEMENTED"]
        message = _bounded(sentences.spoken(error, words))
        return Failure(status, error.error_code, message, own=_own(error)), is_fault
    return Failure(500, "INTERNAL_ERROR", f"Something went wrong in the server. {see}"), True
