"""The pace of calls: how it is kept, and how it follows what an upstream says. No test sleeps."""

from __future__ import annotations

import heapq
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from pegboard_llm import shared_paces
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
    # It soon comes near to the 10 that were too much, and goes on from there with care.
    assert rates[10] == pytest.approx(8.5, rel=0.05)
    assert sum(9.5 <= each <= 10 for each in rates) > 40
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


# -- many who ask, on a clock of their own ---------------------------------------------------------


class Upstream:
    """A vendor's model: so many calls a second, as a bucket that fills evenly."""

    def __init__(self, allowed: float) -> None:
        self.allowed, self.left, self.then = allowed, allowed, 1000.0
        self.answered = self.refused = 0

    def takes(self, now: float) -> bool:
        self.left = min(self.allowed, self.left + (now - self.then) * self.allowed)
        self.then = now
        fits = self.left >= 1
        self.left -= fits
        self.answered += fits
        self.refused += not fits
        return fits


class Turns(Time):
    """A clock for threads of which one runs at a time, until it sleeps: then the next to wake.

    So nothing depends on this machine, and no time passes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asleep: list[tuple[float, int, threading.Semaphore]] = []
        self._number = 0
        self._end = threading.Event()
        self.until = self.now

    def sleep(self, seconds: float) -> None:
        mine = threading.Semaphore(0)
        self._number += 1
        heapq.heappush(self._asleep, (self.now + seconds, self._number, mine))
        self._wake()
        mine.acquire()

    def _wake(self) -> None:
        if self._asleep[0][0] > self.until:
            self._end.set()
            return
        self.now, _, other = heapq.heappop(self._asleep)
        other.release()

    def run(self, seconds: float) -> None:
        """Let time pass for those who sleep."""
        self.until += seconds
        self._end.clear()
        self._wake()
        assert self._end.wait(60)


def judging(paces: list[Pace], time: Turns, upstream: Upstream, takes: float) -> None:
    """Let judges ask one question after the other, one for each pace."""

    def judge(pace: Pace) -> None:
        time.sleep(0)
        while True:
            begun = pace.wait()
            fits = upstream.takes(time.now)
            time.sleep(takes)
            if fits:
                pace.go_on()
            else:
                pace.slow(begun)
                time.sleep(0.5)

    started = threading.Event()
    time._wake = started.set  # type: ignore[method-assign]
    for each in paces:
        started.clear()
        threading.Thread(target=judge, args=(each,), daemon=True).start()
        assert started.wait(60)
    del time._wake


@pytest.mark.parametrize(("allowed", "takes"), [(8, 1.0), (20, 0.3), (60, 0.1)])
def test_judges_saturate_a_limit(allowed: int, takes: float, tmp_path: Path) -> None:
    judges = int(2 * allowed * takes) + 4
    # A limit that is set is used to the full, without a refusal.
    time, upstream = Turns(), Upstream(allowed)
    judging([Pace(allowed, time.clock, time.sleep)] * judges, time, upstream, takes)
    time.run(60)
    assert upstream.answered / (60 * allowed) > 0.95
    assert upstream.refused == 0

    # One that nobody said is found, by four processes together, and used to the full from then on.
    time, upstream = Turns(), Upstream(allowed)
    books = [shared_paces.kept(tmp_path / "pace") for _ in range(4)]
    paces = [Pace(None, time.clock, time.sleep, book) for book in books] * (judges // 4)
    judging(paces, time, upstream, takes)
    time.run(30)
    upstream.answered = upstream.refused = 0
    time.run(60)
    assert upstream.answered / (60 * allowed) > 0.95
    assert upstream.refused / upstream.answered < 0.06


def test_processes_share_a_pace(tmp_path: Path) -> None:
    """Real processes; only how fast they are at most is measured, so no machine is too slow."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pegboard_llm import pacing, shared_paces\n"
        "pace = pacing.Pace(book=shared_paces.kept(Path(sys.argv[1])))\n"
        "for _ in range(10): print(pace.wait())\n"
    )
    file = tmp_path / "paces" / "one"
    book = shared_paces.kept(file)
    with book() as state:
        state.rate, state.too_much = 20.0, 20.0
    assert (tmp_path / "paces").stat().st_mode & 0o777 == 0o700
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    begun = sorted(float(line) for each in running for line in each.communicate()[0].splitlines())
    assert len(begun) == 30
    window = deque[float]()
    for each in begun:
        window.append(each)
        while window[0] <= each - 1:
            window.popleft()
        assert len(window) <= 23, "20 a second, and what came late"

    # Who begins later knows of a rest, and a file that is no state, or an old one, is none.
    Pace(book=book).slow(begun[-1], rest=20)
    slept: list[float] = []
    other = Pace(book=shared_paces.kept(file), sleep=_once(slept))
    with pytest.raises(StopIteration):
        other.wait()
    assert 15 < slept[0] <= 20
    file.write_bytes(b"nothing")
    assert other.rate is None


def _once(slept: list[float]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise StopIteration

    return sleep


def test_upstreams_of_this_machine_are_shared_only_if_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for address in ("127.0.0.1:8000", "localhost:1", "[::1]:80"):
        shared_paces.pace("", address, "m")
    assert not (tmp_path / "cache").exists()
    shared_paces.pace("", "api.example.com", "m")
    shared_paces.pace("", "api.example.com", "n")
    assert len(list((tmp_path / "cache" / "pegboard" / "paces").iterdir())) == 2
    shared_paces.pace(str(tmp_path / "said"), "127.0.0.1:8000", "m")
    assert len(list((tmp_path / "said").iterdir())) == 1
    # Where no file can be, there is a pace all the same.
    (tmp_path / "file").touch()
    assert shared_paces.pace(str(tmp_path / "file"), "api.example.com", "m").rate is None
