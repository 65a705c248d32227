"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces LangChain and LangGraph by itself."""
    return [
        Autologger(
            "langchain",
            "langchain_core",
            "pegboard_langchain.api:autolog",
            "Chains, graphs, models, tools and retrievers of LangChain and LangGraph",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.langchain``."""
    return [ApiName("langchain", "pegboard_langchain.api", "Tracing of LangChain and LangGraph")]
