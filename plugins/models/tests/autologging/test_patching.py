"""Observers see calls, and whatever they do wrong changes nothing for the caller."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
import pickle
import shlex
import threading
import traceback
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from pegboard_models.autologging import Call, Integration, Switches, state


class Model:
    """A class whose methods are observed."""

    def fit(self, data: Any, *, weight: float = 1.0) -> tuple[Any, float]:
        """Fit."""
        if data is None:
            raise LookupError("no data")
        return data, weight


class Child(Model):
    """One that inherits."""


@pytest.fixture
def integration() -> Iterator[Integration]:
    made = Integration("pluggy", "pluggy", ("1.0", "99.0"))
    made.enable(Switches(), lambda: None)
    yield made
    made.enable(Switches(disable=True), lambda: None)


seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


def watch(call: Call) -> Generator[None, Any, None]:
    seen.append(("before", call.args[-1]))
    try:
        result = yield
    except BaseException as error:
        seen.append(("failed", type(error)))
        raise
    seen.append(("after", result))


def fail_before(call: Call) -> Generator[None, Any, None]:
    call.args = ("wrong",)
    raise RuntimeError("before")
    yield


def fail_after(call: Call) -> Generator[None, Any, None]:
    del call
    yield
    raise RuntimeError("after")


def fail_on_errors(call: Call) -> Generator[None, Any, None]:
    del call
    try:
        yield
    except LookupError:
        raise RuntimeError("on errors") from None


def never_ends(call: Call) -> Generator[None, Any, None]:
    del call
    yield
    yield


def test_an_observer_sees_what_goes_in_and_what_comes_out(integration: Integration) -> None:
    integration.observe_method(Model, "fit", watch)
    assert Model().fit(3, weight=2.0) == (3, 2.0)
    assert seen == [("before", 3), ("after", (3, 2.0))]
    with pytest.raises(LookupError):
        Child().fit(None)
    assert seen[2:] == [("before", None), ("failed", LookupError)]


@pytest.mark.parametrize("observer", [fail_before, fail_after, never_ends])
def test_a_failing_observer_is_one_warning(
    integration: Integration, caplog: pytest.LogCaptureFixture, observer: Any
) -> None:
    integration.observe_method(Model, "fit", observer)
    for _ in range(3):
        assert Model().fit(3) == (3, 1.0)
    assert len(caplog.records) == (0 if observer is never_ends else 1)


def test_an_exception_of_the_function_is_the_callers_whatever_the_observer_does(
    integration: Integration,
) -> None:
    integration.observe_method(Model, "fit", fail_on_errors)
    with pytest.raises(LookupError) as caught:
        Model().fit(None)
    assert caught.value.__context__ is None
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "fail_on_errors" not in names
    assert names[-1] == "fit"


def test_ctrl_c_in_an_observer_reaches_the_user(integration: Integration) -> None:
    def interrupted(call: Call) -> Generator[None, Any, None]:
        del call
        yield
        raise KeyboardInterrupt

    integration.observe_method(Model, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Model().fit(1)


def test_silence_is_kept(integration: Integration, caplog: pytest.LogCaptureFixture) -> None:
    integration.switches = evolve(integration.switches, silent=True)
    integration.observe_method(Model, "fit", fail_after)
    Model().fit(1)
    assert not caplog.records


def test_signature_name_and_documentation_stay(integration: Integration) -> None:
    before = inspect.signature(Model.fit), Model.fit.__doc__, Model.fit.__qualname__
    integration.observe_method(Model, "fit", watch)
    assert (inspect.signature(Model.fit), Model.fit.__doc__, Model.fit.__qualname__) == before
    assert pickle.loads(pickle.dumps(Model.fit)) is Model.fit


def test_all_is_as_before_once_it_is_undone(integration: Integration) -> None:
    original, split = Model.fit, shlex.split
    integration.observe_method(Model, "fit", watch)
    integration.observe_method(Child, "fit", watch)
    integration.observe_function(shlex, "split", watch)
    kept = shlex.split
    integration.enable(Switches(disable=True), lambda: None)
    assert Model.fit is original
    assert "fit" not in vars(Child)
    assert shlex.split is split
    assert kept("a b") == ["a", "b"]
    assert not seen


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_autologgers_of_one_function_are_undone_in_any_order(order: tuple[int, int]) -> None:
    split = shlex.split
    both = [Integration(name, "pluggy", ("1.0", "99.0")) for name in ("one", "other")]
    for integration in both:
        integration.enable(Switches(), lambda: None)
        integration.observe_function(shlex, "split", watch)
    for index in order:
        both[index].enable(Switches(disable=True), lambda: None)
        assert shlex.split("a b") == ["a", "b"]
    assert shlex.split is split


def test_an_observed_function_is_pickled_as_the_function_it_is(integration: Integration) -> None:
    original = asyncio.run  # of asyncio.runners, as most functions are of another module
    integration.observe_function(asyncio, "run", watch)
    assert asyncio.run is not original
    assert pickle.loads(pickle.dumps(asyncio.run)) is original
    assert copy.deepcopy(asyncio.run) is asyncio.run


def test_what_someone_else_has_replaced_since_is_left_alone(integration: Integration) -> None:
    module = SimpleNamespace(work=len)
    integration.observe_function(module, "work", watch)
    module.work = max
    integration.enable(Switches(disable=True), lambda: None)
    assert module.work is max


def test_a_broken_installation_is_undone_and_switched_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    integration, original = Integration("pluggy", "pluggy", ("1.0", "99.0")), Model.fit

    def install() -> None:
        integration.observe_method(Model, "fit", watch)
        raise AttributeError("the library has changed")

    integration.enable(Switches(), install)
    assert Model.fit is original
    assert integration.switches.disable
    assert "the library has changed" in caplog.text


@pytest.mark.parametrize(
    ("tested", "refuses", "is_on"),
    [
        (("1.0", "99.0"), True, True),
        (("98.0", "99.0"), True, False),
        (("98.0", "99.0"), False, True),
        (("0.1", "0.2"), True, False),
        (("0.1", "0.2"), False, True),
    ],
)
def test_versions_that_were_not_tested(
    tested: tuple[str, str], refuses: bool, is_on: bool, caplog: pytest.LogCaptureFixture
) -> None:
    integration = Integration("pluggy", "pluggy", tested)
    switches = Switches(disable_for_unsupported_versions=refuses)
    with caplog.at_level(logging.WARNING):
        integration.enable(switches, lambda: None)
    assert integration.is_on() is is_on
    is_known = tested == ("1.0", "99.0")
    is_new_and_tolerated = tested == ("0.1", "0.2") and not refuses
    assert bool(caplog.records) is not (is_known or is_new_and_tolerated)


def test_a_training_in_a_training_is_logged_only_if_that_allows_it() -> None:
    one, other = object(), object()
    with state.session(one, allows_children=True) as outer:
        assert outer.logs
        assert not state.would_log(one)
        with state.session(other) as inner:
            assert inner.logs
            with state.session(object(), allows_children=True) as innermost:
                assert not innermost.logs
    assert state.current() is None


def test_other_threads_are_in_no_training_unless_it_is_carried_to_them() -> None:
    found = {}

    def look(name: str) -> None:
        found[name] = state.would_log(object()), state.here.paused

    with state.session(object()), state.paused():
        carry = state.carrier()
        for name, work in (("own", look), ("carried", carry(look))):
            thread = threading.Thread(target=work, args=(name,))
            thread.start()
            thread.join(60)
    assert found == {"own": (True, False), "carried": (False, True)}


def test_what_a_coroutine_function_returns_is_awaited_first() -> None:
    seen: list[Any] = []

    class Asker:
        async def ask(self, question: str) -> str:
            if not question:
                raise ValueError("no question")
            return question.upper()

    def on_ask(call: Call) -> Generator[None, Any, None]:
        try:
            seen.append((yield))
        except ValueError as error:
            seen.append(str(error))
            raise

    integration = Integration("x", "attrs", ("1.0", "99.0"))
    integration.enable(Switches(), lambda: integration.observe_method(Asker, "ask", on_ask))
    assert asyncio.run(Asker().ask("why")) == "WHY"
    with pytest.raises(ValueError, match="no question"):
        asyncio.run(Asker().ask(""))
    assert seen == ["WHY", "no question"]


def test_a_coroutine_is_observed_in_the_task_that_runs_it() -> None:
    place = ContextVar("place", default="outside")

    class Asker:
        async def ask(self) -> str:
            return place.get()

    def on_ask(call: Call) -> Generator[None, Any, None]:
        token = place.set("inside")
        try:
            yield
        finally:
            place.reset(token)

    async def both() -> tuple[Any, ...]:
        asked = [Asker().ask() for _ in range(2)]
        return place.get(), await asyncio.gather(*asked), place.get()

    integration = Integration("x", "attrs", ("1.0", "99.0"))
    integration.enable(Switches(), lambda: integration.observe_method(Asker, "ask", on_ask))
    assert asyncio.run(both()) == ("outside", ["inside", "inside"], "outside")
