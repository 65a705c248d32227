"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces calls of litellm by itself."""
    return [
        Autologger(
            "litellm",
            "litellm",
            "pegboard_litellm.api:autolog",
            "Calls of litellm: messages, answers, tools, tokens and costs",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.litellm``."""
    return [ApiName("litellm", "pegboard_litellm.api", "Tracing of litellm")]
