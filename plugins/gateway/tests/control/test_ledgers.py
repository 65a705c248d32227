"""The ledgers that come with the gateway keep the contract of ledgers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pegboard_gateway.control.contract import Ledger
from pegboard_gateway.control.ledgers.memory import MemoryLedger
from pegboard_gateway.control.ledgers.sqlite import SqliteLedger
from pegboard_gateway.testing import LedgerContract


class TestMemory(LedgerContract):
    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        yield MemoryLedger()


class TestSqlite(LedgerContract):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.file = tmp_path / "counters.db"

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = SqliteLedger(self.file)
        yield ledger
        ledger.close()
