"""``@trace``: a span for each call of a function, a method, a generator or a class."""

from __future__ import annotations

import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from attrs import frozen
from pegboard.errors import InvalidValue

from pegboard_tracing import keys, streams, tracer
from pegboard_tracing.capturing import capture_of
from pegboard_tracing.entities.status import Link, SpanLogLevel, SpanType
from pegboard_tracing.live import LiveSpan, quoted
from pegboard_tracing.noop import NoOpSpan
from pegboard_tracing.scopes import current_parent, deactivate, set_up
from pegboard_tracing.tracer import active, ratio_override
from pegboard_tracing.values import encode

F = TypeVar("F", bound=Callable[..., Any])

_time_ns = time.time_ns


@frozen
class Options:
    """What ``trace`` was given."""

    name: str
    function_name: str
    span_type: str
    attributes: Mapping[str, Any] | None = None
    experiment_id: str | None = None
    ratio: float | None = None
    log_level: SpanLogLevel | str | None = None
    links: Sequence[Link] | None = None
    description: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether spans get nothing but their name and type."""
        given = (self.attributes, self.log_level, self.links, self.description)
        return not any(given)

    def begin(self) -> LiveSpan | NoOpSpan:
        """Begin a span for a call."""
        parent = current_parent()
        if self.ratio is None:
            span = tracer.begin(self.name, self.span_type, parent, experiment_id=self.experiment_id)
        else:
            token = ratio_override.set(self.ratio)
            try:
                span = tracer.begin(
                    self.name, self.span_type, parent, experiment_id=self.experiment_id
                )
            finally:
                ratio_override.reset(token)
        if not self.is_plain and isinstance(span, LiveSpan):
            set_up(span, self.attributes, self.log_level, self.links, self.description)
        return span


@overload
def trace(func: F) -> F: ...


@overload
def trace(
    func: None = None,
    name: str | None = None,
    span_type: str = SpanType.UNKNOWN,
    attributes: Mapping[str, Any] | None = None,
    output_reducer: Callable[[list[Any]], Any] | None = None,
    trace_destination: Any = None,
    sampling_ratio_override: float | None = None,
    log_level: SpanLogLevel | str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
) -> Callable[[F], F]: ...


def trace(
    func: Any = None,
    name: str | None = None,
    span_type: str = SpanType.UNKNOWN,
    attributes: Mapping[str, Any] | None = None,
    output_reducer: Callable[[list[Any]], Any] | None = None,
    trace_destination: Any = None,
    sampling_ratio_override: float | None = None,
    log_level: SpanLogLevel | str | None = None,
    links: Sequence[Link] | None = None,
    description: str | None = None,
) -> Any:
    """Make a span of each call, with its arguments and what it returns; a decorator.

    It takes functions, coroutines, generators of both kinds, methods of all kinds and classes,
    whose instances are made in a span. An exception is noted in the span and passes on unchanged.
    ``output_reducer`` makes one output of what a generator yields, which is a list otherwise.
    """
    if sampling_ratio_override is not None and not 0 <= sampling_ratio_override <= 1:
        raise InvalidValue(
            f"sampling_ratio_override is {sampling_ratio_override}, not a number from 0 to 1."
        )

    def decorate(function: Any) -> Any:
        inner = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
        own = getattr(inner, "__name__", None) or type(inner).__name__
        options = Options(
            name or own,
            quoted(own),
            span_type,
            attributes,
            getattr(trace_destination, "experiment_id", None),
            sampling_ratio_override,
            log_level,
            links,
            description,
        )
        wrapped = _wrapped(inner, options, output_reducer)
        kind = type(function)
        return kind(wrapped) if inner is not function else wrapped

    return decorate if func is None else decorate(func)


def _wrapped(function: Any, options: Options, reduce: Callable[[list[Any]], Any] | None) -> Any:
    again = functools.partial(_wrapped, options=options, reduce=reduce)
    if inspect.isgeneratorfunction(function):
        return _named(function, streams.of_generator(function, options.begin, reduce), again)
    if inspect.isasyncgenfunction(function):
        return _named(function, streams.of_async_generator(function, options.begin, reduce), again)
    if reduce is not None:
        raise InvalidValue("output_reducer is for generators; what else is called returns one.")
    if inspect.isclass(function):
        return _of_class(function, options)
    if inspect.iscoroutinefunction(function):
        return _named(function, _of_coroutine(function, options), again)
    return _named(function, _of_function(function, options), again)


def _named(function: Callable[..., Any], wrapper: Any, again: Callable[..., Any]) -> Any:
    made: Any = functools.wraps(function)(wrapper)
    # One that is written in C may not tell.
    with contextlib.suppress(TypeError, ValueError):
        made.__signature__ = inspect.signature(function)
    made.__mlflow_traced__ = True
    # How another process makes the same of the function within, which it may get by value.
    made.__pegboard_again__ = again
    return made


def _of_function(function: Callable[..., Any], options: Options) -> Callable[..., Any]:
    begin, capture, function_name = options.begin, capture_of(function), options.function_name

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        span = begin()
        token = active.set(span)
        if type(span) is not LiveSpan:
            try:
                return function(*args, **kwargs)
            finally:
                deactivate(token)
        texts = span._texts
        texts[keys.FUNCTION_NAME] = function_name
        texts[keys.INPUTS] = encode(capture(args, kwargs))
        try:
            result = function(*args, **kwargs)
            if texts.get(keys.OUTPUTS, "null") == "null" and span._end is None:
                texts[keys.OUTPUTS] = encode(result)
        except BaseException as error:
            span.record_exception(error)
            raise
        finally:
            deactivate(token)
            if span._end is None:
                span.finish(_time_ns())
        return result

    return wrapper


def _of_coroutine(function: Callable[..., Any], options: Options) -> Callable[..., Any]:
    begin, capture, function_name = options.begin, capture_of(function), options.function_name

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        span = begin()
        token = active.set(span)
        if type(span) is not LiveSpan:
            try:
                return await function(*args, **kwargs)
            finally:
                deactivate(token)
        texts = span._texts
        texts[keys.FUNCTION_NAME] = function_name
        texts[keys.INPUTS] = encode(capture(args, kwargs))
        try:
            result = await function(*args, **kwargs)
            if texts.get(keys.OUTPUTS, "null") == "null" and span._end is None:
                texts[keys.OUTPUTS] = encode(result)
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                span.record_exception(error)
            raise
        finally:
            deactivate(token)
            if span._end is None:
                span.finish(_time_ns())
        return result

    return wrapper


def _of_class(owner: type, options: Options) -> type:
    """Make a span of each instance that is made of a class, not of those that derive from it."""
    make = owner.__init__  # type: ignore[misc]
    traced = _of_function(_making(make), options)

    @functools.wraps(make)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if type(self) is owner:
            traced(self, *args, **kwargs)
        else:
            make(self, *args, **kwargs)

    owner.__init__ = __init__  # type: ignore[misc]
    return owner


def _making(make: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(self: Any, *args: Any, **kwargs: Any) -> Any:
        make(self, *args, **kwargs)
        return self

    return made
