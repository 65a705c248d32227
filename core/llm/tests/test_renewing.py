"""Credentials that expire are fetched in time, once for all who wait."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pegboard.contracts.llm import LLMError, Renewal, Trouble
from pegboard_llm.renewing import EARLY_S, LAST_S, Credentials, Fetched, Token


class CountingLock:
    """A lock that says when so many want it."""

    def __init__(self) -> None:
        self._lock, self._changed, self._want = threading.Lock(), threading.Condition(), 0

    def __enter__(self) -> None:
        with self._changed:
            self._want += 1
            self._changed.notify_all()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wanted_by(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._want >= count, 30)


class Counting(Credentials):
    """Credentials whose fetches are counted, and may be held up or fail."""

    def __init__(self, seconds: float, failure: LLMError | None = None) -> None:
        super().__init__()
        self.seconds, self.failure = seconds, failure
        self.fetches = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self._lock = self.lock = CountingLock()  # type: ignore[assignment]

    def left(self) -> float:
        return self.seconds

    def fetch(self) -> None:
        self.fetches += 1
        assert self.may_end.wait(30)
        if self.failure is not None:
            raise self.failure
        self.seconds = 3600


@pytest.mark.parametrize(
    ("left", "renewal"),
    [
        (math.inf, Renewal.NOT_DUE),
        (EARLY_S + 1, Renewal.NOT_DUE),
        (EARLY_S, Renewal.DUE),
        (LAST_S + 1, Renewal.DUE),
        (LAST_S, Renewal.NEEDED),
        (0, Renewal.NEEDED),
        (-5, Renewal.NEEDED),
    ],
)
def test_they_are_due_before_they_expire(left: float, renewal: Renewal) -> None:
    found = Counting(left)
    assert found.renewal() is renewal
    found.renew()
    assert found.fetches == (renewal is not Renewal.NOT_DUE)


@pytest.mark.parametrize("failure", [None, LLMError(Trouble.RATE, "Wait.", retry_after=7)])
def test_threads_that_wait_share_one_fetch_and_how_it_ends(failure: LLMError | None) -> None:
    found = Counting(0, failure)
    found.may_end.clear()

    def work() -> LLMError | None:
        try:
            found.renew()
        except LLMError as error:
            return error
        return None

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(work) for _ in range(8)]
        assert found.lock.wanted_by(8)
        found.may_end.set()
        errors = [each.result() for each in results]
    assert found.fetches == 1
    if failure is None:
        assert errors == [None] * 8
    else:
        assert {(e.trouble, e.retry_after) for e in errors if e} == {(Trouble.RATE, 7)}
        assert len({id(e) for e in errors}) == 8


def test_a_fetch_in_advance_that_failed_is_not_tried_again_at_once() -> None:
    found = Counting(LAST_S + 1, LLMError(Trouble.UNREACHABLE, "Nobody there."))
    with pytest.raises(LLMError):
        found.renew()
    assert found.renewal() is Renewal.NOT_DUE
    found.renew()
    assert found.fetches == 1
    found.seconds = LAST_S
    assert found.renewal() is Renewal.NEEDED


@pytest.mark.parametrize("seconds", [1.0, 60.0, 300.0, 3600.0, 1e6])
def test_a_token_of_any_life_holds_when_it_comes(seconds: float) -> None:
    token = Token("Acme", lambda: Fetched("t0k3n", seconds))
    with pytest.raises(LLMError, match="No token for Acme"):
        token.bearer()
    assert token.renewal() is Renewal.NEEDED
    token.renew()
    assert token.renewal() is Renewal.NOT_DUE
    assert token.bearer() == "Bearer t0k3n"
    assert list(token.secrets()) == ["t0k3n"]
    assert token.left() <= seconds
