"""What an installation of core and tracking brings along, beside MLflow's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import peers
from processes import folder
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
    rows = []
    for peer in ("mlflow-skinny",) if quick else ("mlflow", "mlflow-skinny"):
        their_count, their_size = _install(["--requirement", str(peers.HERE / f"{peer}.txt")])
        rows += [
            Row(
                "distributions installed", "", count, goal=28, better="less", peer=peer,
                theirs=their_count,
            ),
            Row(
                "installed size", "MB", size / 1e6, goal=30, better="less", peer=peer,
                theirs=their_size / 1e6,
            ),
        ]  # fmt: skip
    return rows


def _install(requirements: list[str]) -> tuple[int, int]:
    with folder() as place:
        python = place / "environment" / "bin" / "python"
        peers.uv("venv", "--quiet", "--python", sys.executable, str(place / "environment"))
        install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        peers.uv(*install, *requirements)
        return _count(python)


def _count(python: Path) -> tuple[int, int]:
    output = subprocess.run(
        [python, "-c", _COUNT], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    return int(output[0]), int(output[1])
