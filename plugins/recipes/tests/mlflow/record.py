"""Records what MLflow 2.17.2 logs for the recipes of this distribution's templates.

MLflow needs up to ten minutes for each, so what it logs is kept in ``names.json`` beside this file.
Run it in the environment of development, with the Python of an environment that has MLflow 2.17.2
and scikit-learn 1.5: ``python plugins/recipes/tests/mlflow/record.py PYTHON``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pegboard_recipes import beginning

DUMP = """
import json, mlflow, sys
client = mlflow.MlflowClient(sys.argv[1])
(experiment,) = [each for each in client.search_experiments() if each.name != "Default"]
(run,) = client.search_runs([experiment.experiment_id])
def files(path=None):
    for each in client.list_artifacts(run.info.run_id, path):
        yield from files(each.path) if each.is_dir else [each.path]
(version,) = client.search_model_versions()
print(json.dumps({
    "params": sorted(run.data.params), "metrics": sorted(run.data.metrics),
    "tags": sorted(set(run.data.tags) - {"mlflow.log-model.history"}),
    "artifacts": sorted(files()),
    "experiment_tags": sorted(experiment.tags), "version_tags": version.tags,
}))
"""


def recorded(python: str, template: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        root = beginning.begin(Path(name) / template, template)
        store = f"file://{root}/mlruns"
        profile = root / "profiles/local.yaml"
        text = profile.read_text()
        profile.write_text(text.replace("experiment:", f'experiment:\n  tracking_uri: "{store}"'))
        environment = {
            **os.environ,
            "MLFLOW_RECIPES_EXECUTION_DIRECTORY": f"{name}/results",
            "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
            # Else it opens a browser after each run.
            "GITHUB_ACTIONS": "1",
        }
        words = [python, "-m", "mlflow", "recipes", "run", "-p", "local"]
        subprocess.run(words, cwd=root, env=environment, check=True)
        dumped = subprocess.run(
            [python, "-c", DUMP, store], env=environment, check=True, stdout=subprocess.PIPE
        )
        return dict(json.loads(dumped.stdout))


if __name__ == "__main__":
    found = {name: recorded(sys.argv[1], name) for name in ("regression", "classification")}
    file = Path(__file__).with_name("names.json")
    file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
