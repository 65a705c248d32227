"""The tracking store behind a server that speaks MLflow's REST protocol, MLflow's own or ours."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from pegboard import paging, uris
from pegboard.contracts.tracking import MetricWriter
from pegboard.entities import RunInfo, ViewType
from pegboard_stores import abilities
from pegboard_stores.abilities import Waiting
from pegboard_stores.data_sets import DataSets
from pegboard_stores.list_tags import ListTags
from pegboard_stores.reviews import LabelSchemas, ReviewQueues
from pegboard_stores.scorers import Scorers
from pegboard_wire.client.connection import connect
from pegboard_wire.client.errors import not_known

from pegboard_tracking.client import left, places, sender
from pegboard_tracking.client.artifacts import resolve
from pegboard_tracking.client.experiments import RestExperiments
from pegboard_tracking.client.logging import RestLogging
from pegboard_tracking.client.reading import RestReading
from pegboard_tracking.client.runs import RestRuns

if TYPE_CHECKING:
    from pegboard.contracts.logged_models import LoggedModelStore
    from pegboard.contracts.traces import TraceStore

    from pegboard_tracking.settings import Settings

T = TypeVar("T")


def open_store(uri: uris.Uri, settings: Settings) -> RestStore:
    """Open the store behind the server of an ``http:`` or ``https:`` URI.

    Nothing is sent yet, but what ended processes left for that server is (``client.sender``).
    """
    connection = connect(uri.text, settings.http)
    sender.start_if_left(connection, settings, places.directory_of(connection.server.url))
    return RestStore(connection, settings)


class RestStore(RestExperiments, RestRuns, RestLogging, RestReading, abilities.Outbox):
    """Experiments and runs of a tracking server.

    Metrics go through a journal. So do changes of runs when the server cannot be reached; what is
    logged later never overtakes them.
    """

    # -- further abilities ---------------------------------------------------------------------

    def logged_models(self) -> LoggedModelStore:
        """Return the logged models of the server."""
        from pegboard_tracking.client.logged_models import RestLoggedModels

        return RestLoggedModels(self._api, self._writer.deliver_patiently, self._now_or_later)

    def traces(self) -> TraceStore:
        """Return the traces of the server."""
        from pegboard_tracking.client.traces import RestTraces

        return RestTraces(self._api)

    def ability(self, contract: type[T]) -> T | None:
        """Return what a server keeps for evaluation, or the store itself, if it can do that."""
        if contract is DataSets:
            from pegboard_tracking.client.data_sets import RestDataSets

            return cast("T", RestDataSets(self._api))
        if contract is Scorers:
            from pegboard_tracking.client.scorers import RestScorers

            return cast("T", RestScorers(self._api))
        if contract is LabelSchemas:
            from pegboard_tracking.client.reviews import RestLabelSchemas

            return cast("T", RestLabelSchemas(self._api))
        if contract is ReviewQueues:
            from pegboard_tracking.client.reviews import RestReviewQueues

            return cast("T", RestReviewQueues(self._api))
        if contract is ListTags:
            from pegboard_tracking.client.list_tags import list_tags

            return cast("T", list_tags(self, self._api))
        return super().ability(contract)

    # -- writing and housekeeping --------------------------------------------------------------

    def metric_writer(self) -> MetricWriter:
        """Return the writer of this process: one for all callers."""
        return self._writer

    def deleted_runs(self, *, deleted_before: int | None = None) -> Iterable[RunInfo]:
        """Yield the runs marked as deleted; when that was, the protocol does not tell."""
        if deleted_before is not None:
            raise not_known(self._server.url, "when a run was deleted")
        for experiment in paging.items(partial(self.search_experiments, view=ViewType.ALL)):
            search = partial(
                self.search_runs, [experiment.experiment_id], view=ViewType.DELETED_ONLY
            )
            yield from (run.info for run in paging.items(search))

    def purge_run(self, run_id: str) -> None:
        """Raise NotSupported: the protocol has no such request."""
        raise not_known(self._server.url, f"the removal of the run {run_id!r} for good")

    def purge_experiment(self, experiment_id: str) -> None:
        """Raise NotSupported: the protocol has no such request."""
        what = f"the removal of the experiment {experiment_id!r} for good"
        raise not_known(self._server.url, what)

    def located(self, artifact_uri: str) -> str:
        """Return the URI that opens what an artifact location of this store names.

        What the server keeps itself is read and written through it, as whom it was opened.
        """
        return resolve(artifact_uri, self._server, self._connection.options.userinfo)

    def waiting(self, run_id: str) -> Waiting | None:
        """Return what was logged to a run on this machine and not sent yet."""
        return left.of_run(self._outbox.directory, run_id)

    def faults(self) -> Iterable[tuple[str, str]]:
        """Yield what was left in journals, what the server refused, and damaged journals."""
        return left.faults(self._outbox.directory, self._connection.options)

    def close(self) -> None:
        """Send on what was logged, and close the connections."""
        self._writer.close()
        self._connection.close()
