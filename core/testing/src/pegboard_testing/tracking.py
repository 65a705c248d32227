"""The contract of tracking stores, as tests."""

from __future__ import annotations

from pegboard_testing._abilities import AbilityTests
from pegboard_testing._data import DataTests
from pegboard_testing._experiments import ExperimentTests
from pegboard_testing._history import ConcurrencyTests, HistoryTests, WriterTests
from pegboard_testing._runs import RunTests
from pegboard_testing._search import SearchTests


class TrackingStoreContract(
    ExperimentTests,
    RunTests,
    DataTests,
    HistoryTests,
    WriterTests,
    SearchTests,
    ConcurrencyTests,
    AbilityTests,
):
    """What every tracking store does.

    Subclass it, with a name that begins with ``Test``, and give it the fixture ``store``: a new,
    empty store for each test, closed afterwards by the fixture if it needs closing. If the store
    outlives its process, override ``reopen`` too: a function without arguments that first closes
    ``store`` and then returns it opened anew; the tests close that one. A store that is gone with
    its process has nothing to reopen and leaves it out. A store that
    has abilities (``pegboard_stores.abilities``) derives from their suites too.
    """
