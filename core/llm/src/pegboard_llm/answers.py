"""What models answer to scripts: whole, as it comes, and vectors."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from attrs import field, frozen
from pegboard.contracts.llm import Json
from pegboard.errors import InvalidState, InvalidValue, quoted

from pegboard_llm import prices, shapes

_NANO = 1_000_000_000


@frozen(kw_only=True)
class _Counted:
    """What answers have in common."""

    provider: str
    model: str
    """The name that the answer was asked of."""
    raw: Json = field(repr=False)
    """OpenAI's object."""

    @property
    def usage(self) -> Json:
        """The counts of tokens, as OpenAI has them."""
        found: Json = self.raw["usage"]
        return found

    @property
    def cost(self) -> float | None:
        """US dollars; None if the price is not known."""
        nano = prices.price(self.provider, self.model, self.usage)
        return None if nano is None else nano / _NANO


@frozen(kw_only=True)
class Completion(_Counted):
    """A whole answer. What is not said of a choice is said of the first."""

    @property
    def message(self) -> Json:
        """The assistant's message, as it goes into the next request."""
        found: Json = self.raw["choices"][0]["message"]
        return found

    @property
    def text(self) -> str:
        """What the model said; empty if it only calls tools."""
        return shapes.text_of(self.message)

    @property
    def texts(self) -> list[str]:
        """What each of the choices says."""
        return [shapes.text_of(choice["message"]) for choice in self.raw["choices"]]

    @property
    def tool_calls(self) -> list[Json]:
        """The tools that the model calls."""
        return list(self.message.get("tool_calls") or ())

    @property
    def finish_reason(self) -> str:
        """Why it ended: ``stop``, ``length``, ``tool_calls`` or ``content_filter``."""
        found: str = self.raw["choices"][0]["finish_reason"]
        return found

    def json(self) -> Any:
        """Return the text, read as JSON; InvalidValue if it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise InvalidValue(f"The answer is not JSON: {quoted(self.text)}.") from None

    def __str__(self) -> str:
        """Return the text."""
        return self.text


@frozen(kw_only=True)
class Embeddings(_Counted):
    """Vectors, in the order of the texts."""

    @property
    def vectors(self) -> list[list[float]]:
        """One vector for each text."""
        return [item["embedding"] for item in self.raw["data"]]

    def __iter__(self) -> Iterator[list[float]]:
        """Iterate over the vectors."""
        return iter(self.vectors)

    def __len__(self) -> int:
        """Return the number of vectors."""
        return len(self.raw["data"])

    def __getitem__(self, index: int) -> list[float]:
        """Return one vector."""
        found: list[float] = self.raw["data"][index]["embedding"]
        return found


@frozen(kw_only=True)
class Delta:
    """What is new of a streamed answer."""

    raw: Json = field(repr=False)
    """OpenAI's chunk."""

    @property
    def text(self) -> str:
        """More of the text of the first choice."""
        return self._first.get("content") or ""

    @property
    def reasoning(self) -> str:
        """More of what the model thinks, if it tells."""
        return self._first.get("reasoning_content") or ""

    @property
    def tool_calls(self) -> list[Json]:
        """Parts of calls of tools."""
        return list(self._first.get("tool_calls") or ())

    @property
    def _first(self) -> Mapping[str, Any]:
        for choice in self.raw["choices"]:
            if choice["index"] == 0:
                found: Mapping[str, Any] = choice["delta"]
                return found
        return {}

    def __str__(self) -> str:
        """Return the text."""
        return self.text


class Stream:
    """A streamed answer: an iterator of ``Delta``. Closing it stops the model."""

    def __init__(
        self, chunks: Iterator[Json], stop: Callable[[], None], provider: str, model: str
    ) -> None:
        self._chunks, self._stop = chunks, stop
        self._named = {"provider": provider, "model": model}
        self._merger = shapes.Merger()
        self._whole = False

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> Delta:
        """Return what is new; LLMError."""
        for chunk in self._chunks:
            self._merger.add(chunk)
            if chunk["choices"]:
                return Delta(raw=chunk)
            self._whole = True
        raise StopIteration

    @property
    def completion(self) -> Completion:
        """The whole answer, once all of it is there; InvalidState before."""
        if not self._whole:
            raise InvalidState(
                "The answer is not complete.", hint="Read the stream to its end first."
            )
        return Completion(raw=self._merger.answer(), **self._named)

    @property
    def text(self) -> str:
        """All text so far."""
        choices = self._merger.answer()["choices"]
        return shapes.text_of(choices[0]["message"]) if choices else ""

    def close(self) -> None:
        """Stop the model, if it is not done. May be called by any thread."""
        # Another thread may be within a generator: then that ends by itself.
        with contextlib.suppress(ValueError):
            self._stop()
        with contextlib.suppress(ValueError):
            getattr(self._chunks, "close", lambda: None)()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the model, if it is not done."""
        self.close()


class AsyncStream:
    """A streamed answer: an asynchronous iterator of ``Delta``; it is asked for when it is read.

    Closing it, or cancelling the task that reads it, stops the model.
    """

    def __init__(self, begin: Callable[[], Stream]) -> None:
        self._begin = begin
        self._stream: Stream | None = None
        self._closed = False

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Delta:
        """Return what is new; LLMError."""
        if self._closed:
            raise StopAsyncIteration
        work = asyncio.ensure_future(asyncio.to_thread(self._next))
        try:
            delta = await asyncio.shield(work)
        except asyncio.CancelledError:
            # What is begun in the meantime is closed when it is there.
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            await self.aclose()
            raise
        if delta is None:
            raise StopAsyncIteration
        return delta

    def _next(self) -> Delta | None:
        if self._stream is None:
            self._stream = self._begin()
        if self._closed:
            self._stream.close()
            return None
        return next(self._stream, None)

    @property
    def completion(self) -> Completion:
        """The whole answer, once all of it is there; InvalidState before."""
        if self._stream is None:
            raise InvalidState("The answer is not complete.", hint="Read the stream first.")
        return self._stream.completion

    async def aclose(self) -> None:
        """Stop the model, if it is not done."""
        self._closed = True
        if self._stream is not None:
            await asyncio.to_thread(self._stream.close)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the model, if it is not done."""
        await self.aclose()
