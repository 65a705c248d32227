from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_testing.isolation import separate_tracking


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path) -> Iterator[Path]:
    """Track to a store of the test's own, where nothing is trusted."""
    with separate_tracking(tmp_path):
        yield tmp_path
