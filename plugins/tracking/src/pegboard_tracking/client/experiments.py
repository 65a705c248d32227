"""The experiments of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Experiment, LifecycleStage, Page, ViewType
from pegboard.errors import NotFound
from pegboard_stores import filters, refusals, validation
from pegboard_wire import scalars
from pegboard_wire.pairs import pairs_json

from pegboard_tracking.client.base import RestBase
from pegboard_tracking.wire import codec


class RestExperiments(RestBase):
    """What a store does with experiments."""

    def create_experiment(
        self,
        name: str,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Experiment:
        """Create an experiment."""
        answer = self._api.post(
            "experiments/create",
            name=validation.experiment_name(name),
            # A relative one is the server's to resolve.
            artifact_location=artifact_location and validation.artifact_location(artifact_location),
            tags=pairs_json(validation.experiment_tags(tags or {})),
        )
        return self.get_experiment(self._api.read(answer, _experiment_id))

    def get_experiment(self, experiment_id: str) -> Experiment:
        """Return an experiment, deleted ones too."""
        answer = self._api.get("experiments/get", experiment_id=experiment_id)
        return self._api.read(answer, _experiment)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """Return the experiment of that name, deleted ones too; None if there is none."""
        try:
            answer = self._api.get("experiments/get-by-name", experiment_name=name)
        except NotFound:
            return None
        return self._api.read(answer, _experiment)

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
        answer = self._api.post(
            "experiments/search",
            query=filter,
            filter=filter,
            # Servers have another order where none is given.
            order_by=list(order_by) or ["last_update_time DESC"],
            view_type=view.name,
            max_results=max_results,
            page_token=page_token,
        )
        return self._api.read_page(answer, "experiments", codec.read_experiment)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """Give an active experiment another name."""
        new = validation.experiment_name(name)
        self._api.post("experiments/update", experiment_id=experiment_id, new_name=new)

    def delete_experiment(self, experiment_id: str) -> None:
        """Mark an experiment and its runs as deleted."""
        self._move("delete", experiment_id, LifecycleStage.DELETED)
        for run_id, info in list(self._infos.items()):
            if info.experiment_id == experiment_id:
                self._forget(run_id)

    def restore_experiment(self, experiment_id: str) -> None:
        """Undo ``delete_experiment``."""
        self._move("restore", experiment_id, LifecycleStage.ACTIVE)

    def _move(self, method: str, experiment_id: str, stage: LifecycleStage) -> None:
        try:
            self._api.post(f"experiments/{method}", experiment_id=experiment_id)
        except NotFound:
            # So servers say if it is there, but in that state already.
            if self.get_experiment(experiment_id).lifecycle_stage is not stage:
                raise
            raise refusals.experiment_is(experiment_id, stage) from None

    def set_experiment_tags(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        """Set or change tags of an active experiment, one after the other."""
        for key, value in validation.experiment_tags(tags).items():
            self._api.post(
                "experiments/set-experiment-tag", experiment_id=experiment_id, key=key, value=value
            )

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Remove a tag; NotFound if there is none of that key."""
        self._api.post("experiments/delete-experiment-tag", experiment_id=experiment_id, key=key)


def _experiment_id(fields: Mapping[str, Any]) -> str:
    return scalars.string(scalars.need(fields, "experiment_id"), "experiment_id")


def _experiment(fields: Mapping[str, Any]) -> Experiment:
    return codec.read_experiment(fields.get("experiment"))
