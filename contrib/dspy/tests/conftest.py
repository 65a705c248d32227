"""A store of its own for each test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pegboard
import pytest
from pegboard_testing.isolation import separate_tracking

# DSPy looks for prices in the network, and keeps answers in the home directory, if not told.
CACHE = tempfile.TemporaryDirectory(prefix="pegboard-dspy-")
os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DSPY_CACHEDIR": CACHE.name}


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path) -> Iterator[Path]:
    """Trace to a store of the test's own; leave nothing observed."""
    with separate_tracking(tmp_path):
        yield tmp_path
        pegboard.dspy.autolog(disable=True)
