"""What goes wrong with a model's server, for two readers: its clients, and the gateway's owner.

Addresses of servers are nobody's business but the owner's: clients read the endpoint's name in
their place, and the log has the address.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl

from pegboard.contracts.llm import LLMError, Trouble

from pegboard_gateway.upstream.addresses import Origin

_UNNAMED = "the model's server"


class UpstreamError(LLMError):
    """A server gave no answer; ``seen`` says so with its address, for the log alone."""

    def __init__(
        self,
        trouble: Trouble,
        text: str,
        origin: Origin,
        *,
        more: str = "",
        hint: str = "",
        name: str = _UNNAMED,
    ) -> None:
        """``text`` has ``{}`` in the server's place; ``more`` is what only the log says of it."""
        super().__init__(trouble, _said(text, name), hint=hint)
        self.seen = " ".join(filter(None, (_said(text, origin.authority), more)))
        self._text, self._origin, self._more = text, origin, more

    def of(self, endpoint: str) -> UpstreamError:
        """Return this error with the name of the endpoint that was asked for."""
        name = f"the server behind the endpoint {endpoint!r}"
        trouble, text, more = self.trouble, self._text, self._more
        return UpstreamError(trouble, text, self._origin, more=more, hint=self.hint, name=name)


def _said(text: str, name: str) -> str:
    # Of what is put in nothing is read as a place again, whatever a host is called.
    before, _, after = text.partition("{}")
    begun = before or name
    # An address keeps its letters.
    begun = begun[:1].upper() + begun[1:] if before or name.startswith("the ") else begun
    return begun + (name if before else "") + after


def reason(error: Exception) -> str:
    """Return why there is no connection, in words that hold no address."""
    if isinstance(error, ssl.SSLError):
        return "no TLS connection could be made"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its name cannot be looked up"
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if number in errno.errorcode else "no connection could be made"
