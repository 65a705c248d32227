"""What an implementation of a contract may be able to do beyond it."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Able:
    """Has abilities: further contracts, which an implementation may keep."""

    def ability(self, contract: type[T]) -> T | None:
        """Return what keeps a further contract, such as ``pegboard_stores.uploads.PartUploads``.

        By default that is the object itself if it does; else None, and callers do without.
        """
        return self if isinstance(self, contract) else None
