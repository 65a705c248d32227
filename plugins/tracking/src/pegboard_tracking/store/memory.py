"""The tracking store that lives in this process and dies with it: for tests."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from attrs import field, frozen
from pegboard.entities import Experiment
from pegboard.uris import Uri
from pegboard_stores.mapping_data_sets import DataSetState
from pegboard_stores.mapping_scorers import ScorerState
from pegboard_stores.mapping_store import MappingStore, ModelRecord, RunRecord, TraceRecord
from pegboard_stores.names import new_run_id


@frozen
class _Memory:
    """What all stores of one name share."""

    experiments: dict[str, Experiment] = field(factory=dict)
    runs: dict[str, RunRecord] = field(factory=dict)
    models: dict[str, ModelRecord] = field(factory=dict)
    traces: dict[str, TraceRecord] = field(factory=dict)
    data_sets: dict[str, DataSetState] = field(factory=dict)
    scorers: dict[str, ScorerState] = field(factory=dict)
    lock: AbstractContextManager[object] = field(factory=threading.RLock)


_named: dict[str, _Memory] = {}


def open_store(uri: Uri, settings: object) -> MappingStore:
    """Open ``memory:NAME``, shared by all that use the name; ``memory:`` is the opener's alone."""
    del settings
    name = uri.path or new_run_id()
    memory = _named.setdefault(name, _Memory()) if uri.path else _Memory()
    return MappingStore(
        memory.experiments,
        memory.runs,
        models=memory.models,
        traces=memory.traces,
        data_sets=memory.data_sets,
        scorers=memory.scorers,
        artifact_root=f"memory:{name}/artifacts",
        lock=memory.lock,
    )
