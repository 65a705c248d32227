"""Loads one prompt many times through a server: cached, not cached, and filled in."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from time import perf_counter


def main() -> None:
    """Print the seconds of one call of each."""
    request = json.loads(sys.argv[1])
    api = importlib.import_module(request["system"])
    api.set_tracking_uri(request["url"])
    genai = (
        api.genai if request["system"] == "pegboard" else importlib.import_module("mlflow.genai")
    )
    genai.register_prompt("a", "Hello {{ name }} from {{ place }}")
    prompt = genai.load_prompt("a", version=1)
    count = request["count"]
    found = {
        "cached": _best(lambda: genai.load_prompt("a", version=1), count),
        "uncached": _best(
            lambda: genai.load_prompt("a", version=1, cache_ttl_seconds=0), max(count // 20, 10)
        ),
        "filled": _best(lambda: prompt.format(name="Ann", place="Rome"), count),
    }
    print(json.dumps(found))


def _best(do: Callable[[], object], count: int) -> float:
    """Return the seconds of one call: of five rounds the best."""
    do()
    spent = []
    for _ in range(5):
        begun = perf_counter()
        for _ in range(count):
            do()
        spent.append((perf_counter() - begun) / count)
    return min(spent)


if __name__ == "__main__":
    main()
