"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Sequence

from pegboard.hookspecs import Provider, hookimpl


@hookimpl
def pegboard_llm_providers() -> Sequence[Provider]:
    """Declare Vertex AI."""
    return [Provider("vertex-ai", "pegboard_vertexai.provider:Vertex", "Google Cloud's Vertex AI.")]
