"""The pace of calls: how it is kept, and how it follows what an upstream says. No test sleeps."""

from __future__ import annotations

import pytest
from pegboard_llm.pacing import Pace


class Time:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def begun(pace: Pace, time: Time, calls: int, takes: float = 0.0) -> list[float]:
    """Return when calls begin, of one who makes them one after the other."""
    found = []
    for _ in range(calls):
        found.append(pace.wait())
        time.now += takes
    return found


@pytest.mark.parametrize("takes", [0.0, 0.01, 0.099])
def test_a_rate_is_used_to_the_full_and_never_passed(takes: float) -> None:
    time = Time()
    pace = Pace(10.0, time.clock, time.sleep)
    found = begun(pace, time, 201, takes)
    assert 200 / (found[-1] - found[0]) == pytest.approx(10, rel=0.01)
    most = max(sum(0 <= other - each < 1 for other in found) for each in found)
    assert most <= 11

    # Who comes late a little makes up for it; who was away does not.
    time.now += 0.05
    assert pace.wait() == time.now
    time.now += 60
    assert begun(pace, time, 12)[-1] - time.now <= 0
    assert begun(pace, time, 2)[1] == pytest.approx(time.now)


def test_an_upstream_that_complains_is_asked_half_as_often_then_more() -> None:
    time = Time()
    pace = Pace(clock=time.clock, sleep=time.sleep)
    # One by itself could not be asked more seldom. Of twenty at once, five complain once.
    pace.slow(pace.wait())
    assert pace.rate is None
    time.now += 1
    together = begun(pace, time, 20)
    assert time.now == 1001
    time.now += 0.1
    for each in together[:5]:
        pace.slow(each)
    assert pace.rate == 10
    later = begun(pace, time, 11)
    assert later[-1] - later[0] == pytest.approx(1.0)
    pace.slow(later[-1], rest=7)
    assert pace.rate == 5
    ended = time.now
    assert pace.wait() == pytest.approx(ended + 7)

    rates = []
    while pace.rate is not None:
        rates.append(pace.rate)
        pace.wait()
        pace.go_on()
    assert rates == sorted(rates)
    assert rates[5] == pytest.approx(6, rel=0.03)
    assert rates[-1] == pytest.approx(40, rel=0.1)
    before = time.now
    begun(pace, time, 100)
    assert time.now == before


def test_a_limit_of_ones_own_is_never_passed() -> None:
    time = Time()
    pace = Pace(4.0, time.clock, time.sleep)
    pace.slow(pace.wait())
    assert pace.rate == 2
    for _ in range(100):
        pace.wait()
        pace.go_on()
    assert pace.rate == 4
    for _ in range(9):
        pace.slow(pace.wait())
    assert pace.rate == 1


def test_a_rest_counts_for_those_who_wait_already() -> None:
    time = Time()
    pace = Pace(1.0, time.clock, time.sleep)
    first = pace.wait()

    def sleep(seconds: float) -> None:
        time.now += seconds
        if time.now < 1003:
            pace.slow(first, rest=5)

    pace._sleep = sleep
    # It slept until its turn, and was asked then to rest for five seconds more.
    assert pace.wait() == pytest.approx(1000.9 + 5)
