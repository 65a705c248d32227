"""What is said to come with a distribution is what it adds."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pegboard import config, distributions
from pegboard.host import Host

ROOT = Path(__file__).parent.parent
PROJECTS = sorted(ROOT.glob("*/*/pyproject.toml"))


def added(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the names of a kind that our plugins declare, with their distributions.

    Their entry modules import nothing but pegboard, so they need not be installed.
    """
    for file in PROJECTS:
        project = tomllib.loads(file.read_text())["project"]
        for name, module in project.get("entry-points", {}).get("pegboard", {}).items():
            path = file.parent / "src" / f"{module.replace('.', '/')}.py"
            spec = importlib.util.spec_from_file_location(f"entry_of_{name}", path)
            assert spec is not None
            assert spec.loader is not None
            plugin = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(plugin)
            made = Host(config.Config())
            made.register(plugin, "mine")
            for declared, key, _ in made.plugins["mine"].provides:
                if declared == kind:
                    yield key, project["name"]


def test_names_of_the_package() -> None:
    assert dict(added("API name")) == distributions.API_NAMES


def test_commands() -> None:
    found = {name: dist for name, dist in added("command") if " " not in name}
    assert found == distributions.COMMANDS
