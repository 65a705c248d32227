"""Environments are built once for the same requirements, by one process, and used by all."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.cli import output
from pegboard.errors import ConfigError, StoreError
from pegboard_stores.environments import places

from pegboard_serving.environments import requirements, wheels
from pegboard_serving.environments.requirements import Requirements

if TYPE_CHECKING:
    from pegboard.host import Host

_OURS = "pegboard-serving"
_SHOWN_LINES = 20


def folder() -> Path:
    """Return where environments of models are kept."""
    return places.folder("environments")


def environment_of(directory: Path, host: Host) -> Path:
    """Return the Python of an environment for the model in a directory, built if need be.

    It holds what the model requires, and this very version of pegboard. It is not removed while
    this process lives, also as another program. ConfigError if uv is not there, StoreError if it
    fails.
    """
    wanted = requirements.read(directory)
    ours = wheels.of_pegboard([_OURS, *_plugins(directory, host), *_installed(wanted, host)])
    wanted = wanted.without(ours)
    uv = _uv()
    with tempfile.TemporaryDirectory(prefix="pegboard-wheels-") as name:
        packed = [wheels.pack(distribution, Path(name)) for distribution in ours.values()]
        place = folder() / _digest(wanted, packed)
        with places.locked(place):
            if not places.is_complete(place):
                output.note(f"Building an environment for the model, in {place} …")
                _build(uv, place, wanted, packed)
            places.hold(place)
    return place / "bin" / "python"


def _plugins(directory: Path, host: Host) -> Iterator[str]:
    """Yield the distributions of the model's flavors, and of all that is configured."""
    from pegboard_models import Model

    flavors = set(Model.load(directory).flavors)
    for plugin in host.plugins.values():
        provided = {name for kind, name, _ in plugin.provides if kind == "model flavor"}
        if plugin.distribution and (provided & flavors or plugin.name in host.config.plugins):
            yield plugin.distribution


def _installed(wanted: Requirements, host: Host) -> Iterator[str]:
    """Yield plugins that the model requires and that are installed here."""
    names = wanted.names()
    for plugin in host.plugins.values():
        if plugin.distribution and wheels.normalized(plugin.distribution) in names:
            yield plugin.distribution


def _uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise ConfigError(
            "uv, which builds the environment, is not installed.",
            hint="Run 'pip install uv', or use --env-manager local.",
        )
    return found


def _digest(wanted: Requirements, packed: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{sys.implementation.cache_tag}\n{wanted.python}\n".encode())
    for name, text in sorted(wanted.files.items()):
        digest.update(f"{name}\n{text}\n".encode())
    for wheel in packed:
        digest.update(wheel.name.encode() + hashlib.sha256(wheel.read_bytes()).digest())
    return digest.hexdigest()[:32]


def _build(uv: str, place: Path, wanted: Requirements, packed: Sequence[Path]) -> None:
    shutil.rmtree(place, ignore_errors=True)
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if wanted.python == here else wanted.python
    try:
        _run(uv, "venv", "--quiet", "--no-project", "--python", python, str(place))
        with tempfile.TemporaryDirectory(prefix="pegboard-requirements-") as name:
            for file, text in wanted.files.items():
                (Path(name) / file).write_text(text, encoding="utf-8")
            _run(
                *(uv, "pip", "install", "--quiet", "--python", str(place / "bin" / "python")),
                *("--requirement", str(Path(name) / "requirements.txt"), *map(str, packed)),
            )
        (place / places.COMPLETE).touch()
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _run(*command: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT")}
    # Away from any project, whose settings are not the model's.
    done = subprocess.run(
        command,
        cwd=tempfile.gettempdir(),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-_SHOWN_LINES:])
        raise StoreError(
            f"uv could not build an environment for the model:\n{said}",
            hint="Correct the model's requirements.txt, or use --env-manager local.",
        )
