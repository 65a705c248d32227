"""Where spans go: through the journal of the tracking store, or by a thread of ours."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import PegboardError
from pegboard.targets import resolve
from pegboard_scripting.fluent import experiments, hooks, lifetime
from pegboard_stores.abilities import SpanJournal
from pegboard_stores.traces import records

from pegboard_tracing import keys
from pegboard_tracing.values import encode

if TYPE_CHECKING:
    from pegboard_scripting.client import Client

_ENVIRONMENT = frozenset(
    {
        "mlflow.user",
        "mlflow.source.name",
        "mlflow.source.type",
        "mlflow.source.git.commit",
        "mlflow.source.git.branch",
        "mlflow.source.git.repoURL",
        "mlflow.source.git.dirty",
    }
)
"""What of the context of a run is metadata of a trace, too."""

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""The variables that tell to which collector traces go."""

_SCHEMA_VERSION = "3"
_EVERY_SECONDS = 0.2

logger = logging.getLogger("pegboard")


class Destination:
    """An experiment of a store, the way there, and what every trace there has as metadata."""

    __slots__ = ("client", "experiment", "metadata", "metadata_text", "run_id", "write")

    def __init__(self, client: Client, experiment: str, run_id: str | None) -> None:
        """``experiment`` is an id, or a name in a list, as JSON."""
        self.client = client
        self.experiment = experiment
        self.run_id = run_id
        self.write = _way_to(client)
        """Keeps lines; what it raises must not reach who is traced."""
        self.metadata = {**_environment(client), keys.SCHEMA_VERSION: _SCHEMA_VERSION}
        if run_id is not None:
            self.metadata[keys.SOURCE_RUN] = run_id
        self.metadata_text = encode(self.metadata)[1:-1]
        """The metadata as JSON, without the braces."""


_last: Destination | None = None
_kept = True
_looked = False
_environments: dict[int, dict[str, str]] = {}


def keep(wanted: bool) -> None:
    """Say whether traces that begin now are kept in stores; else they only go to OpenTelemetry."""
    global _kept, _last
    _kept, _last = wanted, None


def is_kept() -> bool:
    """Whether traces that begin now are kept in stores."""
    return _kept


def current(experiment_id: str | None = None) -> Destination:
    """Return where the traces go that begin now: to the experiment of the open run, if any."""
    global _last
    if not _looked:
        _look()
    open_runs = lifetime.open_runs()
    run = open_runs[-1] if open_runs else None
    client = experiments.client() if run is None else run.client
    run_id = None if run is None else run.run.info.run_id
    if experiment_id is None and run is not None:
        experiment_id = run.run.info.experiment_id
    experiment = _experiment(client) if experiment_id is None else f'"{experiment_id}"'
    last = _last
    if (
        last is None
        or last.client is not client
        or last.run_id != run_id
        or last.experiment != experiment
    ):
        last = _last = Destination(client, experiment, run_id)
    return last


def _experiment(client: Client) -> str:
    """Return the active experiment; a server, which may be out of reach, is not asked for it."""
    if not client.tracking_uri.startswith(("http:", "https:")):
        return encode(experiments.current_experiment_id())
    chosen = experiments.chosen_experiment_id()
    if chosen is not None:
        return encode(chosen)
    name, by_id = experiments.of_environment()
    if name is not None:
        return encode([name[1]])
    return encode(experiments.DEFAULT_EXPERIMENT_ID if by_id is None else by_id[1])


def _look() -> None:
    """Let OpenTelemetry have the traces, if the environment of the process says so."""
    global _looked
    _looked = True
    if any(os.environ.get(name) for name in ENDPOINTS):
        try:
            resolve("pegboard_tracing.tracing.exporting:from_environment")()
        except Exception as error:
            logger.warning("Traces do not go where the environment says: %s", error)


def _environment(client: Client) -> dict[str, str]:
    """Return where and by whom this process was started, which is asked only once."""
    known = _environments.get(id(client.host))
    if known is None:
        told = hooks.run_context(client.host)
        known = {name: value for name, value in told.items() if name in _ENVIRONMENT}
        _environments.clear()
        _environments[id(client.host)] = known
    return known


def _way_to(client: Client) -> Callable[[str], None]:
    if not _kept:
        return lambda _lines: None
    writer = client.writer
    if isinstance(writer, SpanJournal):
        log_spans = writer.log_spans

        def write(lines: str) -> None:
            # Halves of characters, which no store and no protocol can hold, become question marks.
            log_spans(lines.encode("utf-8", "replace"))

        return write
    return _queue_of(client.store).put


# -- stores without a journal ----------------------------------------------------------------------


class Queue:
    """Lines on their way into a store that has no journal, moved by a thread."""

    def __init__(self, store: TrackingStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._moving = threading.Lock()
        self._lines: list[bytes] = []
        self._thread: threading.Thread | None = None

    def put(self, lines: str) -> None:
        """Keep lines in memory until the thread moves them."""
        with self._lock:
            self._lines.append(lines.encode("utf-8", "replace"))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="pegboard-traces", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            _stop.wait(_EVERY_SECONDS)
            try:
                self.flush()
            except PegboardError as error:
                logger.warning("Traces could not be kept: %s", error)
            except Exception:
                logger.exception("Traces could not be kept.")

    def _find(self, name: str) -> str:
        found = self._store.get_experiment_by_name(name) or self._store.create_experiment(name)
        return found.experiment_id

    def flush(self) -> None:
        """Move everything into the store."""
        with self._moving:
            with self._lock:
                lines, self._lines = self._lines, []
            if not lines:
                return
            traces = self._store.traces()
            for experiment_id, found in records.read(lines, self._find).items():
                traces.log_spans(experiment_id, list(found.spans.values()))
                for info in found.infos.values():
                    traces.start(info)
                for trace_id, note in found.notes.items():
                    for key, value in note.tags.items():
                        traces.set_tag(trace_id, key, value)


_stop = threading.Event()
_queues: dict[Any, Queue] = {}


def _queue_of(store: TrackingStore) -> Queue:
    return _queues.setdefault(store, Queue(store))


def flush_queues() -> None:
    """Move what waits for stores without a journal."""
    for queue in list(_queues.values()):
        queue.flush()


def forget() -> None:
    """Start anew in a forked child: what waits in queues is the parent's."""
    global _last
    _last = None
    _queues.clear()
