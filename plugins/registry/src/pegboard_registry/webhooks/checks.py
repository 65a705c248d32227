"""What a webhook is given, checked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pegboard.errors import InvalidValue, quoted

from pegboard_registry.webhooks.entities import EVENTS, WebhookStatus

MAX_DESCRIPTION = 1000
MAX_SECRET = 1000
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def name(value: str) -> str:
    """Return the name of a webhook."""
    if _NAME.fullmatch(value) is None:
        raise InvalidValue(
            f"{quoted(value)} cannot be the name of a webhook.",
            hint="It has up to 63 letters, digits, '.', '_' and '-', the first and the last a "
            "letter or digit.",
        ).about("bad_webhook_name", name=value)
    return value


def events(values: Iterable[str]) -> list[str]:
    """Return events, each once."""
    given = sorted(set(values))
    unknown = [each for each in given if each not in EVENTS]
    if unknown or not given:
        what = f"{quoted(unknown[0])} is not an event" if unknown else "A webhook needs an event"
        entity, _, action = (unknown or [""])[0].partition(".")
        raise InvalidValue(f"{what}.", hint=f"Events are: {', '.join(EVENTS)}.").about(
            "bad_webhook_event", entity=entity, action=action
        )
    return given


def status(value: str) -> WebhookStatus:
    """Return the status of that name."""
    try:
        return WebhookStatus(value)
    except ValueError:
        raise InvalidValue(f"{quoted(value)} is neither ACTIVE nor DISABLED.") from None


def description(value: str) -> str:
    """Return a description."""
    return _limited(value, "description", MAX_DESCRIPTION)


def secret(value: str) -> str:
    """Return a secret."""
    return _limited(value, "secret", MAX_SECRET)


def _limited(value: str, what: str, limit: int) -> str:
    if len(value) > limit:
        raise InvalidValue(
            f"The {what} of a webhook has {len(value)} characters; {limit} are allowed."
        )
    return value
