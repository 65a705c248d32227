"""Errors in the forms that clients of each face expect."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import orjson
from pegboard.contracts.llm import LLMError, Trouble
from pegboard_wire.http import Answer, Tell

Form: TypeAlias = Callable[[LLMError], Mapping[str, Any]]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Anthropic's names; OpenAI's clients look at the status and the code."""
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_GEMINI = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def status_of(error: LLMError) -> int:
    """Return the HTTP status of an error; keys have one of their own."""
    return int(getattr(error, "status", 0) or error.trouble.status)


def text_of(error: LLMError) -> str:
    """Return what a client reads: what happened, and what to do."""
    return f"{error.message} {error.hint}".rstrip() if error.hint else error.message


def openai(error: LLMError) -> Mapping[str, Any]:
    """Return OpenAI's form."""
    status = status_of(error)
    if error.trouble is Trouble.QUOTA:
        kind = "insufficient_quota"
    else:
        kind = _OPENAI_TYPES.get(status) or (
            "server_error" if status >= 500 else "invalid_request_error"
        )
    code = getattr(error, "code", "")
    if not code and error.trouble is not Trouble.INVALID:
        code = error.trouble.value
    return {
        "error": {
            "message": text_of(error),
            "type": kind,
            "param": error.param or None,
            "code": code or None,
        }
    }


def anthropic(error: LLMError) -> Mapping[str, Any]:
    """Return Anthropic's form."""
    status = status_of(error)
    kind = _TYPES.get(status) or ("api_error" if status >= 500 else _TYPES[400])
    return {"type": "error", "error": {"type": kind, "message": text_of(error)}}


def gemini(error: LLMError) -> Mapping[str, Any]:
    """Return Gemini's form."""
    status = status_of(error)
    word = _GEMINI.get(status) or ("INTERNAL" if status >= 500 else _GEMINI[400])
    return {"error": {"code": status, "message": text_of(error), "status": word}}


def mlflow(error: LLMError) -> Mapping[str, Any]:
    """Return the form of MLflow's gateway."""
    return {"detail": text_of(error)}


def of_server(form: Form) -> Tell:
    """Return what tells errors of the server itself in a form."""

    def tell(status: int, code: str, message: str) -> Mapping[str, Any]:
        error = LLMError(Trouble.INVALID if status < 500 else Trouble.SERVER, message)
        error.status, error.code = status, code.lower()  # type: ignore[attr-defined]
        return form(error)

    return tell


told_openai, told_anthropic = of_server(openai), of_server(anthropic)
told_gemini, told_mlflow = of_server(gemini), of_server(mlflow)


def answer(error: LLMError, form: Form) -> Answer:
    """Return the answer that tells an error."""
    headers = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return Answer(orjson.dumps(form(error)), status_of(error), headers)
