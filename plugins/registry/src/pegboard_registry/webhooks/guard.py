"""Which URLs webhooks may call: those of the public internet, and what the owner allows."""

from __future__ import annotations

from pegboard.errors import InvalidValue, PegboardError, Refused, quoted
from pegboard_wire import outbound
from pegboard_wire.outbound import Target, is_public

__all__ = ["Guard", "Target", "is_public"]

_ALLOW = "The server's owner can allow it with [plugins.registry] webhook_allow in pegboard.toml."


class Guard(outbound.Guard):
    """Checks URLs when webhooks are made, and addresses when they are called."""

    def malformed(self, url: str, why: str) -> PegboardError:
        """Return the error for what cannot be the URL of a webhook."""
        scheme = url.partition("://")[0]
        known = scheme in outbound.PORTS or scheme == url
        error = InvalidValue(f"{quoted(url)} cannot be the URL of a webhook.", hint=why)
        fault = "bad_webhook_url" if known else "bad_webhook_scheme"
        return error.about(fault, url=url, scheme=scheme)

    def private(self, host: str) -> PegboardError:
        """Return the error for a host that is not on the public internet."""
        return Refused(
            f"Webhooks may not call {quoted(host)}: it is not on the public internet.", hint=_ALLOW
        ).about("private_webhook", host=host)
