"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces calls of the google-genai library by itself."""
    return [
        Autologger(
            "gemini",
            "google.genai",
            "pegboard_gemini.api:autolog",
            "Calls of the google-genai library: contents, chats, answers, tools, tokens and costs",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.gemini``."""
    return [ApiName("gemini", "pegboard_gemini.api", "Tracing of the google-genai library")]
