"""The systems that tests and benchmarks run beside pegboard, each in an environment of its own.

NAME.in says which version, NAME.txt pins all that comes with it (renewed by .ci/pin).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache" / "peers"


def requirement(name: str) -> str:
    """Return what is installed for a peer, such as ``mlflow==1.2.3``."""
    return (HERE / f"{name}.in").read_text().strip()


def interpreter(name: str) -> Path:
    """Return the Python of an environment that holds a peer; it is built when first asked for."""
    pins = HERE / f"{name}.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = CACHE / f"{requirement(name).replace('==', '-')}-python{version}"
    python = place / "bin" / "python"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    complete = place / "complete"
    with _locked(place.with_suffix(".lock")):
        if not (complete.is_file() and complete.read_text() == wanted and python.exists()):
            shutil.rmtree(place, ignore_errors=True)
            uv("venv", "--quiet", "--python", sys.executable, str(place))
            install = ("pip", "install", "--quiet", "--python", str(python))
            uv(*install, "--requirement", str(pins))
            complete.write_text(wanted)
    return python


@cache
def compiled(name: str) -> Path:
    """Return the Python of a peer all of whose modules have bytecode, so that no start pays for it.

    That takes minutes. What a few starts need is compiled by the first of them.
    """
    python = interpreter(name)
    subprocess.run([str(python), "-m", "compileall", "-qq", "-j0", str(python.parents[1])])
    return python


def mlflow_database(file: Path) -> None:
    """Put an empty database of MLflow at a path, which MLflow itself takes many seconds to make."""
    python = interpreter("mlflow")
    made = python.parents[1] / "empty.db"
    with _locked(made.with_suffix(".lock")):
        if not made.exists():
            new = made.with_suffix(".new")
            new.unlink(missing_ok=True)
            code = (
                "from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine\n"
                f"_initialize_tables(create_sqlalchemy_engine({f'sqlite:///{new}'!r}))"
            )
            subprocess.run([str(python), "-c", code], check=True, capture_output=True)
            new.rename(made)
    shutil.copy(made, file)


def uv(*arguments: str) -> None:
    """Run uv away from the workspace, whose pins are not the peers'."""
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT")}
    subprocess.run(
        [*uv_command(), *arguments], cwd=tempfile.gettempdir(), env=environment, check=True
    )


def uv_command() -> list[str]:
    """Return the words that run uv here."""
    # `uv run` tells its children where it is.
    found = os.environ.get("UV") or shutil.which("uv")
    return [found] if found else [sys.executable, "-m", "uv"]


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
