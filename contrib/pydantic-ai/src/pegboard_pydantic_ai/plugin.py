"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces agents of Pydantic AI by itself."""
    return [
        Autologger(
            "pydantic_ai",
            "pydantic_ai",
            "pegboard_pydantic_ai.api:autolog",
            "Agents of Pydantic AI: runs, streams, models, tools, MCP servers, tokens and costs",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.pydantic_ai``."""
    return [ApiName("pydantic_ai", "pegboard_pydantic_ai.api", "Tracing of Pydantic AI")]
