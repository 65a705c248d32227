"""Which target is tried, and when: in a world whose clock and chance are the test's."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from attrs import define, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from pegboard.contracts.llm import LLMError, Trouble
from pegboard_gateway.routing import Later, Over, Plan, Queue, State, Try, Upstreams
from pegboard_gateway.routing.order import ordered
from pegboard_gateway.routing.upstreams import LONGEST_STOP, UNLIMITED
from pegboard_gateway.settings import Breaker, Retries, Routing

from .plain_provider import target

BREAKER = Breaker(failures=3, seconds=10)


@frozen(eq=False)
class Place:
    name: str
    state: State


def plan_of(
    *places: Place,
    retries: Retries | None = None,
    routing: Routing | None = None,
    seed: int = 0,
    until: float = 1000.0,
) -> Plan[Place]:
    return Plan.of(
        places,
        lambda place: place.state,
        retries or Retries(attempts=2, total=5, backoff_seconds=1, max_backoff_seconds=8),
        routing or Routing(),
        Random(seed),
        until,
    )


def places(count: int) -> list[Place]:
    return [Place(f"t{number}", State()) for number in range(count)]


def error(trouble: Trouble, retry_after: float | None = None) -> LLMError:
    return LLMError(trouble, "It failed.", retry_after=retry_after)


def tried(step: Any) -> str:
    assert isinstance(step, Try), step
    return str(step.target.name)


# -- the order -----------------------------------------------------------------------------------


def test_the_first_choice_is_drawn_by_weight() -> None:
    targets = [
        target("a", "http://a", weight=3),
        target("b", "http://b", weight=1),
        target("c", "http://c", weight=0),
        target("d", "http://d", fallback_order=1),
    ]
    random = Random(7)
    firsts = Counter(ordered(targets, random)[0].key for _ in range(4000))
    assert set(firsts) == {"a", "b"}
    assert 0.72 < firsts["a"] / 4000 < 0.78


@given(
    st.lists(st.tuples(st.sampled_from([0, 0.5, 1, 7]), st.integers(0, 3)), max_size=8),
    st.integers(0, 99),
)
def test_an_order_has_each_target_once_and_fallbacks_later(
    made: list[tuple[float, int]], seed: int
) -> None:
    targets = [
        target(str(number), "http://a", weight=weight, fallback_order=order)
        for number, (weight, order) in enumerate(made)
    ]
    found = ordered(targets, Random(seed))
    assert sorted(each.key for each in found) == [t.key for t in targets if t.weight > 0]
    orders = [each.fallback_order for each in found]
    assert orders == sorted(orders)
    assert found == ordered(targets, Random(seed))


# -- retries and fallback ------------------------------------------------------------------------


def test_a_passing_trouble_is_tried_again_here_then_elsewhere() -> None:
    plan = plan_of(*places(2))
    assert tried(plan.next(0)) == "t0"
    plan.failed(error(Trouble.SERVER), 0)
    step = plan.next(0)
    assert isinstance(step, Later) and 0.5 <= step.seconds <= 1
    assert tried(plan.next(step.seconds)) == "t0"
    plan.failed(error(Trouble.SERVER), 1)
    assert tried(plan.next(1)) == "t1"


def test_a_wrong_request_is_tried_nowhere_else() -> None:
    plan = plan_of(*places(2))
    plan.next(0)
    wrong = error(Trouble.INVALID)
    plan.failed(wrong, 0)
    assert plan.next(0) == Over(wrong)


def test_what_does_not_pass_goes_elsewhere_at_once() -> None:
    plan = plan_of(*places(2))
    plan.next(0)
    plan.failed(error(Trouble.TOO_LONG), 0)
    assert tried(plan.next(0)) == "t1"


def test_only_the_troubles_that_are_named_go_elsewhere() -> None:
    plan = plan_of(*places(2), routing=Routing(fallback_on=("rate_limit_exceeded",)))
    plan.next(0)
    failure = error(Trouble.CREDENTIALS)
    plan.failed(failure, 0)
    assert plan.next(0) == Over(failure)


def test_retry_after_is_waited_for_unless_it_is_too_long() -> None:
    plan = plan_of(*places(2))
    plan.next(0)
    plan.failed(error(Trouble.RATE, 5), 0)
    assert plan.next(0) == Later(5)
    plan = plan_of(*places(2))
    plan.next(0)
    plan.failed(error(Trouble.RATE, 60), 0)
    assert tried(plan.next(0)) == "t1"


def test_a_target_that_may_not_be_paid_costs_no_attempt() -> None:
    plan = plan_of(*places(3), retries=Retries(attempts=1, total=1))
    plan.next(0)
    plan.skipped(error(Trouble.QUOTA))
    assert tried(plan.next(0)) == "t1"
    plan.failed(error(Trouble.SERVER), 0)
    assert isinstance(plan.next(0), Over)


def test_fallbacks_may_be_counted() -> None:
    plan = plan_of(*places(3), routing=Routing(fallback_attempts=2))
    for name in ("t0", "t1"):
        assert tried(plan.next(0)) == name
        plan.failed(error(Trouble.TOO_LONG), 0)
    assert isinstance(plan.next(0), Over)


def test_an_upstream_that_is_left_alone_is_passed() -> None:
    first, second = places(2)
    first.state.open_until = 5.0
    assert tried(plan_of(first, second).next(0)) == "t1"
    step = plan_of(first).next(0)
    assert isinstance(step, Over)
    assert step.error.trouble is Trouble.OVERLOADED and step.error.retry_after == 5


def test_a_full_upstream_is_waited_for_if_there_is_no_other() -> None:
    first, second = places(2)
    first.state.most, first.state.running = 1, 1
    assert plan_of(first).next(0) == Queue(first)
    assert tried(plan_of(first, second).next(0)) == "t1"
    only = Routing(fallback_on=("upstream_error",))
    assert plan_of(first, second, routing=only).next(0) == Queue(first)


TROUBLES = st.sampled_from(list(Trouble))


@settings(max_examples=200)
@given(st.data())
def test_a_plan_keeps_its_bounds(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    made = places(count)
    retries = Retries(
        attempts=data.draw(st.integers(1, 3)),
        total=data.draw(st.integers(1, 6)),
        backoff_seconds=1,
        max_backoff_seconds=4,
    )
    routing = Routing(fallback_attempts=data.draw(st.none() | st.integers(1, 3)))
    plan = plan_of(*made, retries=retries, routing=routing, until=50, seed=data.draw(st.integers()))
    now, attempts, last = 0.0, Counter[str](), {}
    for _ in range(100):
        step = plan.next(now)
        if isinstance(step, Over):
            break
        if isinstance(step, Later):
            assert 0 < step.seconds <= 4
            now += step.seconds
            continue
        assert isinstance(step, Try)
        place = step.target
        assert place.state.wait(now) == 0
        assert now >= last.get(place.name, 0.0)
        attempts[place.name] += 1
        place.state.begin()
        began, now = now, now + data.draw(st.sampled_from([0.0, 0.1, 3.0]))
        if data.draw(st.integers(0, 9)) == 0:
            place.state.succeeded()
            break
        wait = data.draw(st.none() | st.sampled_from([0.5, 3.0, 30.0]))
        failure = error(data.draw(TROUBLES), wait)
        place.state.failed(failure.trouble, began, now, BREAKER, wait)
        plan.failed(failure, now)
        last[place.name] = now + max(wait or 0.0, 0.5)
    else:
        raise AssertionError("it does not end")
    assert sum(attempts.values()) <= retries.total
    assert all(number <= retries.attempts for number in attempts.values())
    assert len(attempts) <= (routing.fallback_attempts or count)
    assert all(place.state.running == 0 for place in made)


# -- the breaker and the limiter -----------------------------------------------------------------


def fail(state: State, trouble: Trouble, now: float, retry_after: float | None = None) -> None:
    state.begin()
    state.failed(trouble, now, now, BREAKER, retry_after)


def test_the_breaker_opens_tries_once_and_closes() -> None:
    state = State()
    for _ in range(3):
        assert state.wait(0) == 0
        fail(state, Trouble.SERVER, 0)
    assert state.wait(1) == 9
    assert state.wait(10) == 0
    state.begin()
    assert state.wait(10) == UNLIMITED
    state.failed(Trouble.SERVER, 10, 11, BREAKER)
    assert state.wait(11) == 10
    state.begin()
    state.succeeded()
    assert state.wait(21) == 0 and not state.is_open


def test_a_trial_whose_client_goes_away_leaves_room_for_another() -> None:
    state = State(open_until=5.0, failures=3)
    state.begin()
    state.left()
    assert state.wait(6) == 0


def test_an_error_of_a_working_upstream_is_no_failure() -> None:
    state = State()
    for trouble in (Trouble.SERVER, Trouble.SERVER, Trouble.INVALID, Trouble.SERVER):
        fail(state, trouble, 0)
    assert state.wait(0) == 0


def test_too_many_requests_halve_what_runs_once_a_round() -> None:
    state = State()
    for _ in range(8):
        state.begin()
    state.failed(Trouble.RATE, 0, 1, BREAKER)
    assert state.limit == 4
    state.failed(Trouble.RATE, 0, 1, BREAKER)
    assert state.limit == 4
    assert state.wait(1) == UNLIMITED
    for _ in range(4):
        state.succeeded()
    assert 4 < state.limit < 5.1 and state.wait(1) == 0
    state.begin()
    state.failed(Trouble.RATE, 1, 2, BREAKER)
    assert state.limit < 2


def test_it_recovers() -> None:
    state = State(limit=1.0)
    for _ in range(100_000):
        state.begin()
        state.succeeded()
        if state.limit == UNLIMITED:
            return
    raise AssertionError(state)


def test_retry_after_stops_everybody_for_a_while() -> None:
    state = State()
    fail(state, Trouble.RATE, 0, retry_after=7)
    assert state.wait(1) == 6 and state.wait(7) == 0
    fail(state, Trouble.RATE, 7, retry_after=10**9)
    assert state.wait(7) == LONGEST_STOP


@define
class Running:
    began: float


@given(st.lists(st.sampled_from(["begin", "good", "bad", "rate", "left", "later"]), max_size=60))
def test_the_state_stays_sound_whatever_happens(steps: list[str]) -> None:
    state, running, now = State(most=5), [], 0.0
    for step in steps:
        if step == "later":
            now += 4
        elif step == "begin":
            if state.wait(now) == 0:
                state.begin()
                running.append(Running(now))
        elif running:
            began = running.pop().began
            if step == "good":
                state.succeeded()
            elif step == "left":
                state.left()
            else:
                trouble = Trouble.RATE if step == "rate" else Trouble.TIMEOUT
                state.failed(trouble, began, now, BREAKER, None)
        assert state.running == len(running) <= 5
        assert state.limit >= 1
    # It is never stuck: once all has ended, a call may begin some time.
    for _ in range(len(running)):
        state.left()
    assert state.wait(now + 1000) == 0


def test_an_upstream_is_one_whichever_endpoint_names_it() -> None:
    upstreams = Upstreams()
    first, second = target("a/0", "http://a"), target("b/0", "http://a", max_parallel=3)
    state = upstreams.of(first)
    assert upstreams.of(second) is state and state.most == 3
    assert upstreams.of(target("a/0", "http://b")) is not state
    assert upstreams.of(target("a/0", "http://a", model="other")) is not state
    upstreams.renew([second])
    assert upstreams.of(target("c/0", "http://a")) is state and state.most == UNLIMITED
    # A call of the configuration before does not bring its bounds back.
    assert upstreams.as_it_is(second) is state and state.most == UNLIMITED
    upstreams.renew([])
    assert upstreams.as_it_is(first) is not upstreams.as_it_is(first)
    assert upstreams.of(first) is not state
