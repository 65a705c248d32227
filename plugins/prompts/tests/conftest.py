"""What the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_prompts import cache
from pegboard_testing.isolation import separate_tracking


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Track to a new store, in a new directory that is the current one; nothing is cached."""
    cache.clear()
    with separate_tracking(tmp_path):
        yield tmp_path
    cache.clear()
