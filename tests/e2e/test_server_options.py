"""``pegboard server`` with the store and the artifacts that its options name."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path


def test_new_experiments_keep_their_files_where_the_options_say(tmp_path: Path) -> None:
    main = [sys.executable, "-c", "from pegboard.cli import main; main()"]
    options = ["--backend-store-uri", "sqlite:///runs.db", "--default-artifact-root", "files"]
    server = subprocess.Popen(
        [*main, "server", "--port", "0", "--no-access-log", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().removeprefix("Listening on ").strip()
        request = urllib.request.Request(
            f"{address}/api/2.0/mlflow/experiments/get?experiment_id=0", method="GET"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            experiment = json.load(answer)["experiment"]
    finally:
        server.terminate()
        assert server.wait(30) == 0
    assert experiment["artifact_location"].startswith(f"{(tmp_path / 'files').as_uri()}/")
    assert (tmp_path / "runs.db").exists()
