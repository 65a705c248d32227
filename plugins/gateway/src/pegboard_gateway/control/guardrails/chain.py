"""Several guards, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import TypeVar

from pegboard.contracts.llm import Json

from pegboard_gateway.control.contract import Guard, Soon, StreamGuard
from pegboard_gateway.entities import Asked

T = TypeVar("T")


def through(value: T, steps: Sequence[Callable[[T], Soon[T]]]) -> Soon[T]:
    """Return a value that went through all steps; awaits only those that need it."""
    for number, step in enumerate(steps):
        soon = step(value)
        if isawaitable(soon):
            return _rest(soon, steps[number + 1 :])
        value = soon
    return value


async def _rest(soon: Soon[T], steps: Sequence[Callable[[T], Soon[T]]]) -> T:
    value = await soon if isawaitable(soon) else soon
    for step in steps:
        following = step(value)
        value = await following if isawaitable(following) else following
    return value


class Chain(Guard):
    """Guards that look at the same things, each at what the one before let through."""

    def __init__(self, guards: Sequence[Guard], skip_face: str) -> None:
        """``skip_face``: what is asked by guardrails themselves, and not guarded again."""
        self._guards, self._skipped = guards, skip_face
        self._before = [guard.before for guard in guards]

    def before(self, asked: Asked) -> Soon[Asked]:
        """Return what may be asked."""
        return asked if asked.face == self._skipped else through(asked, self._before)

    def after(self, asked: Asked, answer: Json) -> Soon[Json]:
        """Return what may be answered."""
        if asked.face == self._skipped:
            return answer

        def step(guard: Guard) -> Callable[[Json], Soon[Json]]:
            return lambda given: guard.after(asked, given)

        return through(answer, [step(guard) for guard in self._guards])

    def stream(self, asked: Asked) -> StreamGuard | None:
        """Return what watches a streamed answer."""
        if asked.face == self._skipped:
            return None
        found = [guard.stream(asked) for guard in self._guards]
        watching = [each for each in found if each is not None]
        return StreamChain(watching) if watching else None


class StreamChain(StreamGuard):
    """What watches one stream, one after the other."""

    def __init__(self, guards: Sequence[StreamGuard]) -> None:
        self._guards = guards

    def feed(self, events: Sequence[Json]) -> Soon[Sequence[Json]]:
        """Return the events that all let through."""
        return through(events, [guard.feed for guard in self._guards])

    async def end(self) -> Sequence[Json]:
        """Return what was held back, by each after what came from the one before."""
        held: Sequence[Json] = ()
        for guard in self._guards:
            passed = guard.feed(held) if held else ()
            first = await passed if isawaitable(passed) else passed
            last = guard.end()
            held = [*first, *(await last if isawaitable(last) else last)]
        return held
