from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard import config, host


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Track to a store of the test's own, where nothing is trusted."""
    for variable in ("PEGBOARD_TRUST_PICKLE", *config.ENVIRONMENT):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    host.use(host.Host(config.Config()))
    pegboard.set_tracking_uri(f"sqlite:{tmp_path / 'runs.db'}")
    yield tmp_path
    while pegboard.active_run() is not None:
        pegboard.end_run()
    host.current().close()
    pegboard.set_tracking_uri(None)
    host.use(None)
