"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces calls of the openai library by itself."""
    return [
        Autologger(
            "openai",
            "openai",
            "pegboard_openai.api:autolog",
            "Calls of the openai library: messages, answers, tools, tokens and costs",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.openai``."""
    return [ApiName("openai", "pegboard_openai.api", "Tracing of the openai library")]
