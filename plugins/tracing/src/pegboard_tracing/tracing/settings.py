"""Switching tracing on and off, and what new traces get."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import evolve
from pegboard.errors import InvalidValue, PegboardError

from pegboard_tracing import destinations, keys
from pegboard_tracing.live import LiveSpan
from pegboard_tracing.tracer import Configuration, Scope, configuration, scope

_CHAT_TOOLS = "mlflow.chat.tools"


def enable() -> None:
    """Trace from now on, in the whole process."""
    configuration.enabled = True


def disable() -> None:
    """Trace nothing from now on, in the whole process."""
    configuration.enabled = False


def reset() -> None:
    """Forget what was set here: tracing is on, and traces go to the active experiment."""
    vars(configuration).update(vars(Configuration()))
    scope.set(None)
    _keep_again()
    _pass_on_again()


def _keep_again() -> None:
    if not destinations.is_kept():
        use_opentelemetry(disable=True)
        _pass_on_again()


def _pass_on_again() -> None:
    """Let OpenTelemetry's provider have our spans, as at the beginning."""
    if "opentelemetry.sdk.trace" in sys.modules:
        from pegboard_tracing.tracing import passing

        passing.start()


def set_destination(destination: Any, *, context_local: bool = False) -> None:
    """Have new traces go to an experiment, a ``MlflowExperimentLocation``.

    With ``context_local`` only those that this thread or task begins. A ``SpanExporter`` of
    OpenTelemetry gets all new traces of the process, which are then kept nowhere else, until
    another destination is set.
    """
    if callable(getattr(destination, "export", None)) and not context_local:
        from pegboard_tracing.tracing import joint

        joint.send_to(destination)
        return
    if not hasattr(destination, "experiment_id"):
        raise InvalidValue(
            f"Traces cannot go to {destination!r}.",
            hint="Give pegboard.entities.MlflowExperimentLocation(experiment_id), or an exporter "
            "of OpenTelemetry.",
        )
    _keep_again()
    chosen = destination.experiment_id
    if context_local:
        scope.set(evolve(scope.get() or Scope(), experiment_id=chosen))
    else:
        configuration.experiment_id = chosen


@contextmanager
def context(
    metadata: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    enabled: bool | None = None,
    session_id: str | None = None,
    user: str | None = None,
) -> Iterator[None]:
    """Within this block new traces get metadata and tags, or with ``enabled=False`` none begin."""
    outer = scope.get() or Scope()
    told = {keys.SESSION: session_id, keys.USER: user}
    added = {**(metadata or {}), **{key: each for key, each in told.items() if each is not None}}
    inner = evolve(
        outer,
        metadata={**outer.metadata, **added},
        tags={**outer.tags, **(tags or {})},
        enabled=outer.enabled if enabled is None else enabled,
    )
    token = scope.set(inner)
    try:
        yield
    finally:
        scope.reset(token)


class Configured:
    """What ``configure`` changed; at the end of a ``with`` block it is as it was."""

    def __init__(self, before: Mapping[str, Any]) -> None:
        self._before = before

    def __enter__(self) -> Configured:
        return self

    def __exit__(self, *_error: object) -> None:
        vars(configuration).update(self._before)


def configure(
    span_processors: Sequence[Callable[[LiveSpan], None]] | None = None,
    sampling_ratio: float | None = None,
) -> Configured:
    """Change how spans are kept, for good or within a ``with`` block.

    ``span_processors`` are called with each span that ends, in their order, before it is kept; they
    may change it, to take out what is secret. ``sampling_ratio``, from 0 to 1, is which part of the
    traces is kept; it takes precedence over MLFLOW_TRACE_SAMPLING_RATIO.
    """
    before = dict(vars(configuration))
    if span_processors is not None:
        configuration.processors = [_checked(each) for each in span_processors]
    if sampling_ratio is not None:
        if not 0 <= sampling_ratio <= 1:
            raise InvalidValue(f"The sampling ratio is {sampling_ratio}, not from 0 to 1.")
        configuration.ratio = float(sampling_ratio)
    return Configured(before)


def _checked(processor: Any) -> Callable[[LiveSpan], None]:
    if not callable(processor):
        raise InvalidValue(f"A span processor is a function, not {processor!r}.")
    # One that is written in C may not tell what it takes.
    with contextlib.suppress(ValueError):
        try:
            inspect.signature(processor).bind(None)
        except TypeError:
            raise InvalidValue("A span processor takes one argument, the span.") from None
    checked: Callable[[LiveSpan], None] = processor
    return checked


def use_opentelemetry(provider: Any = None, *, disable: bool = False) -> None:
    """Make one trace of OpenTelemetry's spans and ours, in the store, too.

    Without it, the processors and exporters of the global provider get our spans, within the span
    that is current there, and the store has none of OpenTelemetry's. With it, spans that are begun
    by OpenTelemetry's API are kept where ours go, and ours are within theirs there. ``provider`` is
    a ``TracerProvider`` of OpenTelemetry's SDK, by default the global one, which is made if there
    is none. ``disable`` undoes it, and keeps our spans from OpenTelemetry. PegboardError if the SDK
    is not installed.
    """
    try:
        from pegboard_tracing.tracing import joint, passing
    except ImportError as error:
        if disable:
            return
        raise PegboardError(
            f"Tracing together with OpenTelemetry needs its SDK: {error}.",
            hint="Install pegboard-tracing[opentelemetry].",
        ) from None
    if disable:
        joint.leave()
        passing.stop()
    else:
        joint.join(provider)


def set_span_chat_tools(span: LiveSpan, tools: Sequence[Any]) -> None:
    """Note in a span which tools a language model could call."""
    span.set_attribute(_CHAT_TOOLS, list(tools))


def enable_notebook_display() -> None:
    """Do nothing: notebooks show traces as text, and the page shows them whole."""


def disable_notebook_display() -> None:
    """Do nothing, too."""
