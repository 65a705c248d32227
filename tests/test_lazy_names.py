"""What is imported on first use is named by ``dir()``, and so completed, before."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pegboard
import pytest
from pegboard import host

ROOT = Path(__file__).parents[1]


def lazy_modules() -> list[str]:
    """Return the modules that look names up themselves and say which they have."""
    found = []
    for folder in ("core", "plugins", "contrib"):
        for path in ROOT.glob(f"{folder}/*/src/**/*.py"):
            defined = [
                getattr(node, "name", "") or ast.unparse(getattr(node, "targets", [node])[0])
                for node in ast.parse(path.read_text(encoding="utf-8")).body
                if isinstance(node, (ast.FunctionDef, ast.Assign))
            ]
            if "__getattr__" in defined and "__all__" in defined:
                parts = path.relative_to(ROOT).with_suffix("").parts[3:]
                found.append(".".join(part for part in parts if part != "__init__"))
    return sorted(found)


@pytest.mark.parametrize("name", lazy_modules())
def test_modules_name_what_they_import_on_first_use(name: str) -> None:
    module = import_module(name)
    assert set(module.__all__) <= set(dir(module))


def test_what_plugins_add_is_named_where_it_is_added() -> None:
    assert "load_prompt" in host.current().api_names("genai")
    for place in ("genai", "models"):
        added = host.current().api_names(place)
        assert added
        assert set(added) <= set(dir(getattr(pegboard, place)))
    methods = host.current().api_names("Client")
    assert "register_prompt" in methods
    assert set(methods) <= set(dir(pegboard.Client("memory:names")))
