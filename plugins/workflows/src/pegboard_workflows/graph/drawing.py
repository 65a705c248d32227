"""Draws the graph of a workflow, as SVG and as text: a pure function of steps, edges and states."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from attrs import frozen

from pegboard_workflows.graph.layout import Place, layout
from pegboard_workflows.states import WORST_FIRST, State, StepState

SIGNS = {
    State.WAITING: "○",
    State.RUNNING: "▶",
    State.FINISHED: "✓",
    State.UNCHANGED: "=",
    State.FAILED: "✗",
    State.KILLED: "■",
    State.BLOCKED: "-",
}
_WIDE, _HIGH, _GAP_X, _GAP_Y, _MARGIN = 190, 46, 28, 40, 16
_LETTER = 7.4
_STYLE = """
svg{--paper:#fff;--ink:#1c2128;--soft:#59636e;--line:#8c959f;font:13px system-ui,sans-serif}
.node rect{fill:var(--paper);stroke:var(--tone);stroke-width:1.5}
.node .bar{fill:var(--tone);stroke:none}
.node text{fill:var(--ink)}
.node .sign{fill:var(--tone);font-weight:700}
.node .said{fill:var(--soft);font-size:11px}
.edge{fill:none;stroke:var(--line);stroke-width:1.5}
.tip{fill:var(--line)}
.waiting,.blocked{--tone:#818b98}
.running{--tone:#0969da}
.finished{--tone:#1a7f37}
.unchanged{--tone:#6639ba}
.failed{--tone:#cf222e}
.killed{--tone:#9a6700}
.blocked rect,.waiting rect{stroke-dasharray:4 3}
@media(prefers-color-scheme:dark){
svg{--paper:#161b22;--ink:#e6edf3;--soft:#9da7b3;--line:#6e7681}
.running{--tone:#4493f8}
.finished{--tone:#3fb950}
.unchanged{--tone:#ab7df8}
.failed{--tone:#f85149}
.killed{--tone:#d29922}
}
"""


@frozen(kw_only=True)
class Node:
    """A step as it is drawn: ``said`` is a word or two on its state."""

    name: str
    state: State
    said: str = ""


def nodes_of(steps: Sequence[StepState]) -> list[Node]:
    """Return how steps are drawn."""
    return [Node(name=step.name, state=step.state, said=_said(step)) for step in steps]


def edges_of(steps: Sequence[StepState]) -> list[tuple[str, str]]:
    """Return who gives to whom."""
    return [(needed, step.name) for step in steps for needed in step.needs]


def _said(step: StepState) -> str:
    tasks = step.tasks.values()
    if len(tasks) < 2:
        seconds = next((task.seconds for task in tasks), None)
        return f"{step.state}, {seconds:.1f} s" if seconds is not None else str(step.state)
    counts = {state: sum(task.state is state for task in tasks) for state in WORST_FIRST}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


def svg(nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> str:
    """Return a picture that stands by itself, for light and dark pages."""
    found = layout([node.name for node in nodes], edges)
    width = 2 * _MARGIN + max(1, found.width) * (_WIDE + _GAP_X) - _GAP_X
    height = 2 * _MARGIN + max(1, found.layers) * (_HIGH + _GAP_Y) - _GAP_Y
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="The steps of a workflow">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    for way in found.edges.values():
        lines.append(f'<path class="edge" marker-end="url(#tip)" d="{_way(way)}"/>')
    lines += [_node(node, found.nodes[node.name]) for node in nodes]
    return "\n".join([*lines, "</svg>", ""])


def _left(place: Place) -> float:
    return _MARGIN + place.position * (_WIDE + _GAP_X)


def _top(place: Place) -> float:
    return _MARGIN + place.layer * (_HIGH + _GAP_Y)


def _way(places: Sequence[Place]) -> str:
    """Return the path of an edge: from below one node to above another, straight past others."""
    first = places[0]
    x, y = _left(first) + _WIDE / 2, _top(first) + _HIGH
    words = [f"M{x:g} {y:g}"]
    for place in places[1:]:
        to_x, to_y = _left(place) + _WIDE / 2, _top(place)
        bend = (to_y - y) / 2
        words.append(f"C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}")
        x, y = to_x, to_y
        if place is not places[-1]:
            y += _HIGH
            words.append(f"V{y:g}")
    return "".join(words)


def _node(node: Node, place: Place) -> str:
    x, y = _left(place), _top(place)
    said = node.said or str(node.state)
    whole = f"{node.name}: {said}"
    return (
        f'<g class="node {node.state}" transform="translate({x:g} {y:g})">'
        f"<title>{escape(whole)}</title>"
        f'<rect width="{_WIDE}" height="{_HIGH}" rx="6"/>'
        f'<rect class="bar" width="5" height="{_HIGH}" rx="2.5"/>'
        f'<text class="sign" x="15" y="20">{SIGNS[node.state]}</text>'
        f'<text x="33" y="20">{escape(_fitting(node.name, 1.0))}</text>'
        f'<text class="said" x="33" y="36">{escape(_fitting(said, 0.85))}</text>'
        "</g>"
    )


def _fitting(text: str, size: float) -> str:
    most = int((_WIDE - 40) / (_LETTER * size))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def text(nodes: Sequence[Node], edges: Sequence[tuple[str, str]]) -> str:
    """Return the steps in their order, one a line, each with those that it needs."""
    longest = max((len(node.name) for node in nodes), default=0)
    said = max((len(node.said or node.state) for node in nodes), default=0)
    lines = []
    for node in nodes:
        needs = [giver for giver, taker in edges if taker == node.name]
        arrow = f"  ← {', '.join(needs)}" if needs else ""
        words = node.said or str(node.state)
        line = f"{SIGNS[node.state]} {node.name:{longest}}  {words:{said}}{arrow}"
        lines.append(line.rstrip())
    return "\n".join(lines)
