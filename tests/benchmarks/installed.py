"""What an installation of core and tracking brings along, beside MLflow's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import peers
from processes import folder, takes_part
from rows import Row

_COUNT = """
import importlib.metadata, pathlib, sysconfig
names = {d.name.lower() for d in importlib.metadata.distributions()} - {"pip"}
place = pathlib.Path(sysconfig.get_path("purelib"))
files = [f for f in place.rglob("*") if f.is_file() and f.relative_to(place).parts[0] != "pip"
         and not f.relative_to(place).parts[0].startswith("pip-")]
print(len(names), sum(f.stat().st_size for f in files))
"""


def measure(quick: bool) -> list[Row]:
    """Install into empty environments as pip does, with bytecode; pip itself is not counted."""
    ours = [str(peers.ROOT / "core"), str(peers.ROOT / "plugins" / "tracking")]
    count, size = _install(ours)
    counts, sizes = {}, {}
    for peer in ("mlflow-skinny",) if quick else ("mlflow", "mlflow-skinny"):
        if takes_part(peer):
            pins = ["--requirement", str(peers.HERE / f"{peer}.txt")]
            counts[peer], sizes[peer] = _install(pins)
    distributions = Row("distributions installed", "", count, goal=28, better="less")
    megabytes = Row("installed size", "MB", size, goal=30, better="less")
    return [*distributions.beside(counts), *megabytes.beside(sizes)]


def _install(requirements: list[str]) -> tuple[int, float]:
    with folder() as place:
        python = place / "environment" / "bin" / "python"
        peers.uv("venv", "--quiet", "--python", sys.executable, str(place / "environment"))
        install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        peers.uv(*install, *requirements)
        return _count(python)


def _count(python: Path) -> tuple[int, float]:
    output = subprocess.run(
        [python, "-c", _COUNT], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    return int(output[0]), int(output[1]) / 1e6
