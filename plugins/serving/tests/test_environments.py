"""Environments that uv builds for a model: from its own requirements, once, and for keeps.

Nothing is downloaded: what a model requires lies in a folder of wheels, packed from what is
installed here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pegboard_serving.environments import build, requirements, wheels
from pegboard_stores.environments import kept

from .conftest import ECHO_ROW, Server, run

BODY = {"dataframe_records": [ECHO_ROW]}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with wheels of all that pegboard-serving needs, and one that only a model
    needs."""
    place = tmp_path_factory.mktemp("wheels")
    waiting, seen = ["pegboard-serving"], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # not for this system or Python
        wheels.pack(distribution, place)
        lines = [line for line in distribution.requires or () if "extra" not in line]
        waiting += [wheels.name_of(line) for line in lines]
    _write_wheel(place, "only_here", "VALUE = 'from the environment'\n")
    # sqlite-utils asks for pip, which environments of uv need not have.
    _write_wheel(place, "pip", "")
    return place


def _write_wheel(place: Path, name: str, code: str) -> None:
    with zipfile.ZipFile(place / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", code)
        info = f"{name}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def variables(folder: Path, cache: Path) -> dict[str, str]:
    """Return the environment in which uv finds those wheels and nothing else."""
    return {
        "UV": shutil.which("uv") or str(Path(sys.executable).with_name("uv")),
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(folder),
        "UV_CACHE_DIR": str(cache / "uv"),
        "XDG_CACHE_HOME": str(cache),
    }


def copied(models: Path, place: Path, needs: str) -> Path:
    shutil.copytree(models / "echo", place)
    (place / "requirements.txt").write_text(needs)
    return place


def test_a_model_is_served_where_its_requirements_are_installed(
    models: Path,
    tmp_path: Path,
    start: Callable[..., Server],
    cache: Path,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    model = copied(models, tmp_path / "model", "only-here==1.0\npegboard==0.0.1\n")
    options = ("--trust", "pickle", "--env-manager", "uv", "--timeout", "9")
    server = start(model, *options, **variables)
    executable = Path(f"/proc/{server.process.pid}/cmdline").read_text().split("\0")[0]
    (place,) = (path for path in (cache / "pegboard" / "environments").iterdir() if path.is_dir())
    assert Path(executable) == place / "bin" / "python"
    assert server.invoke(BODY).predictions[0]["text"] == "é"
    (found,) = kept.found(build.folder())
    assert found.path == str(place) and found.in_use and not kept.remove(found)
    assert server.stop() == 0
    (found,) = kept.found(build.folder())
    assert found.complete and not found.in_use and found.size > 1_000_000
    code = "import only_here, pegboard_serving; print(pegboard_serving.__file__)"
    told = subprocess.run([executable, "-c", code], capture_output=True, text=True, check=True)
    assert str(place) in told.stdout

    # One that is broken is built again.
    (place / "bin" / "python").unlink()
    done = run(
        *("predict", "-m", str(model), *options[:4]),
        place=tmp_path,
        stdin='{"dataframe_records": []}',
        **variables,
    )
    assert "Building" in done.stderr
    assert (place / "complete").is_file()


def test_two_builders_at_once_build_one_environment(
    models: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    model = copied(models, tmp_path / "model", "only-here\n")
    variables = {**variables, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    arguments = ("predict", "-m", str(model), "--trust", "pickle", "--env-manager", "uv")

    def predict(_: int) -> Any:
        return run(
            *arguments, place=tmp_path, stdin='{"dataframe_split": {"data": []}}', **variables
        )

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(predict, range(2)))
    assert sum("Building" in each.stderr for each in done) == 1
    found = [path for path in (tmp_path / "cache/pegboard/environments").iterdir() if path.is_dir()]
    assert len(found) == 1


def test_requirements_that_cannot_be_had_are_an_error_that_leaves_nothing(
    models: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    model = copied(models, tmp_path / "model", "no-such-thing==3\n")
    variables = {**variables, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = run("serve", "-m", str(model), "--env-manager", "uv", place=tmp_path, **variables)
    assert done.returncode == 1
    assert "no-such-thing" in done.stderr and "Traceback" not in done.stderr
    left = (tmp_path / "cache/pegboard/environments").iterdir()
    assert [path.suffix for path in left] == [".lock"]


def test_without_uv_it_says_how_to_get_it(models: Path, tmp_path: Path) -> None:
    done = run(
        *("serve", "-m", str(models / "echo"), "--env-manager", "uv"),
        place=tmp_path,
        PATH=str(tmp_path),
        XDG_CACHE_HOME=str(tmp_path),
        UV="",
    )
    assert done.returncode == 2
    assert "pip install uv" in done.stderr


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("python_env.yaml", "python: '3.9.1'\n", "3.9.1"),
        ("python_env.yaml", "python: [\n", "YAML"),
        ("python_env.yaml", "python: newest\n", "newest"),
        ("requirements.txt", "-r ../other.txt\n", "other.txt"),
        ("requirements.txt", None, "requirements.txt"),
    ],
)
def test_requirements_that_make_no_sense_are_refused(
    models: Path, tmp_path: Path, file: str, text: str | None, said: str
) -> None:
    from pegboard.errors import PegboardError

    model = copied(models, tmp_path / "model", "numpy\n")
    if text is None:
        (model / file).unlink()
    else:
        (model / file).write_text(text)
    with pytest.raises(PegboardError, match=said):
        requirements.read(model)


def test_constraints_beside_the_requirements_are_kept(models: Path, tmp_path: Path) -> None:
    model = copied(models, tmp_path / "model", "-c constraints.txt\nnumpy\npegboard_models==9\n")
    (model / "constraints.txt").write_text("numpy<3\n")
    found = requirements.read(model).without({"pegboard-models"})
    assert found.files == {
        "requirements.txt": "-c constraints.txt\nnumpy\n",
        "constraints.txt": "numpy<3\n",
    }


def test_what_plugins_share_is_packed_with_them(tmp_path: Path) -> None:
    # It has no entry point of a plugin.
    found = wheels.of_pegboard(["pegboard-testing"])
    needed = {"scripting", "stores", "testing"}
    assert set(found) == {"pegboard", *(f"pegboard-{name}" for name in needed)}
    wheel = wheels.pack(found["pegboard-testing"], tmp_path)
    assert "pegboard_testing/__init__.py" in zipfile.ZipFile(wheel).namelist()


def test_what_is_packed_is_the_same_every_time_and_complete(tmp_path: Path) -> None:
    found = wheels.of_pegboard(["pegboard-serving"])
    needed = {"models", "scripting", "server", "serving", "stores", "wire"}
    assert set(found) == {"pegboard", *(f"pegboard-{name}" for name in needed)}
    for distribution in found.values():
        first = wheels.pack(distribution, tmp_path).read_bytes()
        assert wheels.pack(distribution, tmp_path).read_bytes() == first
    (wheel,) = tmp_path.glob("pegboard_serving-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "pegboard_serving/environments/wheels.py" in names
    assert not [name for name in names if name.endswith(".pyc")]
    assert any(name.endswith("entry_points.txt") for name in names)
    assert {name.partition("/")[0] for name in names} == {
        "pegboard_serving",
        f"pegboard_serving-{metadata.version('pegboard-serving')}.dist-info",
    }
