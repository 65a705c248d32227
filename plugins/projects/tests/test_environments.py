"""Environments of projects: what their files ask for, and how they are made, kept and shared."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pegboard
import pytest
from click.testing import CliRunner
from pegboard import host
from pegboard.cli.shell import cli
from pegboard.errors import PegboardError
from pegboard_projects.environments import specs
from pegboard_projects.errors import ProjectError

from .conftest import project

FILES: dict[str, tuple[str, str, str | None, list[str]]] = {
    "python": (
        "python_env.yaml",
        "python: 3.10\n"
        "build_dependencies: [pip==23.0]\ndependencies:\n- numpy==1.26\n- -r more.txt",
        "3.10",
        ["numpy==1.26", "-r {}/more.txt"],
    ),
    "conda": (
        "conda.yaml",
        "channels: [defaults]\ndependencies:\n- python=3.8.15\n- pip\n- numpy=1.19\n"
        "- conda-forge::scikit-learn==1.0\n- pandas >=1.2, <2\n- pytorch=1.9=py38\n- six\n"
        "- cudatoolkit=11\n- pip: [mlflow>=1.0, 'x[y]==2']",
        "3.8.15",
        ["numpy==1.19.*", "scikit-learn==1.0", "pandas>=1.2,<2", "torch==1.9", "six",
         "mlflow>=1.0", "x[y]==2"],
    ),
    "requirements": ("more.txt", "six\n", None, ["-r {}/more.txt"]),
    "pyproject": (
        "pyproject.toml",
        '[project]\nname = "p"\nrequires-python = ">=3.9"\ndependencies = ["six>=1"]\n',
        ">=3.9",
        ["six>=1"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_files_ask_for_what_they_mean(kind: str, tmp_path: Path) -> None:
    name, text, python, lines = FILES[kind]
    (tmp_path / "more.txt").write_text("six==1.16\n")
    (tmp_path / name).write_text(text)
    spec = specs.of_file(kind, tmp_path / name, tmp_path)
    assert spec.python == python
    assert list(spec.lines) == [line.format(tmp_path.resolve()) for line in lines]
    assert specs.of_file(kind, tmp_path / name, tmp_path).key == spec.key
    if "-r" in "".join(lines):
        (tmp_path / "more.txt").write_text("six==1.15\n")
    else:
        (tmp_path / name).write_text(text.replace("six", "toml"))
    assert specs.of_file(kind, tmp_path / name, tmp_path).key != spec.key


def test_a_script_says_what_it_needs(tmp_path: Path) -> None:
    text = (
        '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "six",\n# ]\n# ///\n'
    )
    (tmp_path / "x.py").write_text(text + "print(1)\n")
    spec = specs.of_script(tmp_path / "x.py", tmp_path)
    assert spec is not None
    assert (spec.python, list(spec.lines)) == (">=3.11", ["six"])
    (tmp_path / "x.py").write_text("print(1)\n")
    assert specs.of_script(tmp_path / "x.py", tmp_path) is None


BROKEN = {
    "python": "dependencies: six",
    "conda": "dependencies: {six: 1}",
    "requirements": "-r nowhere.txt",
    "pyproject": '[project]\ndependencies = "six"\n',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_files_that_cannot_be_read_are_told(kind: str, tmp_path: Path) -> None:
    file = tmp_path / FILES[kind][0]
    file.write_text(BROKEN[kind])
    with pytest.raises(ProjectError):
        specs.of_file(kind, file, tmp_path)


EXPORTED = """
channels: [defaults, our-own]
dependencies: [_libgcc_mutex=0.1=main, libffi=3.4, librosa, python=3.11.4=h955ad1f_0, pip]
variables: {MODE: fast}
"""


def test_of_what_conda_exports_the_packages_of_python_are_taken(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text(EXPORTED)
    spec = specs.of_file("conda", tmp_path / "conda.yaml", tmp_path)
    assert (spec.python, list(spec.lines)) == ("3.11.4", ["librosa"])
    assert spec.variables == {"MODE": "fast"}
    told = " ".join(spec.notes)
    assert "_libgcc_mutex, libffi" in told
    assert "our-own" in told


def test_what_only_conda_can_make_is_refused_with_the_reasons(tmp_path: Path) -> None:
    text = "dependencies: [r-base=4.1, openjdk, ours::numpy, conda-forge::six, gcc_linux-64]"
    (tmp_path / "conda.yaml").write_text(text)
    with pytest.raises(ProjectError) as caught:
        specs.of_file("conda", tmp_path / "conda.yaml", tmp_path)
    for said in ("r-base: it is of R", "openjdk: it is a program", "numpy: it is of the channel"):
        assert said in str(caught.value)
    assert "six" not in str(caught.value)


def wheel(folder: Path) -> None:
    """Write a package that nobody else has."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "onlyhere-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("onlyhere.py", "WORD = 'it works'\n")
        info = "onlyhere-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: onlyhere\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


PRINTS = "entry_points: {main: {command: python main.py}}"


def test_an_environment_is_made_once_from_wheels_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(place / "wheels")
    monkeypatch.setenv("PEGBOARD_PROJECTS_WHEELS", str(place / "wheels"))
    monkeypatch.setenv("PEGBOARD_PROJECTS_ENVIRONMENTS", str(place / "kept"))
    host.use(None)
    main = "import onlyhere, sys\nprint(onlyhere.WORD, sys.prefix)\n"
    for name in ("p", "q"):
        folder = project(place / name, MLproject=PRINTS, main_py=main)
        (folder / "requirements.txt").write_text("onlyhere==1.0\n")
    # Both need it first, at the same moment.
    handles = [pegboard.run(name, synchronous=False) for name in ("p", "q")]
    assert [handle.wait(120) for handle in handles] == [True, True]
    (kept,) = [entry for entry in (place / "kept").iterdir() if entry.is_dir()]
    for handle in handles:
        assert f"it works {kept}" in handle.logs()
        run = pegboard.get_run(handle.run_id)
        assert run.data.tags["mlflow.project.env"] == "virtualenv"
        lock = pegboard.artifacts.load_text(f"runs:/{handle.run_id}/project/environment.txt")
        assert lock == "onlyhere==1.0\n"
        pylock = pegboard.artifacts.load_text(f"runs:/{handle.run_id}/project/pylock.toml")
    assert sum("Making the environment" in handle.logs() for handle in handles) == 1
    # The same again from the run's own record.
    (place / "pylock.toml").write_text(pylock)
    again = str(place / "again" / "bin" / "python")
    for words in (["venv", "again"], ["pip", "sync", "--offline", "-p", again, "pylock.toml"]):
        subprocess.run(["uv", *words], cwd=place, check=True)
    assert subprocess.run([again, "-c", "import onlyhere"], check=False).returncode == 0
    # What cannot be made leaves nothing, its last words are told, and the run has failed.
    (place / "q" / "requirements.txt").write_text("onlyhere==2.0\n")
    with pytest.raises(PegboardError, match=r"onlyhere==2\.0") as caught:
        pegboard.run("q")
    assert "FAILED" in str(caught.value)
    told = CliRunner().invoke(cli, ["run", "q"])
    assert told.output.count("No solution found") == 1
    assert re.search(r"FAILED after \S+ s\. uv could not make the environment\.\n", told.stderr)
    assert [entry.name for entry in (place / "kept").iterdir() if entry.is_dir()] == [kept.name]
    found = json.loads(CliRunner().invoke(cli, ["env", "list", "--json"]).stdout)
    assert [(each["name"], each["in_use"]) for each in found] == [(kept.name, False)]
    assert CliRunner().invoke(cli, ["env", "clean"]).exit_code == 0
    assert not kept.exists()


def test_an_environment_that_is_broken_off_leaves_nothing(place: Path) -> None:
    project(place / "p", MLproject=PRINTS, requirements_txt="onlyhere==1.0")
    kept = place / "kept"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("pegboard")), "run", "p"],
            cwd=place,
            env={
                **os.environ,
                "UV_DEFAULT_INDEX": index,
                "PEGBOARD_PROJECTS_ENVIRONMENTS": str(kept),
                "PEGBOARD_TRACKING_URI": f"sqlite:{place}/runs.db",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "KILLED" in said
    assert "was cut short" in said
    assert "Correct" not in said
    assert not [entry for entry in kept.iterdir() if entry.is_dir()]


def chosen(place: Path, *words: str, **variables: str) -> dict[str, Any]:
    command = [
        str(Path(sys.executable).with_name("pegboard")),
        "run",
        *words,
        "--dry-run",
        "--json",
    ]

    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, env={**os.environ, **variables}
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_choice_is_inherited_and_conda_is_not_needed(place: Path) -> None:
    folder = project(place / "p", MLproject=PRINTS, conda_yaml="dependencies: [six=1.16]")
    found = chosen(place, str(folder))
    assert found["env_manager"] == "uv"
    assert "conda is not used" in found["notes"][0]
    assert not found["environment_is_there"]
    found = chosen(place, str(folder), PEGBOARD_PROJECTS_ENV_MANAGER="local")
    assert found["env_manager"] == "local"
    project(folder, main_py="import os; print(os.environ['PEGBOARD_PROJECTS_ENV_MANAGER'])")
    assert pegboard.run(str(folder), env_manager="local").logs() == "local\n"
