"""The runs of a server: their life, and finding them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve
from pegboard.contracts.tracking import SEARCH_LIMIT
from pegboard.entities import Page, Run, RunInfo, RunStatus, RunTag, ViewType
from pegboard.errors import NotFound, NotSupported
from pegboard.tags import RUN_NAME
from pegboard_stores import filters, names, refusals, validation
from pegboard_wire import scalars
from pegboard_wire.client.errors import Unreachable
from pegboard_wire.pairs import pairs_json

from pegboard_tracking.client.base import RestBase, read_run
from pegboard_tracking.client.messages import Message
from pegboard_tracking.wire import codec


class RestRuns(RestBase):
    """What a store does with runs."""

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
            tags=pairs_json(given),
        )
        if run_id is not None and run.info.run_id != run_id:
            self._api.post("runs/delete", run_id=run.info.run_id)
            raise NotSupported(
                f"The server {self._server.url} chooses the ids of runs itself; "
                f"no run was created with the id {run_id!r}."
            )
        self._remember(run.info)
        return run

    def _create_run(self, wanted: str, **fields: Any) -> Run:
        try:
            answer = self._api.post("runs/create", **fields)
        except Unreachable as error:
            if not error.maybe_done:
                raise
            # The answer was lost. A server of ours, which keeps to ids, can say what became of it.
            try:
                return self._fetch_run(wanted)
            except NotFound:
                raise error from None
        return self._api.read(answer, lambda got: read_run(got.get("run")))

    def get_run(self, run_id: str) -> Run:
        """Return a run with its latest data, deleted ones too."""
        self._writer.deliver_patiently()
        run = self._fetch_run(run_id)
        self._remember(run.info)
        return run

    def _fetch_run(self, run_id: str) -> Run:
        answer = self._api.get("runs/get", run_id=run_id)
        return self._api.read(answer, lambda fields: read_run(fields.get("run")))

    def update_run(
        self,
        run_id: str,
        *,
        status: RunStatus | None = None,
        end_time: int | None = None,
        run_name: str | None = None,
    ) -> RunInfo:
        """Change what is not None. RUNNING clears ``end_time``, unless one is given.

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
            answer: dict[str, Any] | None = self._api.post("runs/update", **fields)
        else:
            given = {key: value for key, value in fields.items() if value is not None}
            answer = self._now_or_later(Message("runs/update", given))
        if answer is None:
            assert known is not None
            kept = None if status is RunStatus.RUNNING else known.end_time
            info = evolve(
                known,
                status=status or known.status,
                end_time=kept if end_time is None else end_time,
                run_name=run_name or known.run_name,
            )
        else:
            info = self._api.read(answer, lambda got: codec.read_run_info(got.get("run_info")))
            if info.status.is_terminated:
                self._heartbeats.ended(run_id)
        self._remember(info)
        return info

    def delete_run(self, run_id: str) -> None:
        """Mark a run as deleted."""
        self._writer.deliver_patiently()
        self._api.post("runs/delete", run_id=run_id)
        self._forget(run_id)

    def restore_run(self, run_id: str) -> None:
        """Undo ``delete_run``."""
        self._api.post("runs/restore", run_id=run_id)

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
        answer = self._api.post(
            "runs/search",
            query=filter or ", ".join(order_by),
            experiment_ids=list(dict.fromkeys(experiment_ids)),
            filter=filter,
            order_by=list(order_by),
            run_view_type=view.name,
            max_results=max_results,
            page_token=page_token,
        )
        return self._api.read_page(answer, "runs", read_run)


def _now() -> int:
    return time.time_ns() // 1_000_000
