"""Providers of language models: OpenAI and what speaks like it, Anthropic, Gemini and others.

What stands here is for providers of vendors that speak as others do; it is imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard_providers.anthropic import AnthropicForm as AnthropicForm
    from pegboard_providers.gemini import GeminiForm as GeminiForm
    from pegboard_providers.openai_form import OpenAIForm as OpenAIForm
    from pegboard_providers.settings import url_field as url_field

_HOMES = {
    "AnthropicForm": "anthropic",
    "GeminiForm": "gemini",
    "OpenAIForm": "openai_form",
    "url_field": "settings",
}
"""By public name the module that has it."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
