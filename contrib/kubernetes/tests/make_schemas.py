"""Write ``schemas.json``: of Kubernetes' published schemas those of jobs and secrets.

They come strict, with no unknown fields, in the package kubernetes-validate, which is 22 MB:
``uv run --with kubernetes-validate make_schemas.py``.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

VERSION = "v1.37.0-local-strict"
WANTED = ("io.k8s.api.batch.v1.Job", "io.k8s.api.core.v1.Secret")


def without_words(value: Any) -> Any:
    """Return a schema without its descriptions."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k != "description" or not isinstance(v, str)}
        return {key: without_words(each) for key, each in kept.items()}
    return [without_words(each) for each in value] if isinstance(value, list) else value


def named(value: Any) -> set[str]:
    """Return the names of the definitions that a schema refers to."""
    if isinstance(value, dict):
        inner = set().union(*map(named, value.values())) if value else set()
        return inner | ({value["$ref"].rpartition("/")[2]} if "$ref" in value else set())
    return set().union(*map(named, value)) if isinstance(value, list) and value else set()


def main() -> None:
    package = resources.files("kubernetes_validate") / "kubernetes-json-schema" / VERSION
    all_of_them = json.loads((package / "_definitions.json").read_text())["$defs"]
    found: dict[str, Any] = {}
    open_ones = set(WANTED)
    while open_ones:
        name = open_ones.pop()
        text = json.dumps(without_words(all_of_them[name]))
        found[name] = json.loads(text.replace("/api/_definitions.json#", "#"))
        open_ones |= named(found[name]) - set(found)
    target = Path(__file__).with_name("schemas.json")
    target.write_text(json.dumps({"$defs": dict(sorted(found.items()))}, indent=1) + "\n")


if __name__ == "__main__":
    main()
