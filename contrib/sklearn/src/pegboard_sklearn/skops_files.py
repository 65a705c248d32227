"""Reading a skops file so that each object made from it can be checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from pegboard_sklearn.public_estimators import import_skops

_CONTAINERS = (dict, list, tuple, set)


@define(eq=False)
class Contents:
    """What was made of a file: ``model`` and all the objects that it is made of.

    Every object comes from a node of the file, and so do the references between them.
    """

    model: Any
    _nodes: list[Any] = field(factory=list)
    _parents: dict[int, list[Any]] = field(factory=dict)

    def objects(self) -> Iterator[tuple[Any, Any]]:
        """Yield each object, after the node that it was made of."""
        from skops.io import _audit

        for node in self._nodes:
            made = node._constructed
            if made is not _audit.UNINITIALIZED:
                yield node, made

    def holders(self, node: Any) -> Iterator[Any]:
        """Yield what holds the object of a node as an attribute, directly or in containers.

        None stands for the file itself: the object is its whole content, or an item of a list that
        is.
        """
        seen, remaining = set(), [node]
        while remaining:
            current = remaining.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            parents = self._parents.get(id(current), [])
            if not parents:
                yield None
            for parent in parents:
                made = parent._constructed
                # What refers to an object that was met before has that same object.
                if isinstance(made, _CONTAINERS) or made is current._constructed:
                    remaining.append(parent)
                else:
                    yield made


def load(file: Path, types: Sequence[str]) -> Contents:
    """Make the objects of a file, which may be of those ``types`` beyond those skops knows.

    It is what ``skops.io.load`` does, which keeps the nodes to itself.
    """
    import_skops()
    from zipfile import ZipFile

    from skops.io import _audit

    with ZipFile(file) as archive:
        schema, context = _schema(archive)
        root = _audit.get_tree(schema, context, trusted=types)
        _audit.audit_tree(root, trusted=types)
        contents = Contents(root.construct())
    _explore(root, contents._nodes, contents._parents)
    return contents


def _schema(archive: Any) -> tuple[Any, Any]:
    import json

    from skops.io import _utils

    if hasattr(_utils, "read_schema"):
        return _utils.read_schema(archive)  # type: ignore[no-any-return]
    schema = json.loads(archive.read("schema.json"))
    return schema, _utils.LoadContext(src=archive, protocol=schema["protocol"])


def _explore(root: Any, nodes: list[Any], parents: dict[int, list[Any]]) -> None:
    seen, remaining = {id(root)}, [root]
    while remaining:
        node = remaining.pop()
        nodes.append(node)
        for part in _parts(node):
            parents.setdefault(id(part), []).append(node)
            if id(part) not in seen:
                seen.add(id(part))
                remaining.append(part)


def _parts(node: Any) -> Iterator[Any]:
    """Yield the nodes that a node is made of: those that skops asks for their types.

    A node that stands for another one has none, but the other.
    """
    from skops.io._audit import CachedNode, Node

    if isinstance(node, CachedNode):
        yield node.cached
    for part in node.children.values():
        if isinstance(part, Node):
            yield part
        elif isinstance(part, (list, tuple, dict)):
            items = part.values() if isinstance(part, dict) else part
            yield from (item for item in items if isinstance(item, Node))
