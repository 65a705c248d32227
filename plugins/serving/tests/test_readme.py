"""What README.md shows is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .conftest import SECONDS, environment

TEXT = (Path(__file__).resolve().parent.parent / "README.md").read_text()
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_run_one_after_the_other(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said = ""
    for kind, code in BLOCK.findall(TEXT):
        command = [sys.executable, "-c"] if kind == "python" else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*command, code.replace("5001", str(free_port()))],
            cwd=tmp_path,
            env=environment(tmp_path, PATH=path),
            capture_output=True,
            text=True,
            timeout=3 * SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        said += done.stdout
    answer = re.search(r"This answers `(.*)`", TEXT)
    assert answer and answer[1] in said
    predictions = (tmp_path / "predictions.csv").read_text().splitlines()
    assert predictions == ["prediction", *["setosa", "versicolor"] * 2]


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as chosen:
        return int(chosen.getsockname()[1])
