"""The registry that lives in this process and dies with it: for tests."""

from __future__ import annotations

from pegboard.uris import Uri
from pegboard_stores.names import new_run_id

from pegboard_registry.memory.models import MemoryModels
from pegboard_registry.memory.promotion import MemoryPromotion
from pegboard_registry.memory.records import Memory
from pegboard_registry.memory.versions import MemoryVersions

_named: dict[str, Memory] = {}


def open_registry(uri: Uri, settings: object) -> MemoryRegistry:
    """Open ``memory:NAME``, shared by all that use the name; ``memory:`` is the opener's alone."""
    del settings
    name = uri.path or new_run_id()
    return MemoryRegistry(_named.setdefault(name, Memory()) if uri.path else Memory())


class MemoryRegistry(MemoryModels, MemoryVersions, MemoryPromotion):
    """Registered models in dictionaries."""
