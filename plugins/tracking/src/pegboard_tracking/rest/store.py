"""The tracking store behind a server that speaks MLflow's REST protocol, MLflow's own or ours."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from attrs import evolve
from pegboard import filters, names, paging, refusals, uris, validation
from pegboard.contracts.tracking import SEARCH_LIMIT, MetricWriter, TrackingStore
from pegboard.entities import (
    DatasetInput,
    Experiment,
    LifecycleStage,
    Metric,
    Page,
    Param,
    Run,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from pegboard.errors import InvalidValue, NotFound, NotSupported
from pegboard.tags import RUN_NAME

from pegboard_tracking import journal
from pegboard_tracking.liveness import LOST_TAG
from pegboard_tracking.rest import places
from pegboard_tracking.rest.artifacts import resolve
from pegboard_tracking.rest.connection import Connection, connect
from pegboard_tracking.rest.errors import ServerFault, Unreachable
from pegboard_tracking.rest.outbox import BATCH_POINTS, REFUSED_FILE, Message, Outbox
from pegboard_tracking.rest.writer import RestWriter
from pegboard_tracking.wire import codec, scalars

T = TypeVar("T")

_BATCH_ITEMS = 100
"""The most params, and the most tags, that MLflow's servers take at once."""
_HISTORY_PAGE = 25_000
_KNOWN_RUNS = 4096


def open_store(uri: uris.Uri, settings: Mapping[str, Any]) -> RestStore:
    """Open the store behind the server of an ``http:`` or ``https:`` URI; nothing is sent yet."""
    return RestStore(connect(uri.text, settings))


class RestStore(TrackingStore):
    """Experiments and runs of a tracking server.

    Metrics go through a journal. So do changes of runs when the server cannot be reached; what is
    logged later never overtakes them.
    """

    def __init__(self, connection: Connection) -> None:
        """Use a server; the connection may be shared with others."""
        self._connection = connection
        self._server = connection.server
        self._outbox = Outbox(connection, places.directory_of(self._server.url))
        self._writer = RestWriter(
            self._outbox, self._server.url, connection.options.journal_wait, self._check_run
        )
        self._infos: dict[str, RunInfo] = {}
        me = weakref.ref(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _reset_in_child(me))

    # -- experiments ---------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Create an experiment."""
        answer = self._post(
            "experiments/create",
            name=validation.experiment_name(name),
            artifact_location=artifact_location,
            tags=codec.pairs_json(validation.experiment_tags(tags or {})),
        )
        return self.get_experiment(self._read(answer, _experiment_id))

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted ones too."""
        answer = self._get("experiments/get", experiment_id=experiment_id)
        return self._read(answer, self._experiment)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted ones too; None if there is none."""
        try:
            answer = self._get("experiments/get-by-name", experiment_name=name)
        except NotFound:
            return None
        return self._read(answer, self._experiment)

    def search_experiments(
        self,
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Experiment]:
        """Return experiments that match; by default the last updated first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        filters.parse_filter(filter, filters.EXPERIMENTS)
        filters.parse_order_by(order_by, filters.EXPERIMENTS)
        answer = self._post(
            "experiments/search",
            query=filter,
            filter=filter,
            order_by=list(order_by),
            view_type=view.name,
            max_results=max_results,
            page_token=page_token,
        )
        return self._page(answer, "experiments", codec.read_experiment)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name."""
        new = validation.experiment_name(name)
        self._post("experiments/update", experiment_id=experiment_id, new_name=new)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        self._post("experiments/delete", experiment_id=experiment_id)
        for run_id, info in list(self._infos.items()):
            if info.experiment_id == experiment_id:
                self._forget(run_id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo ``delete_experiment``."""
        self._post("experiments/restore", experiment_id=experiment_id)

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags of an active experiment, one after the other."""
        for key, value in validation.experiment_tags(tags).items():
            self._post(
                "experiments/set-experiment-tag", experiment_id=experiment_id, key=key, value=value
            )

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        self._post("experiments/delete-experiment-tag", experiment_id=experiment_id, key=key)

    # -- runs ----------------------------------------------------------------------------------

    def create_run(
        self,
        experiment_id: str,
        *,
        run_id: str | None = None,
        run_name: str | None = None,
        user_id: str = "",
        start_time: int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Run:
        """Create a RUNNING run in an active experiment.

        MLflow's servers choose ids themselves: with ``run_id``, NotSupported is raised there.
        """
        checked = [validation.tag(RunTag(key, value)) for key, value in (tags or {}).items()]
        given = {tag.key: tag.value for tag in checked}
        tag_name = given.get(RUN_NAME)
        if run_name and tag_name and run_name != tag_name:
            raise refusals.two_names(run_name, tag_name)
        wanted = names.new_run_id() if run_id is None else validation.run_id(run_id)
        run = self._create_run(
            wanted,
            experiment_id=experiment_id,
            run_id=wanted,
            run_name=run_name or tag_name or None,
            user_id=user_id,
            start_time=_now() if start_time is None else start_time,
            tags=codec.pairs_json(given),
        )
        if run_id is not None and run.info.run_id != run_id:
            self._post("runs/delete", run_id=run.info.run_id)
            raise NotSupported(
                f"The server {self._server.url} chooses the ids of runs itself; "
                f"no run was created with the id {run_id!r}."
            )
        self._remember(run.info)
        return run

    def _create_run(self, wanted: str, **fields: Any) -> Run:
        try:
            answer = self._post("runs/create", **fields)
        except Unreachable as error:
            if not error.maybe_done:
                raise
            # The answer was lost. A server of ours, which keeps to ids, can say what became of it.
            try:
                return self._fetch_run(wanted)
            except NotFound:
                raise error from None
        return self._read(answer, lambda got: self._run(got.get("run")))

    def get_run(self, run_id: str) -> Run:
        """Return a run with its latest data, deleted ones too."""
        self._writer.deliver_patiently()
        run = self._fetch_run(run_id)
        self._remember(run.info)
        return run

    def _fetch_run(self, run_id: str) -> Run:
        answer = self._get("runs/get", run_id=run_id)
        return self._read(answer, lambda fields: self._run(fields.get("run")))

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None. A status that is not terminated clears ``end_time``.

        For a run that this process knows, the change is kept for later if the server cannot be
        reached.
        """
        fields: dict[str, Any] = {
            "run_id": run_id,
            "status": None if status is None else scalars.status_json(status),
            "end_time": end_time,
            "run_name": run_name,
        }
        known = self._infos.get(run_id)
        if known is None:
            answer: dict[str, Any] | None = self._post("runs/update", **fields)
        else:
            given = {key: value for key, value in fields.items() if value is not None}
            answer = self._now_or_later(Message("runs/update", given))
        if answer is None:
            assert known is not None
            ends = status is None or status.is_terminated
            info = evolve(
                known,
                status=status or known.status,
                end_time=(end_time or known.end_time) if ends else None,
                run_name=run_name or known.run_name,
            )
        else:
            info = self._read(answer, lambda got: codec.read_run_info(got.get("run_info")))
        self._remember(info)
        return info

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._writer.deliver_patiently()
        self._post("runs/delete", run_id=run_id)
        self._forget(run_id)

    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``."""
        self._post("runs/restore", run_id=run_id)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        *,
        filter: str = "",
        order_by: Sequence[str] = (),
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> Page[Run]:
        """Return runs of these experiments that match; by default the last started first."""
        validation.page_size(max_results, SEARCH_LIMIT)
        filters.parse_filter(filter, filters.RUNS)
        filters.parse_order_by(order_by, filters.RUNS)
        self._writer.deliver_patiently()
        answer = self._post(
            "runs/search",
            query=filter or ", ".join(order_by),
            experiment_ids=list(dict.fromkeys(experiment_ids)),
            filter=filter,
            order_by=list(order_by),
            run_view_type=view.name,
            max_results=max_results,
            page_token=page_token,
        )
        return self._page(answer, "runs", self._run)

    # -- a run's data --------------------------------------------------------------------------

    def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """Add metrics and params, set tags: all of it or, on an error, nothing.

        What is more than the protocol allows in one request (1000 items; 100 params, 100 tags) is
        sent in several, of which each is kept or not. If the server cannot be reached, the batch
        goes to the journal.
        """
        points = [codec.metric_json(validation.metric(point)) for point in metrics]
        # Servers refuse a param that is given twice in one request, even with one value.
        pairs = [codec.param_json(item) for item in dict.fromkeys(map(validation.param, params))]
        notes = [codec.tag_json(validation.tag(item)) for item in tags]
        parts = [
            Message(
                "runs/log-batch",
                {"run_id": run_id, **part},
                batch=self._writer.next_batch() if part.get("metrics") else "",
            )
            for part in _parts(points, pairs, notes)
        ]
        try:
            if points:
                # What this process logged before comes first in the history.
                self._writer.deliver_patiently()
        except Unreachable:
            for part in parts:
                self._writer.defer(part)
        else:
            for part in parts:
                self._now_or_later(part)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        self._writer.deliver_patiently()
        self._post("runs/delete-tag", run_id=run_id, key=key)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        """Record datasets used by the run; one that is known (name and digest) is recorded once."""
        checked = [codec.dataset_input_json(validation.dataset_input(item)) for item in datasets]
        self._now_or_later(Message("runs/log-inputs", {"run_id": run_id, "datasets": checked}))

    def metric_history(
        self,
        run_id: str,
        key: str,
        *,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> Page[Metric]:
        """Return all points of a metric in the order they were logged; empty if there are none."""
        if max_results is not None:
            validation.page_size(max_results, SEARCH_LIMIT)
        self._writer.deliver_patiently()
        found: Page[Metric] = Page()
        token = page_token
        while True:
            answer = self._get(
                "metrics/get-history",
                run_id=run_id,
                metric_key=key,
                max_results=max_results or _HISTORY_PAGE,
                page_token=token,
            )
            page = self._page(answer, "metrics", codec.read_metric)
            found.extend(page)
            token = page.token
            if max_results is not None or token is None:
                found.token = token
                return found

    # -- writing and housekeeping --------------------------------------------------------------

    def metric_writer(self) -> MetricWriter:
        """Return the writer of this process: one for all callers."""
        return self._writer

    def deleted_runs(self, *, deleted_before: int | None = None) -> Iterable[RunInfo]:
        """Yield the runs marked as deleted; when that was, the protocol does not tell."""
        if deleted_before is not None:
            raise _no_purging(self._server.url, "when a run was deleted")
        for experiment in paging.items(partial(self.search_experiments, view=ViewType.ALL)):
            search = partial(
                self.search_runs, [experiment.experiment_id], view=ViewType.DELETED_ONLY
            )
            yield from (run.info for run in paging.items(search))

    def purge_run(self, run_id: str) -> None:
        """Raise NotSupported: the protocol has no such request."""
        raise _no_purging(self._server.url, f"the removal of the run {run_id!r} for good")

    def purge_experiment(self, experiment_id: str) -> None:
        """Raise NotSupported: the protocol has no such request."""
        what = f"the removal of the experiment {experiment_id!r} for good"
        raise _no_purging(self._server.url, what)

    def located(self, artifact_uri: str) -> str:
        """Return the URI that opens what an artifact location of this store names.

        What the server keeps itself is read and written through it, as whom it was opened.
        """
        return resolve(artifact_uri, self._server, self._connection.options.userinfo)

    def faults(self) -> Iterable[tuple[str, str]]:
        """Yield what was left in journals, what the server refused, and damaged journals."""
        directory = self._outbox.directory
        if names_left := journal.names(directory):
            yield (
                f"{len(names_left)} journals in {directory} wait to be sent to the server",
                "'pegboard sync' sends those whose process has ended.",
            )
        if (refused := directory / REFUSED_FILE).exists():
            yield (
                f"{refused} holds what the server refused for good",
                "Look into it, and delete it when it is not needed.",
            )
        for path in sorted(directory.glob("*.damaged")):
            yield (
                f"{path} is a damaged journal; what came before the damage was sent",
                "Keep it if the points after it are worth a rescue by hand, else delete it.",
            )

    def close(self) -> None:
        """Send on what was logged, and close the connections."""
        self._writer.close()
        self._connection.close()

    # -- requests ------------------------------------------------------------------------------

    def _get(self, name: str, /, **fields: Any) -> dict[str, Any]:
        return self._connection.call("GET", name, fields)

    def _post(self, name: str, /, *, query: str = "", **fields: Any) -> dict[str, Any]:
        return self._connection.call("POST", name, fields, query=query)

    def _now_or_later(self, message: Message) -> dict[str, Any] | None:
        """Make a request; if the server cannot be reached, leave it to the journal (None)."""
        writer = self._writer
        try:
            if writer.has_deferred:
                writer.deliver()
            patient = not writer.is_cut_off
            return self._connection.call(
                "POST", message.name, message.fields, headers=message.headers, patient=patient
            )
        except Unreachable:
            writer.defer(message)
            return None

    def _check_run(self, run_id: str) -> None:
        """Make sure that a run can be logged to, as far as that can be known now."""
        if run_id in self._infos:
            return
        try:
            run = self._fetch_run(run_id)
        except Unreachable:
            return
        if run.info.lifecycle_stage is LifecycleStage.DELETED:
            raise refusals.run_deleted(run_id)

    def _remember(self, info: RunInfo) -> None:
        """Keep what is known of active runs, for times without a server."""
        if info.lifecycle_stage is LifecycleStage.ACTIVE:
            while len(self._infos) >= _KNOWN_RUNS:
                self._infos.pop(next(iter(self._infos)), None)
            self._infos[info.run_id] = info
        else:
            self._forget(info.run_id)

    def _forget(self, run_id: str) -> None:
        self._infos.pop(run_id, None)
        self._writer.forget(run_id)

    # -- answers -------------------------------------------------------------------------------

    def _read(self, answer: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]) -> T:
        """Return what an answer holds; what cannot be read is the server's fault."""
        try:
            return read(answer)
        except InvalidValue as error:
            raise ServerFault(
                f"The server {self._server.url} gave an answer that cannot be understood: {error}"
            ) from error

    def _page(self, answer: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> Page[T]:
        def read_page(fields: Mapping[str, Any]) -> Page[T]:
            items, token = codec.read_page(fields, name)
            return Page([read(item) for item in items], token)

        return self._read(answer, read_page)

    @staticmethod
    def _experiment(fields: Mapping[str, Any]) -> Experiment:
        return codec.read_experiment(fields.get("experiment"))

    @staticmethod
    def _run(value: Any) -> Run:
        run = codec.read_run(value)
        if run.info.status is RunStatus.FAILED and LOST_TAG in run.data.tags:
            # The protocol has no name for it.
            return evolve(run, info=evolve(run.info, status=RunStatus.LOST))
        return run

    def _reset(self) -> None:
        self._outbox.reset()
        self._writer.reset()


def _parts(
    metrics: list[dict[str, Any]], params: list[dict[str, Any]], tags: list[dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """Cut a batch into ones that MLflow's servers take; what may be refused comes first."""
    few = len(params) <= _BATCH_ITEMS and len(tags) <= _BATCH_ITEMS
    if few and len(metrics) + len(params) + len(tags) <= BATCH_POINTS:
        yield {"metrics": metrics, "params": params, "tags": tags}
        return
    limits = (("params", params, _BATCH_ITEMS), ("tags", tags, _BATCH_ITEMS))
    for name, items, limit in (*limits, ("metrics", metrics, BATCH_POINTS)):
        for start in range(0, len(items), limit):
            yield {name: items[start : start + limit]}


def _experiment_id(fields: Mapping[str, Any]) -> str:
    return scalars.string(scalars.need(fields, "experiment_id"), "experiment_id")


def _no_purging(url: str, what: str) -> NotSupported:
    return NotSupported(
        f"MLflow's protocol, which the server {url} speaks, does not know {what}.",
        hint="Run 'pegboard gc' on the machine of the server, with the store that it serves.",
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _reset_in_child(store: weakref.ref[RestStore]) -> None:
    alive = store()
    if alive is not None:
        alive._reset()
