"""Upstreams that clients of the API have named: https to public addresses, and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.contracts.llm import LLMError, Trouble
from pegboard.errors import PegboardError
from pegboard_wire.locations import is_listed
from pegboard_wire.outbound import Guard, Target

from pegboard_gateway.upstream.addresses import Origin
from pegboard_gateway.upstream.errors import UpstreamError

_HINT = "The gateway's owner can allow it with [plugins.gateway] upstream_allow in pegboard.toml."


class Guarded:
    """Finds the addresses of servers, and refuses those that may not be called."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self._allowed = allowed
        self._guard = Guard(allowed)

    def addresses(self, origin: Origin) -> Sequence[str]:
        """Return where to connect to; called in a thread, once for each connection.

        Raises LLMError UNREACHABLE if it may not be called, OSError if there is no such name.
        """
        name = origin.authority
        if origin.scheme != "https" and not is_listed(origin.host, origin.port, self._allowed):
            raise self._refusal(origin, "only https is allowed")
        try:
            self._guard.check_url(f"{origin.scheme}://{name}/")
            return self._guard.addresses(Target(*origin, "/"))
        except PegboardError:
            raise self._refusal(origin, "it is not on the public internet") from None

    @staticmethod
    def _refusal(origin: Origin, why: str) -> LLMError:
        text = f"The gateway may not call {{}}: {why}."
        return UpstreamError(Trouble.UNREACHABLE, text, origin, hint=_HINT)
