"""What the prompts of endpoints are now: asked of the registry when a call needs to know.

An answer holds for FRESH_SECONDS, so a move of an alias is in force within a second in each
process. Where the callers of an alias are shared between versions, a caller that says for whom it
calls always gets the same one; all others get the alias's. A registry that is away stops nothing:
the version that was last seen is used on. Only what the registry says is gone is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen
from pegboard.contracts.llm import LLMError, Trouble
from pegboard.errors import InvalidValue, NotFound
from pegboard_llm import prompts
from pegboard_llm.prompts import VERSION, Prompt
from pegboard_stores import prompt_traffic as traffic
from pegboard_stores import refusals

from pegboard_gateway.entities import Asked
from pegboard_gateway.settings import PROMPT

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry

FRESH_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
"""How long a call waits for a registry that was not read before."""
_SHORT_PATIENCE = 1.0
"""And for one whose last answer can be used on."""
_THREADS = 4
_LONG = 512 << 10

logger = logging.getLogger(__name__)


class NoPrompt(LLMError):
    """The prompt of an endpoint is not in the registry: 404."""

    code = "prompt_not_found"

    def __init__(self, name: str, why: str) -> None:
        text = f"The prompt {name!r} of this endpoint is not there. {why}".rstrip()
        super().__init__(Trouble.NO_MODEL, text)


class Unusable(LLMError):
    """The prompt of an endpoint cannot be used as it is now: 503."""

    code = "prompt_unusable"

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(Trouble.OVERLOADED, text, hint=hint, retry_after=1)


@frozen
class _Found:
    """A version, and how the callers of its alias are shared between versions."""

    prompt: Prompt
    shares: Mapping[int, float] = field(factory=dict)


@define
class _Known:
    """What was found last."""

    found: _Found | None
    error: LLMError | None
    as_of: float
    """When it was asked for, by the loop's clock: what has changed since may not be in it."""


class Prompts:
    """The prompts that endpoints name; to be used in one event loop."""

    def __init__(self, open_registry: Callable[[], ModelRegistry]) -> None:
        """``open_registry`` is called in a thread, each time that a prompt is read."""
        self._open = open_registry
        # Of its own, so that a registry that hangs holds up nothing else.
        self._threads = ThreadPoolExecutor(_THREADS, "prompts")
        self._known: dict[str, _Known] = {}
        self._reading: dict[str, asyncio.Future[_Found]] = {}

    async def get(self, name: str, key: str = "") -> Prompt:
        """Return the version that ``NAME@ALIAS``, ``NAME/VERSION`` or ``NAME`` is now; LLMError.

        Where callers are shared between versions, ``key`` says which one: that of a user.
        """
        found = await self._get(name)
        if not key or not found.shares:
            return found.prompt
        parts = PROMPT.fullmatch(name)
        assert parts is not None, name
        number = traffic.chosen(parts["name"], parts["alias"], found.shares, key)
        try:
            return (await self._get(f"{parts['name']}/{number}")).prompt
        except NoPrompt:
            return found.prompt  # A version that was deleted has no callers.

    async def _get(self, name: str) -> _Found:
        known = self._known.get(name)
        now = asyncio.get_running_loop().time()
        if known is None or now - known.as_of > FRESH_SECONDS:
            reading = self._reading.get(name) or self._begin(name, now)
            has_one = known is not None and known.found is not None
            patience = _SHORT_PATIENCE if has_one else PATIENCE_SECONDS
            # What one call no longer waits for, others may still.
            await asyncio.wait({reading}, timeout=patience)
            known = self._known.get(name)
        if known is None:
            raise Unusable(f"The prompt {name!r} could not be read in time.")
        if known.found is None:
            assert known.error is not None
            raise known.error
        return known.found

    def close(self) -> None:
        """Wait for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, name: str, now: float) -> asyncio.Future[_Found]:
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._threads, self._read, name)
        self._reading[name] = reading

        def ended(future: asyncio.Future[_Found]) -> None:
            del self._reading[name]
            if not future.cancelled():
                self._take(name, now, future)

        reading.add_done_callback(ended)
        return reading

    def _take(self, name: str, as_of: float, future: asyncio.Future[_Found]) -> None:
        """Note what was read, and log what has changed."""
        before = self._known.get(name)
        error = future.exception()
        if error is None:
            found = future.result()
            was = None if before is None or before.found is None else before.found
            if was is None or was.prompt.key != found.prompt.key:
                logger.info("The prompt %s is now version %s.", name, found.prompt.version)
            if (was or _Found(found.prompt)).shares != found.shares:
                logger.info("The callers of the prompt %s are shared: %s.", name, found.shares)
            self._known[name] = _Known(found, None, as_of)
            return
        is_told = isinstance(error, LLMError)
        told = error if isinstance(error, LLMError) else _no_answer(name)
        if before is None or str(before.error) != str(told):
            logger.warning("%s", told, exc_info=None if is_told else error)
        # What the registry itself says holds; if it says nothing, what it said before.
        last = None if is_told or before is None else before.found
        self._known[name] = _Known(last, told, as_of)

    def _read(self, name: str) -> _Found:
        parts = PROMPT.fullmatch(name)
        assert parts is not None, name
        registry = self._open()
        shares: Mapping[int, float] = {}
        try:
            with refusals.of_prompts():
                if parts["version"]:
                    found = registry.get_version(parts["name"], parts["version"])
                else:
                    found = registry.version_by_alias(parts["name"], parts["alias"] or "latest")
                if parts["alias"]:
                    shares = traffic.read(registry.get_model(parts["name"]).tags, parts["alias"])
        except (NotFound, InvalidValue) as error:
            # MLflow's server calls an alias that is not there a wrong value.
            raise NoPrompt(name, error.message) from None
        try:
            return _Found(prompts.read(found), shares)
        except InvalidValue as error:
            raise Unusable(error.message, error.hint) from None


def _no_answer(name: str) -> Unusable:
    # The error's own words may name places, which are nothing for a client.
    return Unusable(f"The prompt {name!r} cannot be read: the registry gives no answer.")


async def filled(asked: Asked, name: str, known: Prompts | None) -> Asked:
    """Return what a caller asks for as the prompt of the endpoint makes it; LLMError."""
    if asked.passed is not None:
        raise LLMError(Trouble.UNSUPPORTED, "What is passed on as it is has no prompt.")
    if known is None:
        raise Unusable(f"The prompt {name!r} cannot be read: this gateway has no registry.")
    prompt = await known.get(name, _user(asked.body))
    wanted, variables = asked.fill.version, asked.fill.variables
    if wanted and int(wanted) != int(prompt.version):
        raise LLMError(
            Trouble.INVALID,
            f"The endpoint {asked.endpoint!r} has version {prompt.version} of the prompt "
            f"{prompt.name!r} now, not version {wanted}.",
            hint="Leave the version out to take whichever it has.",
            param=VERSION,
        )
    given = sum(len(value) for value in variables.values() if isinstance(value, str))
    # Long values, and loops of Jinja, take some milliseconds, which other calls would wait for.
    fill = partial(prompt.body, variables, asked.body, asked.task)
    body = await asyncio.to_thread(fill) if given > _LONG or prompt.is_jinja else fill()
    return evolve(asked, body=body, prompt=prompt.key)


def _user(body: Mapping[str, Any]) -> str:
    """Return for whom a call is, by OpenAI's fields for it; empty: it says nothing."""
    found = body.get("safety_identifier") or body.get("user")
    return found if isinstance(found, str) else ""
