"""All control of a running gateway put together: keys, rules, counters, guardrails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.contracts.llm import LLMError, Task, Trouble
from pegboard.errors import ConfigError

from pegboard_gateway.control.charging import Charging
from pegboard_gateway.control.contract import Gate, Guard, Permit, Soon
from pegboard_gateway.control.guardrails import FACE, Setting, guard_of
from pegboard_gateway.control.key_store import KeyStore
from pegboard_gateway.control.ledgers import open_ledger
from pegboard_gateway.control.rules import Budget, Limit, Rules, of_tables
from pegboard_gateway.entities import Answered, Asked, Caller, Estimate, UsageRecord
from pegboard_gateway.key_callers import KeyCallers
from pegboard_gateway.usage import spans
from pegboard_gateway.usage.exceeded import Announcer
from pegboard_gateway.usage.keeping import USAGE, Keeping, open_keeping
from pegboard_gateway.usage.memo import Memo
from pegboard_gateway.usage.writer import open_database

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_stores.sqlite import Database

    from pegboard_gateway.catalog.contract import Catalog, GatewayEndpoint, Snapshot
    from pegboard_gateway.path import Calls
    from pegboard_gateway.settings import Settings
    from pegboard_gateway.usage.metrics import Numbers

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

    def in_force(self) -> Rules:
        """Return the rules themselves."""
        return self.rules(self._catalog.current)

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
        seconds = endpoint.timeouts.total_seconds
        setting = Setting(endpoint.name, self._ask, endpoint.source, seconds)
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
        found = await self.calls.call(Asked(endpoint, Task.CHAT, body, caller=caller, face=FACE))
        assert isinstance(found, Answered)
        try:
            [choice, *_] = found.body["choices"]
            text, reason = choice["message"].get("content"), choice.get("finish_reason")
        except (AttributeError, KeyError, TypeError, ValueError):
            raise LLMError(Trouble.GARBAGE, "The judge's answer has no text.") from None
        if reason == "length":
            raise LLMError(Trouble.TOO_LONG, "The judge did not come to an end.")
        return str(text or "")


class Controls(Gate):
    """What begins and ends with a gateway. Counting begins with its first call."""

    def __init__(
        self,
        host: Host,
        catalog: Catalog,
        settings: Callable[[], Settings],
        database: Path,
        *,
        workers: int = 1,
    ) -> None:
        """``settings`` returns those in force; ``workers`` is how many processes there are.

        ``database`` is the file of endpoints and keys. Usage, counters and journals lie beside it,
        in a directory of its name.
        """
        self._host, self._settings, self.workers = host, settings, workers
        self.directory = database.with_suffix("")
        self.keys = KeyStore(database)
        self.callers = KeyCallers(self.keys)
        self.rules = LiveRules(catalog, self.keys, settings)
        self.guards = Guards(host)
        self.keeping: Keeping | None = None
        """What counts and keeps, once that has begun."""
        self.announcer: Announcer | None = None
        """What tells plugins of budgets that are spent."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self.memo = Memo()
        """What was asked for a moment ago."""
        self._read: Database | None = None

    def start(self) -> Keeping:
        """Begin to count, after what dead processes have left was done; StoreError, ConfigError."""
        if self.keeping is None:
            given = self._settings()
            uri = given.ledger or ("memory" if self.workers == 1 else "sqlite:")
            self.keeping = open_keeping(
                self.directory,
                lambda: open_ledger(self._host, uri, self.directory),
                retention_days=given.retention_days,
            )
            self.keeping.gate.charging = self.rules
            if self.announcer is not None:
                self.keeping.gate.on_exceeded.append(self.announcer.add)
            if (observe := spans.observer()) is not None:
                self.keeping.writer.observers.append(observe)
        return self.keeping

    def admit(self, asked: Asked, estimate: Estimate) -> Soon[Permit]:
        """Return the permit of a call."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return (self.keeping or self.start()).gate.admit(asked, estimate)

    def note(self, record: UsageRecord) -> None:
        """Keep the record of a call that got no permit."""
        (self.keeping or self.start()).gate.note(record)

    def usage(self) -> Database | None:
        """Return the table of usage; None if no call was ever made."""
        if self.keeping is not None:
            return self.keeping.writer.database
        file = self.directory / USAGE
        if self._read is None and file.exists():
            self._read = open_database(file)
        return self._read

    def collectors(self) -> Sequence[Numbers]:
        """Return what tells Prometheus the numbers of this gateway."""
        from pegboard_gateway.usage.metrics import Numbers

        database = self.usage()
        return () if database is None else [Numbers(database)]

    def close(self) -> None:
        """Settle and write what is over; to be called by another thread than the event loop's."""
        if self.keeping is not None:
            if self._loop is not None and self._loop.is_running():
                settled = asyncio.run_coroutine_threadsafe(self.keeping.settle(), self._loop)
                settled.result(_SETTLING_SECONDS)
            self.keeping.close()
        if self.announcer is not None:
            self.announcer.close()
        if self._read is not None:
            self._read.close()
        self.keys.close()
