"""What README.md shows is run, and names every setting and every key."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from attrs import fields
from pegboard import config
from pegboard_workflows import reading
from pegboard_workflows.settings import Settings

TEXT = (Path(__file__).resolve().parent.parent / "README.md").read_text()
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r'^```\w+ title="(.*?)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def test_what_is_shown_runs_and_reads(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for kind, code in BLOCK.findall(TEXT):
        words = ["python", "-c"] if kind == "python" else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*words, code], cwd=tmp_path, env={**kept, "PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    for name, content in FILE.findall(TEXT):
        (tmp_path / name).write_text(content)
    workflow = reading.workflow_of(tmp_path / "workflow.yaml")
    assert list(workflow.steps) == ["load", "train", "best"]
    assert workflow.steps["best"].needs == ["train", "load"]
    for key in (*reading._TOP, *reading._STEP):
        assert re.search(rf"\b{key}\b", TEXT), key
    table = config.read_file(tmp_path / "pegboard.toml").plugins["workflows"]
    assert set(table) == {field.name for field in fields(Settings)}
