"""Delivers what waits, in the background of a server."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor

from pegboard.errors import NotFound, PegboardError
from pegboard_stores.clock import now_ms

from pegboard_registry.webhooks.contract import Claim, DeliveryQueue
from pegboard_registry.webhooks.sending import Outcome, Sender

_THREADS = 4
_LOOK_SECONDS = 2.0
"""How often one looks for what other processes have put in line."""

_SPARE_SECONDS = 20.0
"""How much longer than the call itself a delivery is claimed."""

_LONGEST_PAUSE = 3600.0

_log = logging.getLogger(__name__)


class Deliverer:
    """Makes deliveries until it is closed. What it could not make then is left for others.

    A delivery is tried up to ``attempts`` times: again after ``pause`` seconds, and then after
    four times as long each time, up to an hour.
    """

    def __init__(
        self, queue: DeliveryQueue, sender: Sender, *, attempts: int = 8, pause: float = 2.0
    ) -> None:
        """Begin."""
        self._queue = queue
        self._sender = sender
        self._attempts = attempts
        self._pause = pause
        self._stopping = False
        self._wake = threading.Event()
        self._free = threading.Semaphore(_THREADS)
        self._pool = ThreadPoolExecutor(_THREADS, "webhook")
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at once: there is something new."""
        self._wake.set()

    def close(self) -> None:
        """Finish the calls that are being made, and stop."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                while not self._stopping and self._begin_one():
                    pass
                seconds = self._idle_seconds()
            except PegboardError as error:
                # The store may be busy or full for a while; what waits is safe in it.
                _log.warning("Webhooks wait: %s", error)
                seconds = _LOOK_SECONDS
            self._wake.wait(seconds)

    def _idle_seconds(self) -> float:
        due = self._queue.next_due()
        left = _LOOK_SECONDS if due is None else (due - now_ms()) / 1000
        return min(max(left, 0.05), _LOOK_SECONDS)

    def _begin_one(self) -> bool:
        """Begin a delivery, once a thread is free; False if none is due."""
        self._free.acquire()
        claim = None
        try:
            claim = self._queue.claim(self._sender.timeout + _SPARE_SECONDS)
        finally:
            if claim is None:
                self._free.release()
        if claim is None:
            return False
        self._pool.submit(self._deliver, claim)
        return True

    def _deliver(self, claim: Claim) -> None:
        try:
            self._note(claim, self._call(claim))
        except PegboardError as error:
            # The claim ends by itself, and the delivery is made once more.
            _log.warning("The delivery %s could not be noted: %s", claim.delivery_id, error)
        finally:
            self._free.release()
            self._wake.set()

    def _call(self, claim: Claim) -> Outcome:
        try:
            url, secret = self._queue.secret_of(claim.webhook_id)
        except NotFound:
            return Outcome(error="The webhook was deleted.")
        except PegboardError as error:
            return Outcome(error=str(error))
        return self._sender.send(url, secret, claim.delivery_id, claim.payload)

    def _note(self, claim: Claim, outcome: Outcome) -> None:
        if outcome.passing and claim.attempt < self._attempts:
            pause = min(self._pause * 4 ** (claim.attempt - 1), _LONGEST_PAUSE)
            pause += random.uniform(0, pause / 4)  # noqa: S311
            seconds = max(pause, outcome.wait)
            self._queue.postpone(claim, seconds, status=outcome.status, error=outcome.error)
            return
        self._queue.finish(
            claim, delivered=outcome.success, status=outcome.status, error=outcome.error
        )
