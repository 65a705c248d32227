"""What a store can do is asked of its contract, never of its class."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("core", "plugins", "contrib")
    for path in ROOT.glob(f"{folder}/*/src/**/*.py")
)
CONTRACTS = {
    "ArtifactStore",
    "LoggedModelStore",
    "ModelRegistry",
    "TraceStore",
    "TrackingStore",
    "Webhooks",
}


def room_of(path: Path) -> str:
    """Return the folder of a module within its distribution, such as pegboard_tracking/store."""
    inside = path.relative_to(ROOT).parts[3:-1]
    return "/".join(inside[:2])


def bases_of(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            named = {
                base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                for base in node.bases
            }
            yield node.name, named


def implementations() -> dict[str, set[str]]:
    """Return the classes that implement a contract of stores, with the rooms they are made in."""
    known = [(path, *each) for path, tree in TREES.items() for each in bases_of(tree)]
    stores: dict[str, set[str]] = {}
    grown = True
    while grown:
        grown = False
        for path, name, bases in known:
            found = stores.get(name, set())
            if bases & (CONTRACTS | set(stores)) and room_of(path) not in found:
                stores[name] = found | {room_of(path)}
                grown = True
    return stores


def questions(tree: ast.AST) -> Iterator[tuple[int, set[str]]]:
    """Yield where isinstance and the like are called, with the names of the classes asked for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "isinstance",
            "issubclass",
        ):
            named = ast.walk(node.args[1])
            yield node.lineno, {getattr(n, "id", getattr(n, "attr", "")) for n in named}


TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
STORES = implementations()


def asked_in(path: Path, tree: ast.AST) -> list[str]:
    return [
        f"{path.name}:{line} asks for {name}"
        for line, names in questions(tree)
        for name in sorted(names & set(STORES))
        if room_of(path) not in STORES[name]
    ]


def test_the_stores_are_found() -> None:
    assert {"SqliteStore", "MappingStore", "FileArtifactStore", "SqliteRegistry"} <= set(STORES)
    assert STORES["FileArtifactStore"] == {"pegboard_tracking/artifacts"}


def test_no_room_asks_for_the_class_of_a_store_of_another() -> None:
    assert [line for path, tree in TREES.items() for line in asked_in(path, tree)] == []


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(x, SqliteStore)",
        "isinstance(x, (int, a.SqliteStore))",
        "issubclass(x, SqliteStore | None)",
    ],
)
def test_such_a_question_is_seen(code: str) -> None:
    path = ROOT / "plugins/tracking/src/pegboard_tracking/wire/x.py"
    assert asked_in(path, ast.parse(code)) == ["x.py:1 asks for SqliteStore"]
    path = ROOT / "plugins/tracking/src/pegboard_tracking/store/x.py"
    assert asked_in(path, ast.parse(code)) == []
