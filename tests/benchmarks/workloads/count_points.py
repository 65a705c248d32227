"""Count the points that a store holds, read by a process that did not write them."""

from __future__ import annotations

from common import answer, request
from readers import points


def main() -> None:
    """Count, answer."""
    asked = request()
    answer(points=points(asked, asked["prefix"]))


if __name__ == "__main__":
    main()
