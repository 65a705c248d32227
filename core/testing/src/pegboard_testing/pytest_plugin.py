"""Fixtures for tests of plugins; pytest finds them as soon as this distribution is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def pegboard_tracking(tmp_path: Path) -> Iterator[Path]:
    """Track to a new store in a directory of the test, which is also the current one; yield it."""
    from pegboard_testing.isolation import separate_tracking

    with separate_tracking(tmp_path):
        yield tmp_path
