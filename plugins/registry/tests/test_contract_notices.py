"""The contract tests notice registries that break the contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = """
import pytest
from pegboard.entities import Page
from pegboard_testing import ModelRegistryContract
from pegboard_registry.memory.registry import MemoryRegistry


class Broken(MemoryRegistry):
    {code}


class TestBroken(ModelRegistryContract):
    @pytest.fixture
    def registry(self):
        return Broken()
"""


@pytest.mark.parametrize(
    ("code", "noticed"),
    [
        (
            "def create_version(self, name, source, **more):\n"
            "        versions = self.search_versions(filter=f\"name = '{name}'\")\n"
            "        numbers = [int(each.version) for each in versions]\n"
            "        self._memory.counters[name] = max(numbers, default=0)\n"
            "        return super().create_version(name, source, **more)",
            "test_the_number_of_a_deleted_version_is_not_given_again",
        ),
        (
            "def _set_alias(self, name, alias, version, by, undoes):\n"
            "        super()._set_alias(name, alias, version, by, None)",
            "test_rollbacks_take_one_move_back_after_the_other",
        ),
        (
            "def _move_alias(self, name, alias, version, by, undoes):\n"
            "        self._set_alias(name, alias, version, by, undoes)",
            "test_a_promotion_that_is_not_allowed_changes_nothing",
        ),
        (
            "def history(self, name, **more):\n"
            "        page = super().history(name, **more)\n"
            "        return Page(reversed(page), page.token)",
            "test_the_history_is_had_in_parts",
        ),
        (
            "def _drop_aliases(self, model, by, lost): pass",
            "test_a_deleted_version_takes_its_aliases_along",
        ),
    ],
)
def test_a_registry_that_breaks_the_contract_is_noticed(
    code: str, noticed: str, tmp_path: Path
) -> None:
    (tmp_path / "test_broken.py").write_text(BROKEN.replace("{code}", code))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", noticed]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"TestBroken::{noticed}" in done.stdout
