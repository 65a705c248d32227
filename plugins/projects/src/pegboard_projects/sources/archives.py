"""Projects in zip files: unpacked into a folder of their own, and never beside it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from pegboard import paths, uris
from pegboard.errors import UnsafePath, translate_os_error

from pegboard_projects.errors import ProjectError
from pegboard_projects.sources.source import Source, remover

_SECONDS = 60.0
_MOST_BYTES = 4 << 30
"""How much an archive may hold, unpacked."""


def fetch(address: str) -> Source:
    """Return the code in a zip file: a path, or a URI with file:, http: or https:."""
    place = Path(tempfile.mkdtemp(prefix="pegboard-project-"))
    try:
        archive = _archive(address, place)
        root = place / "files"
        root.mkdir()
        _unpack(archive, root, address)
    except BaseException:
        remover(place)()
        raise
    name = uris.without_secrets(address)
    return Source(
        name=name,
        directory=root,
        root=_inner(root),
        fetched=True,
        archive=archive,
        remove=remover(place),
    )


def _archive(address: str, place: Path) -> Path:
    if address.lower().startswith(("http:", "https:")):
        return _download(address, place / "archive.zip")
    local = address.lower().startswith("file:")
    path = uris.parse(address).local_path() if local else Path(address).expanduser().absolute()
    if not path.is_file():
        raise ProjectError(f"There is no file {address!r}.")
    return path


def _download(address: str, target: Path) -> Path:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(address, timeout=_SECONDS) as answer, target.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except (URLError, TimeoutError, OSError) as error:
        shown = uris.without_secrets(address)
        reason = getattr(error, "reason", None) or error
        raise ProjectError(f"{shown} cannot be fetched: {reason}.") from error
    return target


def _unpack(archive: Path, root: Path, address: str) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if sum(entry.file_size for entry in entries) > _MOST_BYTES:
                raise ProjectError(f"{address} holds more than {_MOST_BYTES >> 30} GiB.")
            for entry in entries:
                _unpack_one(opened, entry, root)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ProjectError(f"{address} is not a zip file that can be read: {error}.") from error
    except UnsafePath as error:
        raise ProjectError(f"{address} is refused: {error.message}") from error
    except OSError as error:
        raise translate_os_error(error, root) from error


def _unpack_one(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path) -> None:
    target = paths.below(root, entry.filename)
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
    mode = (entry.external_attr >> 16) & 0o777
    if mode & 0o111:
        with contextlib.suppress(OSError):
            target.chmod(0o755)


def _inner(root: Path) -> Path:
    """Return the one folder in an archive that holds nothing else, as archives of GitHub do."""
    entries = list(root.iterdir())
    if len(entries) == 1 and entries[0].is_dir():
        return entries[0]
    return root
