"""What autologging trains becomes a version in the registry, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from served import serving

TRAIN = """
import json, sys
import pegboard
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

X, y = load_iris(return_X_y=True, as_frame=True)
pegboard.set_tracking_uri(sys.argv[1])
pegboard.sklearn.autolog(registered_model_name="irises")
runs = []
for C in (0.1, 1.0):
    model = LogisticRegression(C=C, max_iter=1000).fit(X, y)
    runs.append(pegboard.last_active_run().info.run_id)
client = pegboard.Client()
versions = sorted(
    client.search_model_versions("name = 'irises'"), key=lambda found: int(found.version)
)
loaded = pegboard.sklearn.load_model("models:/irises/2")
print(json.dumps({
    "runs": runs,
    "versions": [[found.version, found.run_id, found.status] for found in versions],
    "same": bool((loaded.predict(X) == model.predict(X)).all()),
    "C": loaded.C,
}))
"""


def test_each_fit_is_a_version_of_the_model_it_was_to_be_registered_as(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PEGBOARD", "MLFLOW"))}
    place = tmp_path / "server"
    place.mkdir()
    with serving(place) as url:
        for uri in (f"sqlite:{tmp_path / 'runs.db'}", url):
            done = subprocess.run(
                [sys.executable, "-c", TRAIN, uri],
                cwd=tmp_path,
                env=kept,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, done.stderr
            answer = json.loads(done.stdout.splitlines()[-1])
            first, second = answer["runs"]
            assert [(int(v), run) for v, run, _ in answer["versions"]] == [(1, first), (2, second)]
            assert {status for *_, status in answer["versions"]} == {"READY"}
            assert answer["same"]
            assert answer["C"] == 1.0
