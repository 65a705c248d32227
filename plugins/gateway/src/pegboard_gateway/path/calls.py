"""One call: checked, admitted, tried at targets until one answers, settled, and recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar, cast

import orjson
from attrs import define, field
from pegboard.contracts.llm import (
    HttpReply,
    Json,
    LLMError,
    LLMProvider,
    LLMRequest,
    LocalProvider,
    Renewal,
    Trouble,
)
from pegboard_llm import checks

from pegboard_gateway.control.cache import AnswerCache, Slot
from pegboard_gateway.control.contract import (
    Blocked,
    BudgetSpent,
    Gate,
    Guard,
    GuardrailFailed,
    LimitReached,
    OpenGate,
    Permit,
    Soon,
)
from pegboard_gateway.entities import (
    NO_TOKENS,
    Answered,
    Asked,
    Attempt,
    Busy,
    Caller,
    Estimate,
    Outcome,
    Spent,
    Tokens,
    UsageRecord,
)
from pegboard_gateway.money import Money
from pegboard_gateway.path import passing
from pegboard_gateway.path.estimates import LONG_ANSWER, estimated
from pegboard_gateway.path.events import Counting, Events, KeptEvents, RemoteSource, Source, begun
from pegboard_gateway.path.faults import check_task, name_of, no_endpoint, telling, without_address
from pegboard_gateway.path.local import Local
from pegboard_gateway.path.renewals import Renewals
from pegboard_gateway.path.sites import Site, Sites
from pegboard_gateway.path.waiting import Waiting
from pegboard_gateway.prompts import Prompts, filled
from pegboard_gateway.routing import Later, Over, Plan, Queue, Try
from pegboard_gateway.routing.order import ordered
from pegboard_gateway.upstream import Client, UpstreamError, Waits

if TYPE_CHECKING:
    from pegboard_gateway.catalog.contract import Catalog, GatewayEndpoint
    from pegboard_gateway.settings import Trace

T = TypeVar("T")

_LOST = frozenset({Trouble.TIMEOUT, Trouble.CUT})
"""After these the vendor may have worked, and charges for it."""
_GONE = 499
_TICK = 0.01  # Timers may end so many seconds early.
_LONG = 512 << 10
"""Bytes of an answer that take some milliseconds to be read, which other calls would wait for."""


async def _had(soon: Soon[T]) -> T:
    """Return what may have to be waited for."""
    # It is asked several times a call, and isinstance(…, Awaitable) would be slow.
    return await cast("Awaitable[T]", soon) if hasattr(soon, "__await__") else soon


class Calls:
    """Takes calls; to be used in one event loop."""

    def __init__(
        self,
        catalog: Catalog,
        gate: Gate | None = None,
        *,
        client: Client | None = None,
        guard: Callable[[GatewayEndpoint], Guard | None] | None = None,
        scope: Callable[[Asked], None] | None = None,
        still: Callable[[Caller], None] | None = None,
        trace: Callable[[Trace, UsageRecord, Asked, Any], None] | None = None,
        prompts: Prompts | None = None,
        random: Random | None = None,
    ) -> None:
        """``guard`` returns what checks the calls of an endpoint, if anything does.

        ``scope`` raises LLMError for what a caller may not ask, ``still`` in the middle of a stream
        for who may not go on. ``trace`` receives calls of
        endpoints that are traced, when they are over, with their answers or the chunks of these.
        """
        self.catalog = catalog
        self.gate = gate or OpenGate()
        self.client = client or Client()
        self.local = Local()
        self.renewals = Renewals()
        self.sites = Sites(catalog)
        self.random = random or Random()  # noqa: S311 (it decides who is asked, not who may)
        self.guard_of, self.scope, self.still = guard, scope, still
        self.trace, self.prompts = trace, prompts
        self.cache = AnswerCache()
        self.waiting = Waiting()

    async def call(
        self, asked: Asked, request_id: str = "", form: Callable[[Json], Json] | None = None
    ) -> Answered | Events:
        """Return the answer: OpenAI's object, or with ``asked.stream`` its chunks.

        ``form`` returns what a face makes of the object: what it cannot is the vendor's garbage.
        Raises LLMError; then the call is settled and recorded.
        """
        way = Way(self, asked, request_id, form)
        try:
            return await way.go()
        except LLMError as error:
            way.failed(error)
            raise
        except asyncio.CancelledError:
            way.gone()
            raise
        except BaseException:
            way.failed(LLMError(Trouble.SERVER, "The gateway failed."))
            raise

    def endpoint(self, name: str) -> GatewayEndpoint:
        """Return an endpoint by name; LLMError NO_MODEL if there is none."""
        found = self.sites.snapshot().endpoints.get(name)
        if found is None:
            raise no_endpoint(name)
        return found

    def close(self) -> None:
        """Close all connections."""
        self.client.close()
        self.local.close()
        self.renewals.close()
        if self.prompts is not None:
            self.prompts.close()


@define(eq=False)
class Way:
    """The way of one call."""

    calls: Calls
    asked: Asked
    request_id: str
    form: Callable[[Json], Json] | None = None
    counting: Counting = field(factory=Counting)
    slot: Slot | None = None
    """Its place in the cache, if its endpoint keeps answers."""
    said: Json | list[Json] | None = None
    """The answer, or the chunks of a stream, as far as somebody still wants them."""
    _started: float = field(factory=time.perf_counter)
    _started_ms: int = field(factory=lambda: time.time_ns() // 1_000_000)
    _endpoint: GatewayEndpoint | None = None
    _estimate: Estimate = Estimate(0, 0)
    _permit: Permit | None = None
    _attempts: list[Attempt] = field(factory=list)
    _site: Site | None = None
    """That which answers, while it does."""
    _attempt_started: float = 0.0
    _output: int = 0
    """The most tokens that the attempt in progress may answer with."""
    _has_waited: bool = False
    """Whether it has waited for other calls to end."""
    _first: float = 0.0
    _is_over: bool = False

    async def go(self) -> Answered | Events:
        """Return the answer."""
        calls, asked = self.calls, self.asked
        self._endpoint = endpoint = calls.endpoint(asked.endpoint)
        if calls.scope is not None:
            calls.scope(asked)
        check_task(endpoint, asked)
        if endpoint.prompt:
            self.asked = asked = await filled(asked, endpoint.prompt, calls.prompts)
        guard = None if calls.guard_of is None else calls.guard_of(endpoint)
        if guard is not None:
            self.asked = asked = await _had(guard.before(asked))
        if endpoint.cache is not None and asked.passed is None:
            self.slot = calls.cache.slot(endpoint, endpoint.cache, asked)
            kept = await self.slot.found()
            if kept is not None:
                events = None if isinstance(kept, dict) else KeptEvents(self, kept)
                told = self._told(kept) if isinstance(kept, dict) else {}
                self.said = kept
                self._over(Outcome.CACHED, 200)
                return events or Answered(told, 0)
        # Before anything is open that would have to be closed if it fails.
        watching = guard.stream(asked) if guard is not None and asked.stream else None
        self._estimate = estimated(asked, map(calls.sites.of, endpoint.targets))
        self._permit = await _had(calls.gate.admit(asked, self._estimate))
        found = await self._try_all(endpoint)
        if isinstance(found, dict):
            if guard is not None:
                found = await _had(guard.after(asked, found))
            told = self._told(found)
            if self.slot is not None:
                self.slot.keep(found)
            self.said = found
            return Answered(told, self._over(Outcome.DONE, 200))
        source, first = found
        return Events(self, source, first, watching)

    def _told(self, found: Json) -> Json:
        """Return an answer in the form of its face; LLMError GARBAGE if it does not fit."""
        if self.form is None:
            return found
        with telling(self.provider):
            return self.form(found)

    async def _try_all(self, endpoint: GatewayEndpoint) -> Json | tuple[Source, list[Json]]:
        calls = self.calls
        loop = asyncio.get_running_loop()
        until = loop.time() + endpoint.timeouts.total_seconds
        sites = [calls.sites.of(target) for target in ordered(endpoint.targets, calls.random)]
        states, retries = attrgetter("state"), endpoint.retries
        plan = Plan.of(sites, states, retries, endpoint.routing, calls.random, until)
        while True:
            step = plan.next(loop.time())
            if isinstance(step, Try):
                try:
                    return await self._try(step.target, endpoint, until)
                except BudgetSpent as error:
                    plan.skipped(error)
                except LLMError as error:
                    plan.failed(error, loop.time())
            elif isinstance(step, Later):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Queue):
                self._has_waited = True
                await calls.waiting.wait(step.target, until)
            else:
                assert isinstance(step, Over)
                raise step.error

    async def _try(
        self, site: Site, endpoint: GatewayEndpoint, until: float
    ) -> Json | tuple[Source, list[Json]]:
        """Make one attempt; its end is told to the upstream's state, and settled."""
        target, asked, loop = site.target, self.asked, asyncio.get_running_loop()
        body = site.limited(asked.body, asked.task)
        request = LLMRequest(asked.task, target.model_name, body, asked.stream)
        state, began = site.state, loop.time()
        # Its place is taken before anything is waited for.
        state.begin()
        try:
            await self._may_try(site, request)
        except BaseException:
            state.left()
            self.calls.waiting.ended(site)
            raise
        self._site, self._attempt_started = site, time.perf_counter()
        attempt = Attempt(target=target.key, provider=target.provider, model=target.model_name)
        self._attempts.append(attempt)
        try:
            found = await self._ask(site, request, endpoint, until, attempt)
            with site.reading:
                used = Tokens.of(found.get("usage")) if isinstance(found, dict) else NO_TOKENS
        except LLMError as error:
            told = self._explained(error, site, until)
            if isinstance(told, Busy):
                state.left()
            else:
                site.failed(error, began, loop.time(), endpoint.breaker)
            attempt.trouble = told.trouble.value
            self._settle(self._most() if error.trouble in _LOST else NO_TOKENS)
            raise told from error.__cause__
        except BaseException:
            state.left()
            self._settle(self._most())
            raise
        if isinstance(found, dict):
            site.succeeded()
            self._settle(used)
        else:
            self._first = time.perf_counter() - self._started
        return found

    def _explained(self, error: LLMError, site: Site, until: float) -> LLMError:
        """Return an error as callers read it, or Busy if others may have left it no time."""
        late = until - asyncio.get_running_loop().time() < _TICK
        kept = (late and self._has_waited) or (site.is_local and site.state.running > 1)
        if error.trouble is not Trouble.TIMEOUT or not kept:
            return error.of(self.asked.endpoint) if isinstance(error, UpstreamError) else error
        return Busy(f"Other calls kept {site.target.model_name!r} until it was too late.")

    async def _may_try(self, site: Site, request: LLMRequest) -> None:
        """Refuse what the target does not take, or nobody has the money for; LLMError."""
        permit, target = self._permit, site.target
        assert permit is not None
        if self.asked.passed is None:
            checks.refuse_others(request, site.takes, target.provider)
        elif isinstance(target.model, LocalProvider):
            raise checks.unsupported(f"{target.provider} has no API that could be called.", "")
        most = site.longest_answer(request, is_passed=self.asked.passed is not None)
        self._output = LONG_ANSWER if most is None else most
        reserved = permit.reserve(
            target.key,
            site.most(self._estimate.input, self._output),
            open_ended=most is None and site.is_paid_by_length,
        )
        if reserved is not None:
            await reserved

    async def _ask(
        self,
        site: Site,
        request: LLMRequest,
        endpoint: GatewayEndpoint,
        until: float,
        attempt: Attempt,
    ) -> Json | tuple[Source, list[Json]]:
        model, waits = site.target.model, endpoint.timeouts
        passed = self.asked.passed
        if site.is_local:
            return await self._ask_here(cast("LocalProvider", model), request, until)
        model = cast("LLMProvider", model)
        if model.renewal() is not Renewal.NOT_DUE:
            await self.calls.renewals.ready(model, until)
        with site.reading:
            if passed is None:
                call = model.call(request)
            else:
                call = passing.call_of(model, passed, site.target.model_name)
        reply = await self.calls.client.send(
            call,
            Waits(waits.first_token_seconds, waits.idle_seconds, until),
            connect=waits.connect_seconds,
            stream=request.stream,
            allowed=site.target.allowed_hosts,
        )
        attempt.status = reply.status
        with site.reading:
            if not isinstance(reply, HttpReply):
                if passed is None:
                    reader = model.events(request)
                else:
                    reader = passing.PassedReader(reply.headers, passed)
                return await begun(RemoteSource(reply, reader, endpoint.name))
            if reply.status != 200:
                raise without_address(model.error(reply), call.url)
            if len(reply.body) > _LONG:
                return await asyncio.to_thread(model.answer, request, reply)
            return model.answer(request, reply)

    async def _ask_here(
        self, model: LocalProvider, request: LLMRequest, until: float
    ) -> Json | tuple[Source, list[Json]]:
        local = self.calls.local
        if request.stream:
            return await begun(local.stream(model, request, until))
        return await local.answer(model, request, until)

    @property
    def provider(self) -> str:
        """The provider that answers, or has answered what comes from the cache."""
        if self._attempts:
            return self._attempts[-1].provider
        return self._endpoint.targets[0].provider if self._endpoint else ""

    def cached(self, endpoint: GatewayEndpoint, found: bytes) -> None:
        """End the call: its answer came from the cache at once."""
        self._endpoint = endpoint
        if endpoint.trace is not None:
            self.said = orjson.loads(found)
        self._over(Outcome.CACHED, 200)

    # -- the end -------------------------------------------------------------------------------

    def streamed(self, error: LLMError | None) -> None:
        """End a streamed call, well or with an error in mid-stream."""
        site, loop = self._site, asyncio.get_running_loop()
        assert site is not None and self._endpoint is not None
        if error is None:
            site.succeeded()
        else:
            began = loop.time() - (time.perf_counter() - self._attempt_started)
            site.failed(error, began, loop.time(), self._endpoint.breaker)
            if not isinstance(error, GuardrailFailed):
                self._attempts[-1].trouble = error.trouble.value
        self._settle(self.counting.so_far(self._estimate.input))
        if error is None:
            self._over(Outcome.DONE, 200)
        else:
            self._over(Outcome.FAILED, 200, name_of(error))

    def gone(self) -> None:
        """End the call: its client has gone."""
        if self._site is not None:
            self._site.state.left()
            self._settle(self.counting.so_far(self._estimate.input))
        self._over(Outcome.GONE, _GONE)

    def failed(self, error: LLMError) -> None:
        """End a call that gets no answer."""
        refused = not self._attempts or isinstance(error, Blocked | BudgetSpent | LimitReached)
        outcome = Outcome.REFUSED if refused else Outcome.FAILED
        self._over(outcome, error.trouble.status, name_of(error))

    def _most(self) -> Tokens:
        """Return what an attempt takes of which nobody knows how far its vendor came."""
        # Who goes away before each answer must not take more than there is.
        return Tokens(self._estimate.input, self._output, estimated=True)

    def _settle(self, tokens: Tokens) -> None:
        """End the attempt in progress."""
        site, self._site = self._site, None
        assert site is not None and self._permit is not None
        attempt = self._attempts[-1]
        attempt.seconds = time.perf_counter() - self._attempt_started
        cost = site.cost(tokens)
        attempt.tokens, attempt.cost, attempt.is_unpriced = tokens, cost or 0, cost is None
        self._permit.settle(Spent(attempt.target, tokens, attempt.cost))
        self.calls.waiting.ended(site)

    def cost_so_far(self) -> Money | None:
        """Return what a stream costs with what its vendor has counted; None if nobody knows."""
        site, tokens = self._site, self.counting.tokens
        now = None if site is None or tokens is None else site.cost(tokens)
        before = self._attempts[:-1]
        if now is None or any(each.is_unpriced for each in before):
            return None
        return now + sum(each.cost for each in before)

    def _over(self, outcome: Outcome, status: int, trouble: str = "") -> Money | None:
        """End the call; return what it costs, None if nobody knows."""
        if self._is_over:
            return None
        self._is_over = True
        if self.slot is not None:
            self.slot.leave()
        record = self._record(outcome, status, trouble)
        if self._permit is not None:
            self._permit.close(record)
        else:
            self.calls.gate.note(record)
        endpoint, trace = self._endpoint, self.calls.trace
        if trace is not None and endpoint is not None and endpoint.trace is not None:
            trace(endpoint.trace, record, self.asked, self.said)
        return None if record.is_unpriced else record.cost

    @property
    def is_kept(self) -> bool:
        """Whether somebody wants the chunks of a stream when it is over."""
        endpoint = self._endpoint
        if self.asked.passed is not None:
            return False
        traced = (
            self.calls.trace is not None and endpoint is not None and endpoint.trace is not None
        )
        return traced or self.slot is not None

    def _record(self, outcome: Outcome, status: int, trouble: str) -> UsageRecord:
        asked, attempts = self.asked, self._attempts
        made = UsageRecord(
            id=self.request_id,
            started_ms=self._started_ms,
            endpoint=asked.endpoint,
            task=asked.task.value,
            face=asked.face,
            outcome=outcome,
            status=status,
            caller=asked.caller,
            stream=asked.stream,
            trouble=trouble,
            seconds=time.perf_counter() - self._started,
            first_token_seconds=self._first,
            attempts=tuple(attempts),
        )
        if attempts:
            last = attempts[-1]
            made.provider, made.model, made.target = last.provider, last.model, last.target
            made.upstream_seconds = sum(each.seconds for each in attempts)
            tokens = [each.tokens for each in attempts]
            made.tokens = last.tokens if len(attempts) == 1 else Tokens.sum(tokens)
            made.cost = sum(each.cost for each in attempts)
            made.is_unpriced = any(each.is_unpriced for each in attempts)
        made.prompt = asked.prompt
        if self._endpoint is not None:
            made.tags = self._endpoint.tags
        return made
