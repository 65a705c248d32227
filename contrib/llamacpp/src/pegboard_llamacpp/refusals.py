"""What llama.cpp refuses, as errors of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.contracts.llm import LLMError, Trouble

_TROUBLES = {
    "invalid_request_error": Trouble.INVALID,
    "not_supported_error": Trouble.UNSUPPORTED,
    "unavailable_error": Trouble.OVERLOADED,
}
_SCHEMA = "JSON schema error "
_TOO_LARGE = "too large to process"


def refused(error: Mapping[str, Any]) -> LLMError:
    """Return what an error object of llama.cpp means.

    One without a type was raised while the request was read, so no other try would do better.
    """
    said = str(error.get("message", "")).strip().rstrip(".")
    if error.get("type") == "exceed_context_size_error" or _TOO_LARGE in said:
        return _too_long(error, said)
    _, found, schema = said.partition(_SCHEMA)
    if found:
        return LLMError(
            Trouble.INVALID, f"The JSON schema is wrong {schema}.", param="response_format"
        )
    trouble = _TROUBLES.get(error.get("type", "invalid_request_error"), Trouble.SERVER)
    return LLMError(trouble, f"llama.cpp refused the request: {said}.")


def _too_long(error: Mapping[str, Any], said: str) -> LLMError:
    hint = "Shorten it. The settings 'context' and 'path' say how much fits and which model it is."
    if "n_prompt_tokens" in error:
        said = f"{error['n_prompt_tokens']} tokens, and {error['n_ctx']} fit"
    return LLMError(Trouble.TOO_LONG, f"The request is too long: {said}.", hint=hint)
