"""The registries of this distribution keep the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pegboard.contracts.registry import ModelRegistry
from pegboard_registry.memory.registry import MemoryRegistry
from pegboard_registry.store.sqlite import SqliteRegistry
from pegboard_testing import ModelRegistryContract


class TestSqliteRegistry(ModelRegistryContract):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Iterator[SqliteRegistry]:
        registry = SqliteRegistry(tmp_path / "runs.db", synchronous="normal")
        yield registry
        registry.close()

    @pytest.fixture
    def reopen(self, registry: SqliteRegistry, tmp_path: Path) -> Callable[[], ModelRegistry]:
        def again() -> ModelRegistry:
            registry.close()
            return SqliteRegistry(tmp_path / "runs.db", synchronous="normal")

        return again


class TestMemoryRegistry(ModelRegistryContract):
    @pytest.fixture
    def registry(self) -> MemoryRegistry:
        return MemoryRegistry()
