"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import ApiName, Autologger, hookimpl


@hookimpl
def pegboard_autologgers() -> Sequence[Autologger]:
    """Declare what traces LlamaIndex by itself."""
    return [
        Autologger(
            "llama_index",
            "llama_index.core",
            "pegboard_llamaindex.api:autolog",
            "LlamaIndex: query and chat engines, agents, models, retrievers, embeddings, tools",
        )
    ]


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``pegboard.llama_index``."""
    return [ApiName("llama_index", "pegboard_llamaindex.api", "Tracing of LlamaIndex")]
