"""A store of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard_testing.isolation import separate_tracking


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path) -> Iterator[Path]:
    """Trace to a store of the test's own; leave nothing observed."""
    with separate_tracking(tmp_path):
        yield tmp_path
        pegboard.llama_index.autolog(disable=True)
