"""What goes wrong between a client and a server, as errors for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pegboard.errors import (
    AlreadyExists,
    Deleted,
    FilterError,
    InvalidState,
    InvalidValue,
    NotFound,
    NotSupported,
    PegboardError,
    StoreError,
    StoreFull,
)

from pegboard_wire.client.sessions import was_not_sent

if TYPE_CHECKING:
    import requests

_CLASSES: dict[str, type[PegboardError]] = {
    "ALREADY_EXISTS": AlreadyExists,
    "BAD_REQUEST": InvalidValue,
    "INVALID_PARAMETER_VALUE": InvalidValue,
    "INVALID_STATE": InvalidState,
    "MALFORMED_REQUEST": InvalidValue,
    "NOT_FOUND": NotFound,
    "REQUEST_TOO_LARGE": InvalidValue,
    "RESOURCE_ALREADY_EXISTS": AlreadyExists,
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "RESOURCE_EXHAUSTED": StoreFull,
}
_CLASS_OF_STATUS: dict[int, type[PegboardError]] = {
    400: InvalidValue,
    404: NotFound,
    409: AlreadyExists,
    413: InvalidValue,
    507: StoreFull,
}
_DELETED = "must be in the 'active' state"
"""What MLflow's servers say of deleted runs and experiments, as of values that are wrong."""
_DELETED_FAULTS = frozenset({"experiment_deleted", "run_deleted"})
"""What ours say of them."""
_SHOWN = 300


class Unreachable(StoreError):
    """A server could not be reached, or could not answer at this time; it may later."""

    error_code = "TEMPORARILY_UNAVAILABLE"

    def __init__(self, message: str, *, hint: str = "", maybe_done: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.maybe_done = maybe_done
        """Whether the server may have done what it was asked for, though it did not say so."""


class AccessDenied(StoreError):
    """The server does not know who calls, or does not let them do it."""

    error_code = "PERMISSION_DENIED"


class ServerFault(StoreError):
    """The server failed at a request; another try would fail the same way."""


class UnknownPath(ServerFault):
    """The server does not know the path of a request: it is another or an older one."""


def is_passing(response: requests.Response) -> bool:
    """Whether trying again may help: not if a server names a lasting reason.

    MLflow's servers answer some lasting troubles (a deleted experiment, say) with the status 500.
    """
    code = error_body(response).get("error_code")
    return code not in _CLASSES or code == "RESOURCE_EXHAUSTED"


def error_body(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object that an answer holds; empty if it holds something else."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def error_of(response: requests.Response, server: str, *, query: str = "") -> PegboardError:
    """Return the error that stands for an answer which is not a success.

    ``query`` is the filter or order that was sent, if it may be what the server complains about.
    """
    body, status = error_body(response), response.status_code
    # Our servers tell us what they told MLflow's clients in other words.
    own = body.get("pegboard")
    own = own if isinstance(own, dict) else {}
    # Servers behind others (gateways) answer with pages of their own.
    whole = own.get("message") or body.get("message") or body.get("detail")
    said = str(whole or response.text or response.reason).strip()[:_SHOWN]
    code = str(body.get("error_code") or "")
    if status in (401, 403):
        sent = response.request.headers if response.request is not None else {}
        return _denied(status, server, said, has_credentials="Authorization" in sent)
    if status in (408, 429, 502, 503, 504) or code == "TEMPORARILY_UNAVAILABLE":
        return Unreachable(
            f"The server {server} cannot answer at this time (status {status}): {said}",
            hint="Try again later.",
        )
    kind = _CLASSES.get(code) or _CLASS_OF_STATUS.get(status)
    if kind is not None and own:
        return _of_ours(kind, own)
    if kind is InvalidValue and _DELETED in said:
        return Deleted(said, hint="Restore it first.")
    if kind is InvalidValue and query:
        return FilterError(said, text=query, column=0)
    if kind is not None and (body or status != 404):
        return kind(said)
    if status == 404:
        return UnknownPath(
            f"The server {server} does not know {response.request.path_url}.",
            hint="Check the tracking URI: is this a tracking server, and is its path right?",
        )
    return ServerFault(
        f"The server {server} failed (status {status}): {said}",
        hint="Its log may say more.",
    )


def _of_ours(kind: type[PegboardError], own: dict[str, Any]) -> PegboardError:
    """Return the error that one of our servers tells, in its words and not in MLflow's."""
    message, hint = str(own.get("message") or ""), str(own.get("hint") or "")
    fault, facts = str(own.get("fault") or ""), own.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    text, column = facts.get("text"), facts.get("column")
    error: PegboardError
    if kind is InvalidValue and isinstance(text, str) and isinstance(column, int):
        at = max(0, min(column, len(text)))
        error = FilterError(message, text=text, column=at, hint=hint)
    else:
        deleted = kind is InvalidValue and fault in _DELETED_FAULTS
        error = (Deleted if deleted else kind)(message, hint=hint)
    error.fault, error.facts = fault, facts
    return error


def not_known(server: str, what: str) -> NotSupported:
    """Return the error for what MLflow's protocol has no request for."""
    return NotSupported(
        f"MLflow's protocol, which the server {server} speaks, does not know {what}.",
        hint="Run 'pegboard gc' on the machine of the server, with the store that it serves.",
    )


def _denied(status: int, server: str, said: str, *, has_credentials: bool) -> AccessDenied:
    if status == 401 and has_credentials:
        return AccessDenied(
            f"The server {server} does not accept your name, password or token: {said}",
            hint="They come from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or from "
            "MLFLOW_TRACKING_TOKEN.",
        )
    if status == 401:
        return AccessDenied(
            f"The server {server} asks for a login: {said}",
            hint="Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD.",
        )
    return AccessDenied(f"The server {server} does not let you do this: {said}")


def withheld(status: int, server: str) -> AccessDenied:
    """Return the error for a server that refuses us, and was not sent what another was given."""
    return AccessDenied(
        f"The server {server} refuses us (status {status}); it was not sent your credentials and "
        "headers, which were given for another server.",
        hint="If they are meant for it too, name it in pegboard.toml, below [http]: "
        'credentials_allow = ["https://HOST:PORT"].',
    )


def unreachable(error: Exception, server: str) -> StoreError:
    """Return the error that stands for trouble with the connection."""
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return AccessDenied(
            f"The certificate of {server} cannot be trusted, or it does not trust ours: {error}",
            hint="MLFLOW_TRACKING_SERVER_CERT_PATH names the file of an authority of your own.",
        )
    if isinstance(error, requests.exceptions.Timeout):
        what, hint = "did not answer in time", "MLFLOW_HTTP_REQUEST_TIMEOUT sets the seconds."
    elif isinstance(error, requests.exceptions.ConnectionError):
        what, hint = f"cannot be reached ({_cause(error)})", "Is it running? Is the URI right?"
    else:
        what, hint = f"broke off its answer ({_cause(error)})", "Try again."
    done = not was_not_sent(error)
    return Unreachable(f"The server {server} {what}.", hint=hint, maybe_done=done)


def log_waiting(trouble: Exception | requests.Response, server: str, seconds: float) -> None:
    """Say that a server gave no answer, and for how long it is going to be asked again."""
    import logging

    import requests

    if isinstance(trouble, requests.Response):
        why = f"status {trouble.status_code}"
    else:
        why = _cause(trouble)
    logging.getLogger("pegboard").warning(
        "The server %s does not answer (%s); trying again for %.0f s.", server, why, seconds
    )


def _cause(error: BaseException) -> str:
    """Return the innermost reason, which is what the system said."""
    while True:
        inner = error.__cause__ or error.__context__
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        if inner is None and isinstance(reason, BaseException):
            inner = reason
        if inner is None:
            return str(getattr(error, "strerror", None) or error)
        error = inner
