"""Whether something in the registry has changed: as it tells, or as its newest models show."""

from __future__ import annotations

import zlib

from pegboard.contracts.registry import ModelRegistry
from pegboard_stores.registry_changes import RegistryRevision
from pegboard_stores.run_table import Changes

_NEWEST = 100


class RegistryChanges:
    """What a hub looks at, of a registry: nobody knows what has changed, only that."""

    def __init__(self, registry: ModelRegistry) -> None:
        """``registry`` may be of any kind."""
        self._registry = registry
        self._told = registry.ability(RegistryRevision)

    def revision(self) -> int:
        """Return what differs after a change."""
        if self._told is not None:
            return self._told.revision()
        order = ["last_updated_timestamp DESC"]
        newest = self._registry.search_models(order_by=order, max_results=_NEWEST)
        return zlib.crc32(repr(list(newest)).encode())

    def changed_since(self, revision: int) -> Changes:
        """Return nothing, or that it may be anything."""
        now = self.revision()
        return Changes(now, {} if now == revision else None)
