"""The events of a streamed answer, on their way to the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pegboard.contracts.llm import EventReader, Json, LLMError, Trouble

from pegboard_gateway.entities import Tokens
from pegboard_gateway.money import Money
from pegboard_gateway.path.faults import reading, telling
from pegboard_gateway.upstream import Stream, UpstreamError

if TYPE_CHECKING:
    from pegboard_gateway.control.contract import StreamGuard
    from pegboard_gateway.path.calls import Way


class Source(Protocol):
    """Where events come from."""

    async def read(self) -> Sequence[Json]:
        """Return the next events, at least one; none at the end."""

    def close(self) -> None:
        """Take no more."""


class Writer(Protocol):
    """Writes a streamed answer in a face's form."""

    def begin(self) -> bytes:
        """Return what comes before the first event."""

    def feed(self, event: Mapping[str, Any]) -> bytes:
        """Return what one of OpenAI's chunks becomes; nothing, perhaps."""

    def end(self, cost: Money | None) -> bytes:
        """Return what comes at the end of a whole answer, with its cost if that is known."""

    def fail(self, error: LLMError) -> bytes:
        """Return what comes at the end of one that broke."""


class RemoteSource:
    """Events of a vendor's stream."""

    __slots__ = ("_ended", "_endpoint", "_reader", "_stream")

    def __init__(self, stream: Stream, reader: EventReader, endpoint: str) -> None:
        """``endpoint`` is its name, for errors."""
        self._stream, self._reader, self._ended = stream, reader, False
        self._endpoint = endpoint

    async def read(self) -> Sequence[Json]:
        """Return the next events; LLMError if the stream says so, or breaks."""
        while not self._ended:
            try:
                data = await self._stream.read()
            except UpstreamError as error:
                raise error.of(self._endpoint) from None
            if data:
                found = self._reader.feed(data)
            else:
                self._ended = True
                found = self._reader.end()
            if found:
                return found
        return ()

    def close(self) -> None:
        """Close the connection, unless all has come."""
        self._stream.close()


class Counting:
    """Counts what a stream says, for the case that its vendor has no time left to do so."""

    __slots__ = ("_said", "tokens")

    def __init__(self) -> None:
        self.tokens: Tokens | None = None
        """What the vendor said."""
        self._said = 0

    def add(self, events: Sequence[Json]) -> None:
        """Look at events."""
        for event in events:
            usage = event.get("usage")
            if usage:
                self.tokens = Tokens.of(usage)
            for choice in event.get("choices") or ():
                delta = choice.get("delta")
                if delta is None:
                    self._said += _size(choice.get("text") or "")
                    continue
                content = delta.get("content")
                if content:
                    self._said += _size(content)
                if not content or len(delta) > 1:
                    self._said += _size_of_others(delta)

    def so_far(self, prompt: int) -> Tokens:
        """Return what was used until now: as counted, or estimated from what was said."""
        if self.tokens is not None:
            return self.tokens
        return Tokens(prompt, -(-self._said // 4), estimated=True)


def _size(text: str) -> int:
    """Return bytes of UTF-8, of which four are about a token in any language."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _size_of_others(delta: Json) -> int:
    """Return the bytes of what is said beside the content: thoughts, refusals, calls."""
    found = _size(delta.get("reasoning_content") or "") + _size(delta.get("refusal") or "")
    functions = [call.get("function") or {} for call in delta.get("tool_calls") or ()]
    for function in (*functions, delta.get("function_call") or {}):
        found += _size(function.get("name") or "") + _size(function.get("arguments") or "")
    return found


class Events:
    """A streamed answer whose first events have come: OpenAI's chunks, in bunches as they came.

    It has to be read to its end or closed; either ends the call, which is settled and recorded.
    """

    def __init__(
        self, way: Way, source: Source, first: Sequence[Json], guard: StreamGuard | None
    ) -> None:
        self._way, self._source, self._guard = way, source, guard
        self._kept: list[Json] | None = None
        """What was sent, if somebody wants it when the stream has ended."""
        if way.is_kept:
            self._kept = way.said = []
        self._reading = reading(way.provider)
        self._still = way.calls.still if way.asked.caller.key_id else None
        self.opening = first[0]
        """The first of its events, whether it was taken already or not."""
        self._first: Sequence[Json] | None = first
        self._is_whole = self._ended = False

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Sequence[Json]:
        """Return the next events.

        Raises LLMError when the stream breaks: the client has to hear of it, as an event.
        """
        found = await self._passed()
        if not found:
            self._end(None)
            raise StopAsyncIteration
        return found

    @property
    def cost(self) -> Money | None:
        """What the caller is charged, once the usage has come; None if nobody knows."""
        return self._way.cost_so_far()

    async def written(self, writer: Writer) -> AsyncIterator[bytes]:
        """Yield it as a face writes it. The call ends well once all of it is written.

        What does not fit into the form of the face breaks the stream.
        """
        telling_it, begun = telling(self._way.provider), b""
        try:
            with telling_it:
                begun = writer.begin()
            while bunch := await self._passed():
                with telling_it:
                    data = begun + b"".join([writer.feed(event) for event in bunch])
                begun = b""
                if data:
                    yield data
            with telling_it:
                last = begun + writer.end(self.cost)
        except LLMError as error:
            self._end(error)
            yield begun + writer.fail(error)
            return
        self._end(None)
        yield last

    async def _passed(self) -> Sequence[Json]:
        """Return the next events; none at the end. LLMError and CancelledError end the call."""
        while not (self._is_whole or self._ended):
            try:
                found = await self._next()
            except asyncio.CancelledError:
                self.close()
                raise
            except LLMError as error:
                self._end(error)
                raise
            if found:
                return found
        return ()

    async def _next(self) -> Sequence[Json]:
        with self._reading:
            if self._first is not None:
                found, self._first = self._first, None
            else:
                found = await self._source.read()
            if found:
                self._way.counting.add(found)
        if self._still is not None:
            self._still(self._way.asked.caller)
        guard = self._guard
        passed = found
        if guard is not None:
            soon = guard.feed(found) if found else guard.end()
            passed = soon if isinstance(soon, Sequence) else await soon
        if self._kept is not None:
            self._kept.extend(passed)
        if not found:
            if self._kept is not None and self._way.slot is not None:
                self._way.slot.keep(self._kept)
            self._is_whole = True
        return passed

    def close(self) -> None:
        """End it: the client takes no more."""
        if not self._ended:
            self._ended = True
            self._source.close()
            self._way.gone()

    def _end(self, error: LLMError | None) -> None:
        if not self._ended:
            self._ended = True
            self._source.close()
            self._way.streamed(error)


class KeptEvents(Events):
    """A streamed answer from the cache, whose call is over already."""

    def __init__(self, way: Way, events: Sequence[Json]) -> None:
        self._way = way
        self._left: Sequence[Json] = events

    @property
    def cost(self) -> Money | None:
        """Nothing."""
        return 0

    async def _passed(self) -> Sequence[Json]:
        """Return all events at once."""
        found, self._left = self._left, ()
        return found

    def close(self) -> None:
        """Send no more."""
        self._left = ()

    def _end(self, _: LLMError | None) -> None:
        """Change nothing: the call has ended."""


async def begun(source: Source) -> tuple[Source, list[Json]]:
    """Return a source with its first events: what is wrong before them is no stream's error."""
    try:
        first = await source.read()
    except BaseException:
        source.close()
        raise
    if not first:
        raise LLMError(Trouble.CUT, "The model's stream ended before it began.")
    return source, list(first)
