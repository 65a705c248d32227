"""``known.toml`` of the core, and what the distributions of the workspace really offer."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from pegboard import config, distributions
from pegboard.host import Host

ROOT = Path(__file__).parent.parent
CORE = ROOT / "core/host/src/pegboard"
PROJECTS = sorted(ROOT.glob("*/*/pyproject.toml"))


def entry_modules() -> Iterator[tuple[str, str, ModuleType]]:
    """Yield each plugin of ours: its distribution, its name, its entry module.

    They import nothing but pegboard, so the distributions need not be installed.
    """
    for file in PROJECTS:
        project = tomllib.loads(file.read_text())["project"]
        if project["name"] == "pegboard":
            continue  # What it offers is always there.
        for name, module in project.get("entry-points", {}).get("pegboard", {}).items():
            path = file.parent / "src" / f"{module.replace('.', '/')}.py"
            spec = importlib.util.spec_from_file_location(f"entry_of_{name}", path)
            assert spec is not None
            assert spec.loader is not None
            plugin = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(plugin)
            yield project["name"], name, plugin


def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Return what all of them declare: kind to name to distribution."""
    owners, points = {}, []
    for distribution, name, module in entry_modules():
        owners[name] = distribution
        known = {"name": name, "value": module.__name__, "dist": None}
        points.append(SimpleNamespace(**known, load=lambda module=module: module))
    monkeypatch.setattr("pegboard.host.entry_points", lambda _: points)
    found: dict[str, dict[str, str]] = {}
    for name, plugin in Host(config.Config()).plugins.items():
        if name in owners:
            for kind, key, _ in plugin.provides:
                found.setdefault(kind, {})[key] = owners[name]
    return found


def test_what_is_known_is_what_the_distributions_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    text = resources.files("pegboard").joinpath("known.toml").read_text("utf-8")
    found = offered(monkeypatch)
    assert tomllib.loads(text).keys() - {"elsewhere", "instead"} == found.keys()
    for kind, names in found.items():
        assert distributions.offering(kind) == names, kind


NAMES = [tomllib.loads(file.read_text())["project"]["name"] for file in PROJECTS]


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"pegboard"}))
def test_no_other_file_of_the_core_names_a_distribution(name: str) -> None:
    pattern = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")
    found = {
        str(path.relative_to(CORE))
        for path in CORE.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and pattern.search(path.read_text("utf-8"))
    }
    assert found <= {"known.toml"}
