"""The graph of a workflow: where nodes stand, and what is drawn of their states."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st
from pegboard_workflows.graph.drawing import SIGNS, Node, edges_of, nodes_of, svg, text
from pegboard_workflows.graph.layout import layout
from pegboard_workflows.states import State, StepState, TaskState, together

NAMES = [f"s{number}" for number in range(8)]
PAIRS = [(a, b) for number, a in enumerate(NAMES) for b in NAMES[number + 1 :]]


@given(st.lists(st.sampled_from(PAIRS), unique=True))
def test_each_node_has_a_place_of_its_own_below_those_it_needs(
    edges: list[tuple[str, str]],
) -> None:
    found = layout(NAMES, edges)
    places = [(each.layer, each.position) for each in found.nodes.values()]
    for (giver, taker), way in found.edges.items():
        assert way[0] == found.nodes[giver]
        assert way[-1] == found.nodes[taker]
        assert [place.layer for place in way] == [
            *range(found.nodes[giver].layer, found.nodes[taker].layer + 1)
        ]
        # What passes a layer does not run through a node.
        places += [(place.layer, place.position) for place in way[1:-1]]
    assert len(places) == len(set(places))
    assert all(0 <= position <= found.width - 1 for _, position in places)
    assert layout(NAMES, edges) == found


def test_lines_are_not_crossed_where_an_order_avoids_it() -> None:
    found = layout(["a", "b", "x", "y"], [("a", "y"), ("b", "x")])
    assert found.nodes["y"].position < found.nodes["x"].position


def test_a_picture_stands_by_itself_and_tells_names_and_states() -> None:
    nodes = [
        Node(name=f"<{state}>", state=state, said="a very long word on the state" * 3)
        for state in State
    ]
    drawn = svg(nodes, [("<waiting>", "<failed>")])
    tree = ElementTree.fromstring(drawn)
    groups = [each for each in tree.iter() if "node" in each.get("class", "")]
    assert [group.get("class") for group in groups] == [f"node {state}" for state in State]
    titles = [each.text or "" for each in tree.iter() if each.tag.endswith("title")]
    assert titles == [f"{node.name}: {node.said}" for node in nodes]
    assert all(sign in drawn for sign in SIGNS.values())
    assert "prefers-color-scheme:dark" in drawn
    assert drawn.count("http") == 1
    lines = text(nodes, [("<waiting>", "<failed>")]).splitlines()
    assert lines[list(State).index(State.FAILED)].startswith("✗ <failed>")
    assert lines[list(State).index(State.FAILED)].endswith("← <waiting>")
    assert ElementTree.fromstring(svg([], [])).tag.endswith("svg")


def test_a_step_is_in_the_worst_of_the_states_of_its_tasks() -> None:
    cases = {
        (): "unchanged",
        ("finished", "unchanged"): "finished",
        ("waiting", "finished"): "running",
        ("waiting", "waiting"): "waiting",
        ("running", "finished"): "running",
        ("running", "failed"): "failed",
        ("waiting", "finished", "failed"): "failed",
        ("killed", "finished"): "killed",
    }
    for states, expected in cases.items():
        assert together(map(State, states)) == expected
    tasks = {
        label: TaskState(label=label, state=State(state))
        for label, state in zip("abc", ("finished", "failed", "finished"), strict=True)
    }
    step = StepState(name="train", needs=["load"], tasks=tasks, known=True)
    assert nodes_of([step]) == [Node(name="train", state=State.FAILED, said="1 failed, 2 finished")]
    assert edges_of([step]) == [("load", "train")]
