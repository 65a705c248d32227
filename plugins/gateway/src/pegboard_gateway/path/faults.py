"""Faults of providers: what they raise, but should not, is garbage that they could not read."""

from __future__ import annotations

import logging
import re
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pegboard.contracts.llm import LLMError, Trouble

if TYPE_CHECKING:
    from pegboard_gateway.catalog.contract import GatewayEndpoint
    from pegboard_gateway.entities import Asked


def check_task(endpoint: GatewayEndpoint, asked: Asked) -> None:
    """Raise LLMError if an endpoint is not for what is asked."""
    if endpoint.task is not None and endpoint.task is not asked.task:
        raise LLMError(
            Trouble.UNSUPPORTED,
            f"The endpoint {endpoint.name!r} is for {endpoint.task.value}, "
            f"not for {asked.task.value}.",
            param="model",
        )


def no_endpoint(name: str) -> LLMError:
    """Return the error for an endpoint that is not there, or not for the caller: none can tell."""
    return LLMError(
        Trouble.NO_MODEL,
        f"There is no endpoint {name[:100]!r}.",
        hint="GET /v1/models lists those that there are.",
        param="model",
    )


def name_of(error: LLMError) -> str:
    """Return what records call an error: its own code where it has one, or its trouble's."""
    return getattr(error, "code", "") or error.trouble.value


def without_address(error: LLMError, url: str) -> LLMError:
    """Return a vendor's error without the address of its server, if its words repeat that."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    # A name without a dot may be a word as well.
    places = [parts.netloc] if parts.port else []
    places += [host] if "." in host or ":" in host else []
    for place in places:
        pattern = rf"(?<![\w.-]){re.escape(place)}(?![\w-]|\.\w)"
        error.message = re.sub(pattern, "•••", error.message)
    return error


class reading:  # noqa: N801 (used as a statement)
    """Make an exception of a provider's code LLMError GARBAGE, and log it."""

    __slots__ = ("_text",)

    def __init__(self, provider: str) -> None:
        self._text = f"The provider {provider!r} could not read the model's answer."

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Translate what is no LLMError."""
        if isinstance(error, Exception) and not isinstance(error, LLMError):
            # Its own words may repeat what the vendor sent, which is nothing for a client.
            logging.getLogger("pegboard").error("%s", self._text, exc_info=error)
            raise LLMError(Trouble.GARBAGE, self._text) from error


class telling(reading):  # noqa: N801 (used as a statement)
    """Make it LLMError GARBAGE if an answer cannot be put into the form of a face."""

    __slots__ = ()

    def __init__(self, provider: str) -> None:
        self._text = f"What the provider {provider!r} answered does not fit into this API's form."
