"""What the parts of the tracking store's contract share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import Metric, Param, Run, RunStatus, RunTag

WRONG_IDS = ["", "unknown", "../../etc/passwd", "%2e%2e%2f0", "0/../0", "a" * 5000, "x\0y", "Ω"]
"""Ids that no store gave out, some of them meant to do harm."""


class StoreTests:
    """The fixtures that a subclass overrides, and short ways to write."""

    @pytest.fixture
    def store(self) -> TrackingStore:
        """Return a new, empty store. Every subclass overrides this.

        Yield it and close it if it holds anything that must be given back.
        """
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture named 'store' that returns an empty store."
        )

    @pytest.fixture
    def reopen(self, store: TrackingStore) -> Callable[[], TrackingStore]:
        """Return a function that closes ``store`` and returns it opened anew.

        Override it if the store outlives its process, and only then: the override must close
        ``store`` first, or the tests show nothing. They close what the function returns. Without an
        override the tests that reopen go on with the store as it is.
        """
        return lambda: store

    @pytest.fixture
    def run(self, store: TrackingStore) -> Run:
        """Return a new run in the experiment ``0``."""
        return store.create_run("0", run_name="first", start_time=1000)


def log(
    store: TrackingStore,
    run_id: str,
    *,
    metrics: Mapping[str, float] | None = None,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log a batch from mappings; all metrics at time 1 and step 0."""
    store.log_batch(
        run_id,
        metrics=[Metric(key, value, 1, 0) for key, value in (metrics or {}).items()],
        params=[Param(key, value) for key, value in (params or {}).items()],
        tags=[RunTag(key, value) for key, value in (tags or {}).items()],
    )


def finish(store: TrackingStore, run_id: str, end_time: int) -> None:
    """End a run as FINISHED."""
    store.update_run(run_id, status=RunStatus.FINISHED, end_time=end_time)
