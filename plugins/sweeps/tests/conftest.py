"""What the tests share: a store, and a project whose trials are shell scripts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_testing.isolation import separate_tracking

LOG = r"""
# log VALUE STEP [METRIC]: a point, by MLflow's REST API, without a program that starts slowly.
log() {
  at=${MLFLOW_TRACKING_URI#http://}
  body="{\"run_id\":\"$MLFLOW_RUN_ID\",\"key\":\"${3:-loss}\",\"value\":$1,\"timestamp\":1,\"step\":$2}"
  exec 3<>"/dev/tcp/${at%:*}/${at#*:}"
  printf 'POST /api/2.0/mlflow/runs/log-metric HTTP/1.1\r\nHost: %s\r\n' "$at" >&3
  printf 'Authorization: Bearer %s\r\nContent-Type: application/json\r\n' \
    "$MLFLOW_TRACKING_TOKEN" >&3
  printf 'Content-Length: %d\r\nConnection: close\r\n\r\n%s' "${#body}" "$body" >&3
  read -r _ code _ <&3
  cat <&3 >/dev/null
  exec 3>&-
  test "$code" = 200
}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Track to a new store, in a new directory that is the current one and holds ``log.sh``."""
    scripts = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([scripts, os.environ["PATH"]]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    (tmp_path / "log.sh").write_text(LOG)
    with separate_tracking(tmp_path):
        yield tmp_path
