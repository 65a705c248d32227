"""The contract kit itself: no test of it is lost, and it notices stores that break the contract."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pegboard_testing as testing
import pytest


@pytest.mark.parametrize("contract", testing.__all__)
def test_no_test_hides_another_of_the_same_name(contract: str) -> None:
    names = Counter(
        name
        for part in getattr(testing, contract).__mro__
        for name in vars(part)
        if name.startswith("test_")
    )
    assert names
    assert [name for name, count in names.items() if count > 1] == []


BROKEN = """
import pytest
from pegboard.entities import Page, ViewType
from pegboard_stores.mapping_store import MappingStore
from pegboard_testing import TrackingStoreContract


class Broken(MappingStore):
    {code}


class TestBroken(TrackingStoreContract):
    @pytest.fixture
    def store(self):
        return Broken({{}}, {{}}, artifact_root="memory:test")
"""


@pytest.mark.parametrize(
    ("code", "noticed"),
    [
        ("def delete_tag(self, run_id, key): pass", "test_tags_are_changed_and_removed"),
        (
            "def search_runs(self, ids, *, view=None, **more):\n"
            "        return super().search_runs(ids, view=ViewType.ALL, **more)",
            "test_views_show_runs_by_lifecycle_stage",
        ),
        (
            "def metric_history(self, *args, **more):\n"
            "        page = super().metric_history(*args, **more)\n"
            "        return Page(sorted(page, key=lambda point: point.step), page.token)",
            "test_history_is_in_the_order_of_logging",
        ),
        (
            "def log_batch(self, run_id, *, metrics=(), params=(), tags=()):\n"
            "        super().log_batch(run_id, metrics=metrics)\n"
            "        super().log_batch(run_id, params=params, tags=tags)",
            "test_of_a_bad_batch_nothing_is_kept",
        ),
        (
            "def purge_run(self, run_id): self._runs.pop(run_id)",
            "test_only_deleted_runs_are_purged",
        ),
    ],
)
def test_a_store_that_breaks_the_contract_is_noticed(
    code: str, noticed: str, tmp_path: Path
) -> None:
    (tmp_path / "test_broken.py").write_text(BROKEN.format(code=code))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", noticed]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"TestBroken::{noticed}" in done.stdout
