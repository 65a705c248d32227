"""What README.md shows is run, and names every key."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from pegboard_sweeps import command_words, reading
from pegboard_sweeps.distributions import NAMES

TEXT = (Path(__file__).resolve().parent.parent / "README.md").read_text()
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r'^```\w+ title="(.*?)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def test_what_is_shown_runs_and_reads(tmp_path: Path) -> None:
    for name, content in FILE.findall(TEXT):
        (tmp_path / name).write_text(content)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for kind, code in BLOCK.findall(TEXT):
        words = ["python", "-c"] if kind == "python" else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*words, code], cwd=tmp_path, env={**kept, "PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    assert reading.load(tmp_path / "more.yaml").count == 2


def test_every_key_is_named() -> None:
    known = [*reading.KEYS, *command_words.KNOWN]
    assert [
        key for key in known if not re.search(rf"[`{{]{re.escape(key)}|^{key}:", TEXT, re.M)
    ] == []
    plain = [name for name in NAMES if not name.startswith("q_") and "probabilities" not in name]
    assert [name for name in plain if f"`{name}`" not in TEXT] == []
