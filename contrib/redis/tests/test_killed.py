"""Gateways of several processes that are killed keep the budget that they share in Redis."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "plugins" / "gateway" / "tests" / "control"))

from killing import kill_and_compare  # noqa: E402 (it lies beside the gateway's own tests)


@pytest.mark.parametrize("processes", [1, 3])
def test_processes_that_are_killed_lose_and_overspend_nothing(
    processes: int, port: int, tmp_path: Path
) -> None:
    kill_and_compare(f"redis://127.0.0.1:{port}/{10 + processes}", processes, tmp_path)
