"""Guards that look for something in texts, and block or replace it: patterns, personal data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pegboard.contracts.llm import Json
from pegboard.errors import ConfigError, InvalidValue, quoted

from pegboard_gateway.control.contract import Blocked, Guard, StreamGuard
from pegboard_gateway.control.guardrails import Setting
from pegboard_gateway.control.guardrails.texts import (
    WindowedStream,
    edited_answer,
    edited_request,
)
from pegboard_gateway.entities import Asked

Found = tuple[int, int, str]
"""Start, end, and what is said in its place."""

MOST_TEXT = 4 << 20
"""Characters of one request or answer that are looked through: no model reads more, and the
gateway does nothing else meanwhile."""


class FindingGuard(Guard, ABC):
    """Looks for something in all texts of a request or an answer."""

    name: str

    def __init__(self, given: Mapping[str, Any], setting: Setting) -> None:
        """``given``: ``stage``, ``action``, and ``stream`` (``window`` or ``buffer``)."""
        self.setting = setting
        self.is_before = given["stage"] in ("before", "both")
        self.is_after = given["stage"] in ("after", "both")
        self.blocks = given["action"] == "block"
        how = given.get("stream", "window")
        if how not in ("window", "buffer"):
            raise wrong(self.name, "stream", how, "'window' or 'buffer'")
        self._buffers = how == "buffer"
        self._left = 0

    def begin(self) -> None:
        """Begin to look through a request or an answer: its texts share what that may cost."""
        self._left = MOST_TEXT

    @abstractmethod
    def find(self, text: str) -> Iterable[Found]:
        """Return what is in a text, in its order, without overlaps.

        Raises InvalidValue if the text takes too long to look through.
        """

    @abstractmethod
    def kept(self, text: str) -> int:
        """Return from where on a stream's text, as far as it has come, is held back."""

    def before(self, asked: Asked) -> Asked:
        """Return what may be asked."""
        self.begin()
        return edited_request(asked, self._edit, self.name) if self.is_before else asked

    def after(self, asked: Asked, answer: Json) -> Json:  # noqa: ARG002
        """Return what may be answered."""
        self.begin()
        return edited_answer(answer, self._edit) if self.is_after else answer

    def stream(self, asked: Asked) -> StreamGuard | None:  # noqa: ARG002
        """Return what watches a streamed answer."""
        return WindowedStream(self._edit_part) if self.is_after else None

    def _look(self, text: str) -> Sequence[Found]:
        self._left -= len(text)
        try:
            found = list(self.find(text)) if self._left >= 0 else None
        except InvalidValue:
            found = None
        if found is None:
            # What cannot be looked through does not pass.
            raise Blocked(self.name, f"The guardrail {self.name!r} cannot look through this text.")
        if found and self.blocks:
            raise Blocked(
                self.name,
                f"The guardrail {self.name!r} refuses this: it holds what it must not.",
                hint="Leave it out.",
            )
        return found

    def edit(self, text: str) -> str:
        """Return a text with what must not be in it replaced; Blocked if that is not enough."""
        self.begin()
        return self._edit(text)

    def _edit(self, text: str) -> str:
        found = self._look(text)
        return _replaced(text, found, len(text)) if found else text

    def _edit_part(self, text: str, is_end: bool) -> tuple[str, str]:
        """Return the first part of a stream's text, edited, and the rest, which is kept back."""
        if self._buffers and not is_end:
            return "", text
        self.begin()
        found = self._look(text)
        cut = len(text) if is_end else self.kept(text)
        for start, end, _ in found:
            # What lies across the cut, or ends where the text does, may be longer yet.
            if not is_end and start < cut and (cut < end or end == len(text)):
                cut = start
        return _replaced(text, found, cut), text[cut:]


def _replaced(text: str, found: Sequence[Found], until: int) -> str:
    parts: list[str] = []
    at = 0
    for start, end, instead in found:
        if end > until:
            break
        parts += (text[at:start], instead)
        at = end
    parts.append(text[at:until])
    return "".join(parts)


def wrong(guardrail: str, key: str, value: object, expected: str) -> ConfigError:
    """Return the error of a wrong value in a guardrail's table."""
    return ConfigError(
        f"The guardrail {guardrail!r} has {key} = {quoted(value)}.",
        hint=f"Expected {expected}.",
    )


def refuse_others(guardrail: str, given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise ConfigError for a key that a guardrail does not have."""
    for key in given:
        if key not in (*known, "stage", "action", "stream"):
            names = ", ".join(sorted((*known, "stage", "action", "stream")))
            raise ConfigError(
                f"The guardrail {guardrail!r} has no {key!r}.", hint=f"Keys: {names}."
            )
