"""From a vendor's status and words to the kind of trouble, without a word of our keys.

Vendors agree on statuses by and large; what matters most to routing (a prompt that is too long, a
filter, an empty account) they say in codes and sentences, which the table below knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from pegboard.contracts.llm import HttpReply, LLMError, Trouble

MAX_WORDS = 500
"""The most characters of a vendor's sentence that an error repeats."""

MAX_RETRY_AFTER = 24 * 3600.0

_MOST_JSON = 1 << 20
"""Bytes of an error that are read as JSON; no vendor's has more."""
_MOST_TEXT = 20_000
"""Characters of what a vendor says that are looked at: the event loop waits meanwhile."""

_WORDS: tuple[tuple[Trouble, re.Pattern[str]], ...] = (
    (
        Trouble.QUOTA,
        re.compile(
            r"insufficient.?quota|exceeded your current quota|credit balance is too low"
            r"|billing.?(error|hard.?limit|not.?active)|insufficient.?(balance|credits|funds)"
            r"|payment required|out of credits|account.?deactivated"
        ),
    ),
    (
        Trouble.TOO_LONG,
        re.compile(
            r"context.?length|context.?size|context.?window|maximum context|prompt is too long"
            r"|input is too long|too many (input )?tokens|input token count"
            r"|request.?too.?large|exceeds? the maximum (number of|allowed) (input )?tokens"
            r"|too large for model|must have less than \d+ tokens|max_prompt_tokens"
            r"|input validation error: .inputs. (tokens|must have)|reduce the length of"
        ),
    ),
    (
        Trouble.FILTERED,
        re.compile(
            r"content.?filter|content.?policy|responsibleai|content management policy"
            r"|content moderation|blocked by (our|the) |flagged as (potentially )?violating"
            r"|safety (system|filter|policy)|prohibited_content|filtered due to"
        ),
    ),
    (
        Trouble.CREDENTIALS,
        re.compile(
            r"api.?key not valid|api_key_invalid|invalid.?(api.?key|x-api-key|authentication)"
            r"|incorrect api key|unrecognizedclient|invalidsignature|expiredtoken"
            r"|authentication_error"
        ),
    ),
    (
        Trouble.NO_MODEL,
        re.compile(
            r"model.?not.?found|model .{0,120}(does not exist|not found|is not found)"
            r"|deploymentnotfound|no such model|unknown model|invalid.?model|model.?not.?available"
            r"|model identifier is invalid"
        ),
    ),
    (
        Trouble.OVERLOADED,
        re.compile(r"overloaded|engine is currently|model.?not.?ready|is loading"),
    ),
    (
        Trouble.RATE,
        re.compile(r"rate.?limit|too many requests|throttl|resource_exhausted|resource exhausted"),
    ),
)
"""In this order: an empty account is also called a rate limit, and so on."""

_STATUSES: Mapping[int, Trouble] = {
    401: Trouble.CREDENTIALS,
    402: Trouble.QUOTA,
    403: Trouble.CREDENTIALS,
    404: Trouble.NO_MODEL,
    408: Trouble.TIMEOUT,
    409: Trouble.SERVER,
    413: Trouble.TOO_LONG,
    424: Trouble.SERVER,
    425: Trouble.OVERLOADED,
    429: Trouble.RATE,
    503: Trouble.OVERLOADED,
    504: Trouble.TIMEOUT,
    521: Trouble.UNREACHABLE,
    522: Trouble.UNREACHABLE,
    523: Trouble.UNREACHABLE,
    524: Trouble.TIMEOUT,
    529: Trouble.OVERLOADED,
}

_BY_STATUS = frozenset({401, 402, 408, 413, 503, 504, 529})
"""Statuses that say all, whatever the words."""


def trouble_of(status: int, words: str) -> Trouble:
    """Return the kind of trouble of a status and all that the vendor says of it."""
    if status not in _BY_STATUS and (status >= 400 or status == 200):
        words = words.lower()
        for trouble, pattern in _WORDS:
            if pattern.search(words) and _fits(trouble, status):
                return trouble
    if status in _STATUSES:
        return _STATUSES[status]
    if 400 <= status < 500:
        return Trouble.INVALID
    return Trouble.SERVER if status >= 500 or status == 200 else Trouble.GARBAGE


def _fits(trouble: Trouble, status: int) -> bool:
    """Whether words may say more than a status: those of a failed server say what failed."""
    if status == 429:
        return trouble is not Trouble.TOO_LONG  # Too many tokens in a minute.
    return status < 500 or trouble in (Trouble.OVERLOADED, Trouble.RATE)


def vendor_error(
    vendor: str,
    reply: HttpReply,
    *,
    secrets: Iterable[str] = (),
    words: tuple[str, str, str] | None = None,
) -> LLMError:
    """Return the error of a reply whose status is not 200.

    ``words`` are the vendor's sentence, code and field, if the caller found them; else they are
    looked for where most vendors put them. ``secrets`` are texts that the error must not repeat.
    """
    message, code, param = words or found_words(reply.body)
    trouble = trouble_of(reply.status, f"{code} {message}")
    if 300 <= reply.status < 400:
        message = "it redirects to another address, which is not followed"
    return error_of(
        vendor,
        trouble,
        message,
        code=code,
        param=param,
        status=reply.status,
        secrets=secrets,
        retry_after=retry_after(reply.headers),
    )


def error_of(
    vendor: str,
    trouble: Trouble,
    message: str,
    *,
    code: str = "",
    param: str = "",
    status: int = 0,
    secrets: Iterable[str] = (),
    retry_after: float | None = None,
) -> LLMError:
    """Return an error that names the vendor and repeats its words, but for secrets."""
    where = f" (status {status})" if status else ""
    if trouble is Trouble.CREDENTIALS:
        # What vendors say here begins with a part of the key, more often than not.
        said = f"{vendor} refuses the key that it is called with{where}."
        return LLMError(trouble, said, hint="Check the key in this provider's settings.")
    said = without(message or code or "no reason given", secrets)
    said = said if len(said) <= MAX_WORDS else said[: MAX_WORDS - 1] + "…"
    return LLMError(
        trouble,
        f"{vendor}{where}: {said.rstrip('.')}.",
        retry_after=retry_after,
        param=without(param, secrets),
    )


def without(text: str, secrets: Iterable[str]) -> str:
    """Return a text with the secrets in it replaced."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "•••")
    return text


def found_words(body: bytes) -> tuple[str, str, str]:
    """Return what a vendor's error says: sentence, code (with type) and field; empty if none."""
    if len(body) > _MOST_JSON:
        return _plain(body), "", ""
    try:
        value = orjson.loads(body)
    except ValueError:
        return _plain(body), "", ""
    if isinstance(value, list) and value:
        value = value[0]  # Gemini, when a stream was asked for without SSE.
    return words_of(value)


def words_of(value: Any) -> tuple[str, str, str]:
    """Return sentence, code and field of an error's object, in the forms that vendors have."""
    if isinstance(value, str):
        return value[:_MOST_TEXT], "", ""
    if not isinstance(value, dict):
        return "", "", ""
    inner = value.get("error")
    if isinstance(inner, dict):
        return _words({**value, **inner})
    if isinstance(inner, str):
        return _words({**value, "message": value.get("message", inner)})
    return _words(value)


def _words(value: Mapping[str, Any]) -> tuple[str, str, str]:
    message = (
        value.get("message") or value.get("Message") or value.get("detail") or value.get("msg")
    )
    if isinstance(message, list | dict):
        message = orjson.dumps(message).decode()
    codes = (
        value.get(key) for key in ("code", "error_code", "type", "error_type", "status", "__type")
    )
    code = " ".join(str(each) for each in codes if isinstance(each, str | int) and each != "error")
    inner = value.get("innererror") or value.get("inner_error")
    if isinstance(inner, dict) and isinstance(inner.get("code"), str):
        code += f" {inner['code']}"
    param = value.get("param")
    field = param[:MAX_WORDS] if isinstance(param, str) else ""
    return str(message or "")[:_MOST_TEXT], code[:MAX_WORDS], field


def _plain(body: bytes) -> str:
    """Return what a page that is no JSON says, as one line; it is cut where secrets are out."""
    text = body[:_MOST_TEXT].decode("utf-8", "replace")
    if "<" in text:
        text = _TAG.sub(" ", _without_blocks(text))
    return " ".join(text.split())


_TAG = re.compile(r"<[^<>]*>")
_BLOCK = re.compile(r"<(style|script)\b", re.I)


def _without_blocks(text: str) -> str:
    """Return a page without styles and scripts, in time that is in proportion to it."""
    lower, parts, at = text.lower(), [], 0
    while (begin := _BLOCK.search(text, at)) is not None:
        parts.append(text[at : begin.start()])
        end = lower.find(f"</{begin[1].lower()}", begin.end())
        if end < 0:
            return " ".join(parts)
        at = end
    return " ".join([*parts, text[at:]])


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that headers ask to wait: in milliseconds, in seconds or until a date."""
    if asked := headers.get("retry-after-ms"):
        seconds = _float(asked)
        if seconds is not None:
            return min(seconds / 1000, MAX_RETRY_AFTER)
    asked = headers.get("retry-after")
    if not asked:
        return None
    seconds = _float(asked)
    if seconds is None:
        try:
            when = parsedate_to_datetime(asked)
        except (TypeError, ValueError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = max((when - datetime.now(UTC)).total_seconds(), 0.0)
    return min(seconds, MAX_RETRY_AFTER)


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
