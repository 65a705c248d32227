"""All control of a running gateway put together: keys, rules, counters, guardrails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field
from pegboard.contracts.llm import LLMError, Task, Trouble
from pegboard.errors import ConfigError

from pegboard_gateway.control.charging import Charging
from pegboard_gateway.control.contract import Guard
from pegboard_gateway.control.guardrails import FACE, Setting, guard_of
from pegboard_gateway.control.key_store import KeyStore
from pegboard_gateway.control.ledgers import open_ledger
from pegboard_gateway.control.rules import Budget, Limit, Rules, of_tables
from pegboard_gateway.entities import Asked, Caller
from pegboard_gateway.key_callers import KeyCallers
from pegboard_gateway.usage.keeping import Keeping, open_keeping

if TYPE_CHECKING:
    from pegboard.host import Host

    from pegboard_gateway.catalog.contract import Catalog, GatewayEndpoint, Snapshot
    from pegboard_gateway.path import Calls
    from pegboard_gateway.settings import Settings

_SETTLING_SECONDS = 6.0
_JUDGE_TOKENS = 2_000

logger = logging.getLogger(__name__)


class LiveRules:
    """The rules of the endpoints in force, of the gateway and of all keys."""

    def __init__(self, catalog: Catalog, keys: KeyStore, settings: Callable[[], Settings]) -> None:
        """``settings`` returns those in force."""
        self._catalog, self._keys, self._settings = catalog, keys, settings
        self._snapshot: Snapshot | None = None
        self._charging = Charging(Rules())
        keys.on_change.append(self.forget)

    def forget(self) -> None:
        """Gather the rules anew for the next call."""
        self._snapshot = None

    def __call__(self) -> Charging:
        """Return the rules in force."""
        snapshot = self._catalog.current
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._charging = Charging(self.rules(snapshot))
        return self._charging

    def rules(self, snapshot: Snapshot) -> Rules:
        """Return the rules that hold with some endpoints."""
        settings = self._settings()
        common = of_tables(settings.limits, settings.budgets)
        limits: list[Limit] = [*common.limits]
        budgets: list[Budget] = [*common.budgets]
        for endpoint in snapshot.endpoints.values():
            found = of_tables(endpoint.limits, endpoint.budgets, endpoint.name)
            limits += found.limits
            budgets += found.budgets
        own, money = self._keys.rules()
        return Rules([*limits, *own], [*budgets, *money])


class Guards:
    """The guards of endpoints, made when they are first asked for."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._made: dict[str, tuple[GatewayEndpoint, Guard | None]] = {}
        self.calls: Calls | None = None
        """What asks judges."""

    def __call__(self, endpoint: GatewayEndpoint) -> Guard | None:
        """Return what guards an endpoint.

        Raises LLMError if that is configured wrongly: then nothing passes.
        """
        if not endpoint.guardrails:
            return None
        known = self._made.get(endpoint.name)
        if known is not None and known[0] is endpoint:
            return known[1]
        setting = Setting(endpoint.name, self._ask, endpoint.source)
        try:
            made = guard_of(self._host, endpoint.guardrails, setting)
        except ConfigError as error:
            logger.error("The endpoint %r takes no calls: %s", endpoint.name, error)  # noqa: TRY400
            raise LLMError(
                Trouble.SERVER, "The guardrails of this endpoint are configured wrongly."
            ) from None
        self._made[endpoint.name] = (endpoint, made)
        return made

    async def _ask(self, endpoint: str, prompt: str, caller: Caller) -> str:
        assert self.calls is not None
        body: Mapping[str, Any] = {
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": _JUDGE_TOKENS,
        }
        answer = await self.calls.call(Asked(endpoint, Task.CHAT, body, caller=caller, face=FACE))
        if not isinstance(answer, dict):
            raise LLMError(Trouble.GARBAGE, "The judge answered with a stream.")
        return str(answer["choices"][0]["message"].get("content") or "")


@define(eq=False)
class Controls:
    """What begins and ends with a gateway."""

    keys: KeyStore
    callers: KeyCallers
    keeping: Keeping
    guards: Guards
    rules: LiveRules
    directory: Path
    _loop: asyncio.AbstractEventLoop | None = field(default=None)

    def close(self) -> None:
        """Settle and write what is over; to be called by another thread than the event loop's."""
        if self._loop is not None and self._loop.is_running():
            settled = asyncio.run_coroutine_threadsafe(self.keeping.settle(), self._loop)
            settled.result(_SETTLING_SECONDS)
        self.keeping.close()
        self.keys.close()


def open_controls(
    host: Host, catalog: Catalog, settings: Callable[[], Settings], database: Path
) -> Controls:
    """Begin to control the calls of a gateway.

    ``database`` is the file of its endpoints and keys; usage, counters and journals lie beside it,
    in a directory of its name.
    """
    directory = database.with_suffix("")
    keys = KeyStore(database)
    try:
        given = settings()
        keeping = open_keeping(
            directory,
            lambda: open_ledger(host, given.ledger, directory),
            retention_days=given.retention_days,
        )
    except BaseException:
        keys.close()
        raise
    rules = LiveRules(catalog, keys, settings)
    keeping.gate.charging = rules
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    return Controls(keys, KeyCallers(keys), keeping, Guards(host), rules, directory, loop)
