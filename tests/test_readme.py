"""What README.md shows is run: its ``python`` and ``bash`` blocks, from top to bottom.

``console`` blocks are not: they install things, or run the tests that run this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from pegboard import config
from pegboard_stores.filters import RUNS, parse_filter, parse_order_by

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*languages: str) -> list[tuple[str, str]]:
    return [(kind, code) for kind, code in BLOCK.findall(TEXT) if kind in languages]


def test_the_blocks_run_one_after_the_other(tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
    }
    found = blocks("python", "bash")
    assert {kind for kind, _ in found} == {"python", "bash"}
    for kind, code in found:
        command = [sys.executable, "-c"] if kind == "python" else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*command, code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_the_configuration_is_accepted(tmp_path: Path) -> None:
    ((_, text),) = blocks("toml")
    file = tmp_path / "pegboard.toml"
    file.write_text(text)
    loaded = config.load({"PEGBOARD_CONFIG": str(file)})
    assert loaded.plugins["tracking"] == tomllib.loads(text)["tracking"]
    assert loaded.pegboard.disabled == ["demo"]


def test_the_configuration_names_real_settings(tmp_path: Path) -> None:
    ((_, text),) = blocks("toml")
    (tmp_path / "pegboard.toml").write_text(text)
    done = subprocess.run(
        [Path(sys.executable).with_name("pegboard"), "plugins"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_map_of_the_core_is_true_and_complete() -> None:
    rows = re.findall(r"^\| (`.*?) \|", TEXT[TEXT.index("| module | ") :], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
    core = ROOT / "core" / "host" / "src" / "pegboard"
    kept = [path for path in core.iterdir() if path.is_dir() or path.suffix in (".py", ".toml")]
    modules = [path.name.removesuffix(".py") for path in kept]
    assert sorted(named) == sorted(name for name in modules if not name.startswith("__"))


def test_the_search_examples_are_understood() -> None:
    section = TEXT[TEXT.index("## Search") : TEXT.index("## Install only")]
    cells = re.findall(r"^\| (\w[^|]*) \| (`.*`) \|$", section, re.MULTILINE)
    found = 0
    for what, examples in cells:
        for double, single in re.findall(r"`` (.+?) ``|`([^`]+)`", examples):
            if what == "order":
                parse_order_by([single], RUNS)
            else:
                parse_filter(double or single, RUNS)
            found += 1
    assert found == 17


def test_the_table_names_each_distribution_once() -> None:
    files = [
        file for part in ("core", "plugins", "contrib") for file in ROOT.glob(f"{part}/*/*.toml")
    ]
    made = [tomllib.loads(file.read_text())["project"]["name"] for file in files]
    first_cells = "".join(re.findall(r"^\| (`pegboard[^|]*)\|", TEXT, re.MULTILINE))
    assert sorted(re.findall(r"`(pegboard[a-z-]*)`", first_cells)) == sorted(made)
