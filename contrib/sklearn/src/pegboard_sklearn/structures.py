"""Checks of what compiled code trusts blindly: numbers of nodes, rows and columns.

scikit-learn and SciPy trust such numbers, as they have computed them. In a file that someone has
made up they could lead anywhere in memory, so all that was read is checked before it is used. Each
function raises ``Unsound`` with what is wrong, or what NumPy and SciPy raise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_WORDS_OF_A_BITSET = 8


class Unsound(ValueError):
    """What was read does not fit together."""


def require(condition: Any, problem: str) -> None:
    """Raise Unsound unless a condition holds."""
    if not condition:
        raise Unsound(problem)


def check_tree(tree: Any) -> None:
    """Check a ``Tree``, of a decision tree or one of a forest."""
    count = tree.node_count
    require(count >= 1, "a tree has no nodes")
    # The properties are views of all that is known of the nodes: copies are read faster.
    left, right = tree.children_left.copy(), tree.children_right.copy()
    inner = np.flatnonzero(left != -1)
    features = tree.feature[inner]
    require(((features >= 0) & (features < tree.n_features)).all(), "a node splits by no feature")
    depth = _depth(inner, left, right, count)
    require(tree.max_depth >= depth, "a tree is deeper than it says")
    require(tree.value.shape[1:] == (tree.n_outputs, tree.max_n_classes), "a node lacks values")
    require(tree.value.size >= count, "a node lacks values")
    classes = tree.n_classes
    require((classes >= 1).all() and (classes <= tree.max_n_classes).all(), "a node lacks values")


def check_predictor(predictor: Any) -> None:
    """Check a ``TreePredictor``, of gradient boosting by histograms."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes = predictor.nodes
    is_table = type(nodes) is np.ndarray and nodes.ndim == 1 and nodes.size
    require(is_table and nodes.dtype == PREDICTOR_RECORD_DTYPE, "a tree has no nodes")
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    _depth(inner, left, right, len(nodes))
    require((nodes["feature_idx"][inner] >= 0).all(), "a node splits by no feature")
    bitsets = (predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets)
    by_category = nodes[inner][nodes["is_categorical"][inner] != 0]
    for sets in bitsets:
        fits = type(sets) is np.ndarray and sets.ndim == 2 and sets.dtype == np.uint32
        require(fits and sets.shape[1] == _WORDS_OF_A_BITSET, "categories are not sets of bits")
        require((by_category["bitset_idx"] < len(sets)).all(), "a node splits by no categories")


def _depth(inner: Any, left: Any, right: Any, count: int) -> int:
    """Return the depth of a tree whose nodes come after their parents; Unsound if it is not one.

    ``left`` and ``right`` are the children of all nodes, ``inner`` the nodes that have some.
    """
    children = np.concatenate([left[inner], right[inner]])
    after = (children > np.concatenate([inner, inner])) & (children < count)
    require(after.all(), "a node leads to none of the nodes after it")
    met_twice = len(children) and np.bincount(children).max() > 1
    require(not met_twice, "two nodes lead to the same node")
    is_inner = np.zeros(count, dtype=bool)
    is_inner[inner] = True
    depth, level = 0, np.zeros(1, dtype=np.int64)
    while len(level := level[is_inner[level]]):
        level = np.concatenate([left[level], right[level]])
        depth += 1
    return depth


def check_neighbors(tree: Any) -> None:
    """Check a ``KDTree`` or a ``BallTree``."""
    state = tree.__getstate__()
    data, rows, nodes, bounds = (np.asarray(part) for part in state[:4])
    leaf_size, levels, node_count = state[4:7]
    metric, weight = state[11:13]
    require(metric is not None, "a tree has no metric")
    require(data.ndim == 2 and data.size, "a tree has no points")
    count, features = data.shape
    require(rows.shape == (count,), "not every point has its place")
    require(((rows >= 0) & (rows < count)).all(), "a place is that of no point")
    require(leaf_size >= 1, "leaves are empty")
    is_full = 1 <= levels < 63 and node_count == 2**levels - 1 and len(nodes) == node_count
    require(is_full, "a tree lacks nodes")
    _check_ranges(nodes["idx_start"], nodes["idx_end"], nodes["is_leaf"], count)
    # A ball has its center, a box its lower and its upper corner.
    corners = 2 if type(tree).__name__.startswith("KD") else 1
    require(bounds.shape == (corners, node_count, features), "nodes lack their bounds")
    require(weight is None or np.shape(weight) == (count,), "not every point has a weight")
    metric._validate_data(data)


def _check_ranges(start: Any, end: Any, is_leaf: Any, count: int) -> None:
    """Check that each node has a range of points, and shares it out to its two children."""
    require(((start >= 0) & (start <= end) & (end <= count)).all(), "a node has points beyond all")
    require(start[0] == 0 and end[0] == count, "the root does not have all points")
    inner = np.flatnonzero(is_leaf == 0)
    left, right = 2 * inner + 1, 2 * inner + 2
    require((right < len(start)).all(), "a leaf leads on")
    shared = (
        (start[left] == start[inner]) & (end[left] == start[right]) & (end[right] == end[inner])
    )
    require(shared.all(), "a node shares out other points than its own")


def check_sparse(matrix: Any) -> None:
    """Check a sparse matrix of SciPy."""
    if matrix.format in ("csr", "csc", "bsr"):
        matrix.check_format(full_check=True)
    elif matrix.format == "coo":
        for places, size in zip((matrix.row, matrix.col), matrix.shape, strict=True):
            require(len(places) == len(matrix.data), "values without a place")
            require(((places >= 0) & (places < size)).all(), "a place beyond the matrix")


def check_spline(spline: Any) -> None:
    """Check a ``BSpline`` of SciPy as its own constructor does."""
    type(spline)(spline.t, spline.c, spline.k, spline.extrapolate, spline.axis)
