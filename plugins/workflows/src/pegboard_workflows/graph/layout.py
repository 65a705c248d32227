"""Where the nodes of a graph stand and how its edges run: a pure function of names and edges.

Nodes stand in layers from the top to the bottom, each below all that it needs. Edges that pass
layers have a place in each of them, so that they run between the nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from attrs import frozen

_SWEEPS = 4


@frozen
class Place:
    """A node or a bend of an edge: its layer, and its position in it, both from 0."""

    layer: int
    position: float


@frozen
class Layout:
    """Where nodes stand, and over which places edges run, from end to end."""

    nodes: Mapping[str, Place]
    edges: Mapping[tuple[str, str], Sequence[Place]]
    layers: int
    width: int
    """How many places the widest layer has."""


def layout(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> Layout:
    """Return where the nodes of an acyclic graph stand; each is named after those it needs."""
    layer: dict[str, int] = {}
    for name in names:
        layer[name] = max((layer[giver] + 1 for giver, taker in edges if taker == name), default=0)
    rows: list[list[tuple[str, ...]]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in names:
        rows[layer[name]].append((name,))
    links: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    ways: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for giver, taker in edges:
        bends = [(giver, taker, str(n)) for n in range(layer[giver] + 1, layer[taker])]
        for row, bend in zip(rows[layer[giver] + 1 :], bends, strict=False):
            row.append(bend)
        way = ways[giver, taker] = [(giver,), *bends, (taker,)]
        links += pairwise(way)
    _untangle(rows, links)
    width = max(map(len, rows), default=0)
    places = {
        item: Place(number, position + (width - len(row)) / 2)
        for number, row in enumerate(rows)
        for position, item in enumerate(row)
    }
    return Layout(
        nodes={name: places[(name,)] for name in names},
        edges={edge: [places[item] for item in way] for edge, way in ways.items()},
        layers=len(rows),
        width=width,
    )


def _untangle(
    rows: list[list[tuple[str, ...]]], links: list[tuple[tuple[str, ...], tuple[str, ...]]]
) -> None:
    """Order the places of each layer by the middle of those that they are linked with."""
    above: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    below: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for giver, taker in links:
        above.setdefault(taker, []).append(giver)
        below.setdefault(giver, []).append(taker)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        order = rows if down else rows[::-1]
        near = above if down else below
        for fixed, row in pairwise(order):
            position = {item: number for number, item in enumerate(fixed)}
            middles = {}
            for number, item in enumerate(row):
                found = [position[each] for each in near.get(item, ())]
                middles[item] = sum(found) / len(found) if found else float(number)
            # Python's sort keeps the order of what is equal.
            row.sort(key=lambda item: middles[item])
