"""Credentials of providers that expire: fetched in threads, once for all calls that wait."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from pegboard.contracts.llm import LLMError, LLMProvider, Renewal, Trouble

_log = logging.getLogger(__name__)
_THREADS = 8
_WORKED = frozenset({Trouble.TIMEOUT, Trouble.CUT})
"""Of a model these are charged for, as it may have worked; here none has."""


class Renewals:
    """Fetches of credentials; to be used in one event loop."""

    def __init__(self) -> None:
        # Of its own, so that a vendor that does not answer holds up nothing but its own calls.
        self._threads = ThreadPoolExecutor(_THREADS, "credentials")
        self._running: dict[LLMProvider, asyncio.Future[None]] = {}

    async def ready(self, provider: LLMProvider, until: float) -> None:
        """Wait until a provider has credentials that hold, or a time of the loop's clock; LLMError.

        Those that are due and still hold are fetched meanwhile.
        """
        renewal = provider.renewal()
        if renewal is Renewal.NOT_DUE:
            return
        running = self._running.get(provider) or self._begin(provider)
        if renewal is Renewal.DUE:
            return
        left = until - asyncio.get_running_loop().time()
        # What one call no longer waits for, others may still.
        done, _ = await asyncio.wait({running}, timeout=max(left, 0))
        if not done:
            raise LLMError(Trouble.UNREACHABLE, "Credentials for the model did not come in time.")
        error = running.exception()
        if isinstance(error, LLMError):
            trouble = Trouble.UNREACHABLE if error.trouble in _WORKED else error.trouble
            raise LLMError(trouble, error.message, hint=error.hint, retry_after=error.retry_after)
        if error is not None:
            raise error

    def close(self) -> None:
        """Wait for nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, provider: LLMProvider) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, provider.renew)
        self._running[provider] = running

        def ended(future: asyncio.Future[None]) -> None:
            del self._running[provider]
            if not future.cancelled() and (error := future.exception()) is not None:
                _log.warning("Credentials could not be fetched: %s", error)

        running.add_done_callback(ended)
        return running
