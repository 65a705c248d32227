"""Who calls Vertex AI: a service account, or what Google's own tools would find; by google-auth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from google.auth import exceptions
from pegboard.config import HttpConfig
from pegboard.contracts.llm import LLMError, Trouble
from pegboard.errors import ConfigError
from pegboard_llm.renewing import Fetched, Token
from pegboard_llm.sessions import session
from pegboard_llm.vendors import checked_url

VENDOR = "Vertex AI"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_TIMEOUT_S = 20.0
_USUAL_S = 300.0
"""How long a token is used whose end is not told."""
_GOOGLES = re.compile(r"https://([a-z0-9.-]+\.)?googleapis\.com(:443)?(/.*)?", re.I)


def is_googles(url: str) -> bool:
    """Whether an address is one of Google's APIs."""
    return _GOOGLES.fullmatch(url) is not None


def key_of_account(text: str, token_url: str) -> Mapping[str, Any]:
    """Return the key of a service account, which is JSON; ConfigError.

    It says itself where tokens are fetched, which has to be Google's; else ``token_url`` does.
    """
    try:
        key = orjson.loads(text)
    except ValueError:
        key = None
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise ConfigError(
            f'"credentials" of {VENDOR} is the key of a service account, as JSON.',
            hint="Give the content of the file that Google's console makes. Other credentials are "
            "found by themselves: leave the setting out.",
        )
    if token_url:
        key["token_uri"] = checked_url(token_url, "token_url")
    elif not is_googles(str(key.get("token_uri"))):
        raise ConfigError(
            'The token_uri in "credentials" is not Google\'s.',
            hint='Where that is meant, set "token_url" to it.',
        )
    return key


def token_of_account(key: Mapping[str, Any], http: HttpConfig) -> Token:
    """Return the token of a service account, still to be fetched; ConfigError for a wrong key."""
    from google.oauth2.service_account import Credentials

    try:
        found = Credentials.from_service_account_info(key, scopes=_SCOPES)  # type: ignore[no-untyped-call]
    except (ValueError, exceptions.GoogleAuthError):
        raise ConfigError(
            f'"credentials" of {VENDOR} is not a whole key of a service account.',
            hint="It has client_email, private_key and token_uri.",
        ) from None
    return Token(VENDOR, partial(_fetched, found, http))


def token_that_is_found(http: HttpConfig) -> Token:
    """Return the token of application default credentials, which are looked for when fetched."""
    found: list[Any] = []

    def fetched() -> Fetched:
        if not found:
            import google.auth

            with _told(), _requests(http) as request:
                found.append(google.auth.default(scopes=_SCOPES, request=request)[0])
        return _fetched(found[0], http)

    return Token(VENDOR, fetched)


def _fetched(credentials: Any, http: HttpConfig) -> Fetched:
    with _told(), _requests(http) as request:
        credentials.refresh(request)
    token, until = credentials.token, credentials.expiry
    if not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
        raise LLMError(Trouble.GARBAGE, f"What gives tokens for {VENDOR} gave none.")
    if until is None:
        return Fetched(token, _USUAL_S)
    return Fetched(token, (until.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())


@contextmanager
def _requests(http: HttpConfig) -> Iterator[Any]:
    from google.auth.transport.requests import Request

    with session(http) as made:
        yield partial(Request(made), timeout=_TIMEOUT_S)


@contextmanager
def _told() -> Iterator[None]:
    """Make errors of google-auth ours. Its sentences repeat what servers say, so they stay out."""
    try:
        yield
    except exceptions.DefaultCredentialsError:
        raise LLMError(
            Trouble.CREDENTIALS,
            f"There are no credentials for {VENDOR}.",
            hint="Run `gcloud auth application-default login`, or set "
            'GOOGLE_APPLICATION_CREDENTIALS, or "credentials" in the settings of this provider.',
        ) from None
    except exceptions.TransportError:
        message = f"What gives tokens for {VENDOR} cannot be reached."
        raise LLMError(Trouble.UNREACHABLE, message) from None
    except exceptions.GoogleAuthError as error:
        if error.retryable:
            raise LLMError(Trouble.SERVER, f"What gives tokens for {VENDOR} failed.") from None
        raise LLMError(
            Trouble.CREDENTIALS,
            f"What gives tokens for {VENDOR} refuses the credentials.",
            hint="Check that the account and its key exist, and this machine's clock.",
        ) from None
    except (TypeError, KeyError, ValueError, AttributeError):
        # google-auth trusts that what it reads has the form of a token.
        raise LLMError(Trouble.GARBAGE, f"What gives tokens for {VENDOR} gave none.") from None
