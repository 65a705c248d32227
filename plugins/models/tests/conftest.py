from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pegboard_testing.isolation import separate_tracking


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path) -> Iterator[Path]:
    """Track to a store of the test's own, where nothing is trusted."""
    with separate_tracking(tmp_path):
        yield tmp_path


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3]})
