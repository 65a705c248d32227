"""Which run is below which."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

from attrs import frozen

R = TypeVar("R", bound=Hashable)


@frozen
class Links(Generic[R]):
    """The parents of runs within the runs in view, and the children of each parent."""

    parents: dict[R, R]
    children: dict[R, list[R]]

    def with_parents(self, members: AbstractSet[R]) -> set[R]:
        """Return runs and all that they are below."""
        parents, shown = self.parents, set(members)
        above = {parents[row] for row in members if row in parents}
        while above := above - shown:
            shown |= above
            above = {parents[row] for row in above if row in parents}
        return shown


def links(children: dict[R, list[R]]) -> Links[R]:
    """Return which run is below which, from children by their parent.

    Runs in a circle, and those below them, have no parent here, so that all of them are shown.
    """
    parents = {child: row for row, below in children.items() for child in below}
    reached = {row for row in children if row not in parents}
    coming = list(reached)
    while coming:
        below = children.get(coming.pop(), ())
        reached.update(below)
        coming += below
    for child in parents.keys() - reached:
        children[parents.pop(child)].remove(child)
    return Links(parents, {row: below for row, below in children.items() if below})
