"""Small drawings in cards, as SVG that stands in the page."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

_WIDTH, _HEIGHT = 160, 36
_ROW = 14


def bars(found: Mapping[str, Any]) -> str:
    """Return how the values of a column are spread: numbers in bins, texts by how many there are.

    ``found`` is what ``profiles`` says of the column.
    """
    if found.get("counts"):
        return _histogram(found["counts"], found["edges"])
    if found.get("frequent"):
        return _frequent(found["frequent"], found["count"] - found["missing"])
    return ""


def _histogram(counts: list[int], edges: list[float]) -> str:
    most = max(counts) or 1
    width = _WIDTH / len(counts)
    parts = []
    for number, count in enumerate(counts):
        height = _HEIGHT * count / most
        said = f"{edges[number]:.4g} to {edges[number + 1]:.4g}: {count:,}"
        parts.append(
            f"<rect x='{number * width:.2f}' y='{_HEIGHT - height:.2f}' "
            f"width='{max(width - 1, 1):.2f}' height='{height:.2f}'><title>{said}</title></rect>"
        )
    return _svg("".join(parts), _HEIGHT)


def _frequent(frequent: list[list[Any]], total: int) -> str:
    parts = []
    for number, (name, count) in enumerate(frequent):
        share = count / total if total else 0.0
        text = html.escape(name if len(name) <= 18 else f"{name[:17]}…", quote=True)
        y = number * _ROW
        parts.append(
            f"<rect class='soft' x='0' y='{y + 1}' width='{max(share * _WIDTH, 1):.2f}' "
            f"height='{_ROW - 2}'></rect><text x='3' y='{y + _ROW - 4}'>{text}</text>"
            f"<text class='end' x='{_WIDTH}' y='{y + _ROW - 4}'>{share:.0%}</text>"
        )
    return _svg("".join(parts), _ROW * len(frequent))


def _svg(content: str, height: int) -> str:
    return (
        f"<svg width='{_WIDTH}' height='{height}' viewBox='0 0 {_WIDTH} {height}' role='img'>"
        f"{content}</svg>"
    )
