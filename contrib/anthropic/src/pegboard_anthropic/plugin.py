"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces calls of the anthropic library by itself."""
    return [
        Autologger(
            "anthropic",
            "anthropic",
            "pegboard_anthropic.api:autolog",
            "Calls of the anthropic library: messages, answers, tools, tokens and costs",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.anthropic``."""
    return [ApiName("anthropic", "pegboard_anthropic.api", "Tracing of the anthropic library")]
