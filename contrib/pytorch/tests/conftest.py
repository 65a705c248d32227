"""What the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
import torch
from pegboard import config, host
from pegboard_pytorch.autologging import autolog

# The models are so small that threads would only wait for each other.
torch.set_num_threads(1)


@pytest.fixture
def tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pegboard.Client]:
    """Return a client of a new store, which is the current one."""
    monkeypatch.chdir(tmp_path)
    for variable in ("PEGBOARD_TRUST_PICKLE", *config.ENVIRONMENT):
        monkeypatch.delenv(variable, raising=False)
    # For the processes that tests start.
    monkeypatch.setenv("PEGBOARD_TRACKING_URI", f"sqlite:{tmp_path}/tracking.db")
    host.use(host.Host(config.Config()))
    pegboard.set_tracking_uri(f"sqlite:{tmp_path}/tracking.db")
    yield pegboard.Client()
    autolog(disable=True)
    while pegboard.active_run() is not None:
        pegboard.end_run()
    host.current().close()
    pegboard.set_tracking_uri(None)
    host.use(None)
