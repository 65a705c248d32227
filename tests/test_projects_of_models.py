"""A project of the usual shape, which trains a model, runs from wherever it lies by one command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pegboard
from pegboard_testing.isolation import separate_tracking

FILES = {
    "MLproject": """
name: wine
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.5}
      l1_ratio: {type: float, default: 0.1}
    command: "python train.py {alpha} {l1_ratio}"
""",
    "python_env.yaml": """
python: "3.11"
build_dependencies: [pip]
dependencies: [pegboard-sklearn, scikit-learn]
""",
    "train.py": """
import sys
import pegboard
from sklearn.datasets import load_wine
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import train_test_split

alpha, l1_ratio = (float(each) for each in sys.argv[1:])
train_x, test_x, train_y, test_y = train_test_split(*load_wine(return_X_y=True), random_state=40)
with pegboard.start_run():
    model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, random_state=42).fit(train_x, train_y)
    pegboard.log_metric("r2", model.score(test_x, test_y))
    pegboard.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
""",
}


def git(place: Path, *words: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    command = ["git", *identity, *words]
    return subprocess.run(
        command, cwd=place, env=clean, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_folder_an_archive_and_a_version_of_a_repository_run_alike(tmp_path: Path) -> None:
    folder = tmp_path / "wine"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    archive = shutil.make_archive(str(tmp_path / "wine"), "zip", folder)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    git(folder, "tag", "v1")
    commit = git(folder, "rev-parse", "HEAD")
    # The version is run; the folder as it is.
    (folder / "train.py").write_text(FILES["train.py"] + "    pegboard.log_metric('more', 1)\n")
    program = Path(sys.executable).with_name("pegboard")
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PEGBOARD_TRACKING_URI": f"sqlite:{tmp_path}/runs.db",
    }
    for words in (["wine"], [archive], [folder.as_uri(), "-v", "v1"]):
        done = subprocess.run(
            [str(program), "run", *words, "--env-manager", "local", "-P", "alpha=0.42"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    with separate_tracking(tmp_path):
        pegboard.set_tracking_uri(f"sqlite:{tmp_path}/runs.db")
        runs = pegboard.search_runs(order_by=["start_time ASC"], output_format="list")
        changed, zipped, _ = runs
        for run in runs:
            assert run.data.params == {"alpha": "0.42", "l1_ratio": "0.1"}
            assert run.data.metrics["r2"] > 0.8
            (model,) = pegboard.search_logged_models(
                filter_string=f"source_run_id = '{run.info.run_id}'", output_format="list"
            )
            assert pegboard.pyfunc.load_model(model.model_uri).predict([[1.0] * 13]).shape == (1,)
        patch = pegboard.artifacts.load_text(
            f"runs:/{changed.info.run_id}/project/uncommitted.patch"
        )
        kept = pegboard.artifacts.download_artifacts(f"runs:/{zipped.info.run_id}/project/code.zip")
    assert "+    pegboard.log_metric('more', 1)" in patch
    assert [run.data.metrics.get("more") for run in runs] == [1, None, None]
    assert [run.data.tags.get("mlflow.source.git.commit") for run in runs] == [commit, None, commit]
    assert Path(kept).read_bytes() == Path(archive).read_bytes()
