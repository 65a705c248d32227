"""Putting observers around functions, so that a fault of an observer changes nothing for callers.

An observer is a generator function. It is called with a ``Call``, does what is to be done before,
yields once, gets the result there (or the exception, raised), and does the rest. If it returns
without a yield, it has nothing to do with this call::

    def on_fit(call):
        before()
        result = yield
        after(result)

What a coroutine function returns is awaited first.
"""

from __future__ import annotations

import functools
import inspect
import pkgutil
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol

from attrs import define, field

Observer = Callable[["Call"], Generator[None, Any, None]]

_MISSING = object()
_IMMUTABLE = 1 << 8
"""The flag of compiled classes, which take no attributes."""


@define(eq=False)
class Call:
    """One call of a function that is observed; what it is called with may be changed."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Watcher(Protocol):
    """On whose behalf functions are observed."""

    def is_on(self) -> bool:
        """Whether calls are to be observed at the moment, in this thread."""
        ...

    def warn(self, doing: str, error: Exception) -> None:
        """Tell the user of a fault."""
        ...


def call_observed(
    watcher: Watcher, observer: Observer, original: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    """Call a function once, with what it was given, and return or raise what it does."""
    call = Call(original, args, kwargs)
    steps = _begin(watcher, observer, call)
    if steps is None:
        return original(*args, **kwargs)
    try:
        result = original(*call.args, **call.kwargs)
    except BaseException as error:
        _end_with_error(watcher, observer, steps, error)
        raise
    if inspect.iscoroutine(result):
        return _awaited(watcher, observer, steps, result)
    _end(watcher, observer, steps, result)
    return result


async def _awaited(
    watcher: Watcher,
    observer: Observer,
    steps: Generator[None, Any, None],
    coroutine: Coroutine[Any, Any, Any],
) -> Any:
    """Await what an observed function returned, and return or raise what that does."""
    try:
        result = await coroutine
    except BaseException as error:
        _end_with_error(watcher, observer, steps, error)
        raise
    _end(watcher, observer, steps, result)
    return result


def _end(
    watcher: Watcher, observer: Observer, steps: Generator[None, Any, None], result: Any
) -> None:
    try:
        steps.send(result)
    except StopIteration:
        pass
    except Exception as error:
        watcher.warn(observer.__name__, error)


def _begin(watcher: Watcher, observer: Observer, call: Call) -> Generator[None, Any, None] | None:
    steps = observer(call)
    try:
        next(steps)
    except StopIteration:
        return None
    except Exception as error:
        watcher.warn(observer.__name__, error)
        return None
    return steps


def _end_with_error(
    watcher: Watcher,
    observer: Observer,
    steps: Generator[None, Any, None],
    error: BaseException,
) -> None:
    traceback, context = error.__traceback__, error.__context__
    try:
        steps.throw(error)
    except StopIteration:
        pass
    except BaseException as raised:
        if raised is not error and isinstance(raised, Exception):
            watcher.warn(observer.__name__, raised)
    # The caller sees where the exception came from, and nothing of who looked on.
    error.__traceback__, error.__context__ = traceback, context


class ObservedFunction:
    """A function of a module, observed.

    Pickled, it is the function itself: other processes know of no observer.
    """

    def __init__(self, watcher: Watcher, original: Callable[..., Any], observer: Observer) -> None:
        functools.update_wrapper(self, original)
        self.pegboard_undone = False
        self._watcher, self._original, self._observer = watcher, original, observer

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if not self._watcher.is_on():
            return self._original(*args, **kwargs)
        return call_observed(self._watcher, self._observer, self._original, args, kwargs)

    def __reduce__(self) -> Any:
        name = f"{self._original.__module__}:{self._original.__qualname__}"
        return pkgutil.resolve_name, (name,)

    def __deepcopy__(self, memo: object) -> ObservedFunction:
        return self

    def __repr__(self) -> str:
        return repr(self._original)


def observed_method(
    watcher: Watcher, original: Callable[..., Any], observer: Observer
) -> Callable[..., Any]:
    """Return a method that is observed, and looks like the original.

    A coroutine is observed where it is awaited: in the task and the context that it runs in.
    """
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def later(*args: Any, **kwargs: Any) -> Any:
            if not watcher.is_on():
                return await original(*args, **kwargs)
            return await call_observed(watcher, observer, original, args, kwargs)

        later.pegboard_undone = False  # type: ignore[attr-defined]
        return later

    @functools.wraps(original)
    def method(*args: Any, **kwargs: Any) -> Any:
        if not watcher.is_on():
            return original(*args, **kwargs)
        return call_observed(watcher, observer, original, args, kwargs)

    method.pegboard_undone = False  # type: ignore[attr-defined]
    return method


@define
class Patches:
    """Records which attribute was replaced by what, to undo it. Safe to use from any thread."""

    _undo: list[tuple[Any, str, Any, Any]] = field(factory=list)
    _lock: Any = field(factory=threading.RLock)

    def replace(self, owner: Any, name: str, replacement: Any) -> None:
        """Set an attribute of a module, class or object to a wrapper of what it was."""
        with self._lock:
            self._undo.append((owner, name, vars(owner).get(name, _MISSING), replacement))
            setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put everything back, except where someone else has set something since."""
        with self._lock:
            while self._undo:
                owner, name, before, replacement = self._undo.pop()
                replacement.pegboard_undone = True
                if vars(owner).get(name, _MISSING) is not replacement:
                    continue
                # Someone may have undone what was there before, but could not take it away.
                while getattr(before, "pegboard_undone", False):
                    before = before.__wrapped__
                if before is _MISSING:
                    delattr(owner, name)
                else:
                    setattr(owner, name, before)

    def observe_function(
        self, watcher: Watcher, module: Any, name: str, observer: Observer
    ) -> None:
        """Observe a function of a module."""
        original = getattr(module, name)
        self.replace(module, name, ObservedFunction(watcher, original, observer))

    def observe_method(self, watcher: Watcher, owner: type, name: str, observer: Observer) -> None:
        """Observe a method that a class defines or inherits; others are left alone.

        scikit-learn's methods that are there only at times are descriptors, which hold the
        function as ``fn``.
        """
        if owner.__flags__ & _IMMUTABLE:
            return
        raw: Any = next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), None)
        if callable(getattr(raw, "fn", None)) and hasattr(raw, "check"):
            self.replace(raw, "fn", observed_method(watcher, raw.fn, observer))
        elif callable(raw) and not isinstance(raw, type):
            self.replace(owner, name, observed_method(watcher, raw, observer))
