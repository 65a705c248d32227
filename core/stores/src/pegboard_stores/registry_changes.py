"""The contract of registries that say cheaply whether something in them has changed.

``RegistryRevision`` is an ability of registries, for pages that follow what others change. Of one
without it the models that were changed last are compared.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class RegistryRevision(ABC):
    """Tells states of the registry apart."""

    @abstractmethod
    def revision(self) -> int:
        """Return what differs after each change of a model, version, alias or tag, by anybody."""
