"""What the parts of the store behind a server share: the connection, the journal, known runs."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from attrs import evolve
from pegboard.entities import LifecycleStage, Run, RunInfo, RunStatus
from pegboard_stores import refusals
from pegboard_stores.basic_store import BasicStore
from pegboard_wire.client.api import Api
from pegboard_wire.client.errors import Unreachable

from pegboard_tracking.client import places
from pegboard_tracking.client.heartbeats import Heartbeats
from pegboard_tracking.client.messages import Message
from pegboard_tracking.client.outbox import Outbox
from pegboard_tracking.client.writer import RestWriter
from pegboard_tracking.tables.liveness import LOST_TAG
from pegboard_tracking.wire import codec

if TYPE_CHECKING:
    from pegboard_wire.client.connection import Connection

    from pegboard_tracking.settings import Settings

_KNOWN_RUNS = 4096


class RestBase(BasicStore):
    """A store that sends its requests itself or, without a server, leaves them to the journal."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        """Use a server; the connection may be shared with others."""
        self._connection = connection
        self._server = connection.server
        self._api = Api(connection)
        self._outbox = Outbox(connection, places.directory_of(self._server.url))
        self._heartbeats = Heartbeats(connection)
        self._writer = RestWriter(
            connection, settings, self._outbox, self._heartbeats, self._check_run
        )
        self._infos: dict[str, RunInfo] = {}
        me = weakref.ref(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _reset_in_child(me))

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

    # -- known runs ----------------------------------------------------------------------------

    def _fetch_run(self, run_id: str) -> Run:
        answer = self._api.get("runs/get", run_id=run_id)
        return self._api.read(answer, lambda fields: read_run(fields.get("run")))

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

    def _reset(self) -> None:
        self._outbox.reset()
        self._heartbeats.reset()
        self._writer.start_in_child()


def read_run(value: Any) -> Run:
    """Read a run; one that is LOST, which the protocol has no name for, by its tag."""
    run = codec.read_run(value)
    if run.info.status is RunStatus.FAILED and LOST_TAG in run.data.tags:
        return evolve(run, info=evolve(run.info, status=RunStatus.LOST))
    return run


def _reset_in_child(store: weakref.ref[RestBase]) -> None:
    alive = store()
    if alive is not None:
        alive._reset()
