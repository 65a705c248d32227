"""Answers that are kept for the same request, in the memory of one process.

The same is: the same endpoint as it is configured now, the same task and body, streamed or not, the
same number in the header ``x-pegboard-repeat`` (for those who want several answers to one question)
and, unless the endpoint shares its answers, the same caller. Only whole answers are kept, as the
guardrails let them through. A client that sends ``cache-control: no-cache`` gets a new answer, and
with ``no-store`` its answer is not kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from attrs import define, field
from pegboard.contracts.llm import Json

from pegboard_gateway.entities import Asked
from pegboard_gateway.settings import Cache

REPEAT = "x-pegboard-repeat"
_SHARE = 8
"""One answer takes at most this part of the memory of its endpoint."""
PATIENCE_SECONDS = 60.0
"""How long others wait for the first of equal calls; its client may read as slowly as it likes."""
_OVERHEAD = 300
"""About how many bytes an answer takes beside its text."""


@define(eq=False)
class _Answer:
    content: bytes
    until: float


@define(eq=False)
class _Room:
    """The answers of one endpoint."""

    of: object
    settings: Cache
    answers: OrderedDict[bytes, _Answer] = field(factory=OrderedDict)
    """The one that was used last comes last."""
    size: int = 0
    asked: dict[bytes, asyncio.Future[None]] = field(factory=dict)
    """What is being asked now, until the answer is there or is not to come."""

    @property
    def most(self) -> int:
        return self.settings.max_mib << 20

    def get(self, key: bytes, now: float) -> _Answer | None:
        found = self.answers.get(key)
        if found is None:
            return None
        if found.until <= now:
            self.drop(key)
            return None
        self.answers.move_to_end(key)
        return found

    def put(self, key: bytes, answer: _Answer) -> None:
        self.drop(key)
        self.answers[key] = answer
        self.size += len(answer.content) + _OVERHEAD
        while self.size > self.most:
            self.drop(next(iter(self.answers)))

    def drop(self, key: bytes) -> None:
        found = self.answers.pop(key, None)
        if found is not None:
            self.size -= len(found.content) + _OVERHEAD


class Slot:
    """The place of one request in the cache. It has to be left, whatever becomes of the call."""

    def __init__(
        self,
        room: _Room,
        key: bytes,
        clock: Callable[[], float],
        asked: Asked,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._room, self._key, self._clock, self._patience = room, key, clock, patience
        directives = asked.headers.get("cache-control") or ""
        self._reads = "no-cache" not in directives and "no-store" not in directives
        self._keeps = "no-store" not in directives
        self._turn: asyncio.Future[None] | None = None

    def at_once(self) -> bytes | None:
        """Return the JSON of the answer, or of the list of a stream's events, if it is there."""
        kept = self._room.get(self._key, self._clock()) if self._reads else None
        return None if kept is None else kept.content

    async def found(self) -> Json | list[Json] | None:
        """Return the answer, or the events of a stream; None if this call has to get it.

        Of equal calls at one time the first one gets it, and the others wait for that.
        """
        room, key = self._room, self._key
        while self._reads:
            kept = room.get(key, self._clock())
            if kept is not None:
                answer: Json | list[Json] = orjson.loads(kept.content)
                return answer
            turn = room.asked.get(key)
            if turn is None:
                break
            await asyncio.wait((turn,), timeout=self._patience)
            if room.get(key, self._clock()) is None:
                # It came to nothing, or takes too long: then each asks for itself, as without a
                # cache.
                return None
        if self._reads and self._keeps:
            self._turn = room.asked[key] = asyncio.get_running_loop().create_future()
        return None

    def keep(self, answer: Json | Sequence[Json]) -> None:
        """Keep the answer, or the events of a stream: all of them."""
        if not self._keeps:
            return
        try:
            content = orjson.dumps(answer)
        except TypeError:
            return
        if len(content) <= self._room.most // _SHARE:
            until = self._clock() + self._room.settings.ttl_seconds
            self._room.put(self._key, _Answer(content, until))

    def leave(self) -> None:
        """Let others go on that wait for this call."""
        if self._turn is not None:
            if self._room.asked.get(self._key) is self._turn:
                del self._room.asked[self._key]
            if not self._turn.done():
                self._turn.set_result(None)
            self._turn = None


class AnswerCache:
    """The answers of all endpoints. It is used by one event loop."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, patience: float = PATIENCE_SECONDS
    ) -> None:
        """``clock`` returns seconds; ``patience`` is how many equal calls wait for the first."""
        self._clock, self._patience = clock, patience
        self._rooms: dict[str, _Room] = {}

    def slot(self, endpoint: object, settings: Cache, asked: Asked) -> Slot:
        """Return the place of a request.

        ``endpoint`` is the endpoint as it is configured now: with another object its answers begin
        anew.
        """
        room = self._rooms.get(asked.endpoint)
        if room is None or room.of is not endpoint:
            room = self._rooms[asked.endpoint] = _Room(endpoint, settings)
        key = _key(asked, shared=settings.shared)
        return Slot(room, key, self._clock, asked, self._patience)


def _key(asked: Asked, *, shared: bool) -> bytes:
    caller = asked.caller
    whose = None if shared else (caller.key_id, caller.user, caller.team, caller.workspace)
    parts: list[Any] = [
        str(asked.task),
        asked.stream,
        whose,
        asked.headers.get(REPEAT) or "",
        asked.body,
    ]
    text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=32).digest()
