"""Tracking of which a test has its own, whatever the environment and other tests have set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pegboard
import pytest
from pegboard import config, host
from pegboard_scripting.client import location
from pegboard_scripting.fluent import experiments


def forget() -> None:
    """Be as a new process: no host, no store and no experiment are in use, whatever was before."""
    host.use(None)
    location.set_tracking_uri(None)
    experiments._active_id = None
    for name in ("TRACKING_URI", "REGISTRY_URI", "EXPERIMENT_ID", "EXPERIMENT_NAME"):
        os.environ.pop(f"PEGBOARD_{name}", None)


@contextmanager
def separate_tracking(place: Path) -> Iterator[None]:
    """Track to a new store in a directory, which is also the current one, with default settings.

    For tests that log by the functions of ``pegboard``; it needs ``pegboard-tracking``. Runs that
    are left open are ended after it.
    """
    with mock.patch.dict(os.environ), pytest.MonkeyPatch.context() as patch:
        ours = [name for name in os.environ if name.startswith("PEGBOARD_")]
        for name in {*ours, *config.ENVIRONMENT}:
            patch.delenv(name, raising=False)
        patch.setattr(experiments, "_active_id", None)
        patch.chdir(place)
        begun = host.Host(config.Config())
        host.use(begun)
        pegboard.set_tracking_uri(f"sqlite:{place / 'runs.db'}")
        try:
            yield
        finally:
            while pegboard.active_run() is not None:
                pegboard.end_run()
            host.current().close()
            begun.close()  # A command makes a host of its own.
            pegboard.set_tracking_uri(None)
            host.use(None)
