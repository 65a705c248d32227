"""The table of a store's runs: its own, or one made of what every store can do."""

from __future__ import annotations

from pegboard.contracts.tracking import TrackingStore
from pegboard.entities import ViewType
from pegboard_stores.run_table import RunTable
from pegboard_wire.http import Call
from pegboard_wire.requests import store_of

VIEWS = {
    "active": ViewType.ACTIVE_ONLY,
    "deleted": ViewType.DELETED_ONLY,
    "all": ViewType.ALL,
}


def of_store(store: TrackingStore) -> RunTable:
    """Return the table of a store's runs."""
    found = store.ability(RunTable)
    if found is not None:
        return found
    from pegboard_ui.data.plain_table import PlainRunTable

    return PlainRunTable(store)


def of_call(call: Call) -> RunTable:
    """Return the table of the runs of the store that a call is about."""
    return of_store(store_of(call))
