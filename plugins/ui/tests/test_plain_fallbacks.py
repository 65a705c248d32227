"""Stores without abilities have pages too: what stands in for these keeps the same contracts."""

from __future__ import annotations

import itertools

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_testing import ActivityContract, CurvesContract
from pegboard_ui.data.plain_activity import PlainActivity
from pegboard_ui.data.plain_curves import PlainCurves

_NUMBERS = itertools.count()


@pytest.fixture
def memory():
    host = Host(Config())
    yield host.tracking_store(f"memory:plain-{next(_NUMBERS)}")
    host.close()


class TestPlainCurves(CurvesContract):
    @pytest.fixture
    def store(self, memory):
        return memory

    @pytest.fixture
    def curves(self, store):
        return PlainCurves(store)


class TestPlainActivity(ActivityContract):
    @pytest.fixture
    def store(self, memory):
        return memory

    @pytest.fixture
    def activity(self, store):
        return _Fresh(store)


class _Fresh:
    """Makes one for each question, as an answer does."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(PlainActivity(self._store), name)
