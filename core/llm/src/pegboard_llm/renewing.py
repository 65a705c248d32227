"""Credentials that expire: fetched in good time, and once for all who wait for them.

Before they expire they are due for a while in which calls go on with them. A fetch that fails then
harms nobody, and is tried again a little later.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from attrs import frozen
from pegboard.contracts.llm import LLMError, Renewal, Trouble

EARLY_S = 300.0
"""So long before they expire others are fetched."""
LAST_S = 30.0
"""What holds no longer than this may expire before a vendor looks at it."""
PAUSE_S = 10.0
"""Between a fetch in advance that failed and the next."""


class Credentials(ABC):
    """Credentials that may expire. Threads may use them."""

    early_s, last_s = EARLY_S, LAST_S

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fetches = 0
        self._failure: LLMError | None = None
        self._not_before = 0.0

    @abstractmethod
    def left(self) -> float:
        """Return for how many seconds they hold: 0 if there are none, infinite if for ever."""

    @abstractmethod
    def fetch(self) -> None:
        """Get others, from the network if need be; LLMError."""

    def secrets(self) -> Iterable[str]:
        """Return the texts that no error repeats."""
        return ()

    def renewal(self) -> Renewal:
        """Return whether ``renew`` is to be called."""
        left = self.left()
        if left > self.early_s:
            return Renewal.NOT_DUE
        if left <= self.last_s:
            return Renewal.NEEDED
        return Renewal.DUE if time.monotonic() >= self._not_before else Renewal.NOT_DUE

    def renew(self) -> None:
        """Fetch others if they are due. Who waits for another thread has what that one gets."""
        before = self._fetches
        with self._lock:
            if self._fetches == before:
                if self.renewal() is Renewal.NOT_DUE:
                    return
                self._try()
            failure = self._failure
        if failure is not None:
            raise again(failure)

    def _try(self) -> None:
        self._failure = None
        try:
            self.fetch()
        except LLMError as error:
            self._failure = error
            self._not_before = time.monotonic() + PAUSE_S
        finally:
            self._fetches += 1


@frozen
class Fetched:
    """A token, and for how many seconds from now it holds."""

    token: str
    seconds: float


class Token(Credentials):
    """A token of a vendor's, which ``get`` fetches; LLMError."""

    def __init__(self, vendor: str, get: Callable[[], Fetched]) -> None:
        super().__init__()
        self._vendor, self._get = vendor, get
        self._token, self._until = "", 0.0

    def left(self) -> float:
        """Return for how many seconds the token holds."""
        return self._until - time.time()

    def fetch(self) -> None:
        """Get another token."""
        found = self._get()
        # One that holds for minutes only would else be due as soon as it is there.
        self.early_s = min(EARLY_S, found.seconds / 2)
        self.last_s = min(LAST_S, found.seconds / 10)
        self._token, self._until = found.token, time.time() + found.seconds

    def secrets(self) -> Iterable[str]:
        """Return the token."""
        return (self._token,) if self._token else ()

    def bearer(self) -> str:
        """Return the value of the header ``authorization``; LLMError if there is no token yet."""
        if not self._token:
            raise LLMError(Trouble.CREDENTIALS, f"No token for {self._vendor} was fetched.")
        return f"Bearer {self._token}"


def again(error: LLMError) -> LLMError:
    """Return an error that another thread or call may raise as well."""
    return LLMError(
        error.trouble,
        error.message,
        hint=error.hint,
        retry_after=error.retry_after,
        param=error.param,
    )
