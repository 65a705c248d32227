"""A store of its own for each test, in which scripts trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard import host
from pegboard_scripting.client import location


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    uri = f"sqlite:{tmp_path}/runs.db"
    monkeypatch.setattr(location, "_uri", None)
    monkeypatch.setenv("PEGBOARD_TRACKING_URI", uri)
    pegboard.set_tracking_uri(uri)
    yield uri
    pegboard.flush_async_logging()
    host.current().close()
