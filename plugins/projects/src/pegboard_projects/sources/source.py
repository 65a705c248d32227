"""Addresses of projects, and the folders that their code is in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import field, frozen
from pegboard import paths, uris
from pegboard.errors import UnsafePath, command_line

from pegboard_projects.errors import ProjectError

_GIT = re.compile(r"git\+\w+://|(?:https?|ssh|git)://|[\w.-]+@[\w.-]+:")
_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_VERSION = re.compile(r"[^\s\0:+~^?*\[\\-][^\s\0:~^?*\[\\]*")
_GITHUB_TREE = re.compile(r"(https?://[^/]+/[^/]+/[^/]+)/tree/([^/]+)/?(.*)")


@frozen(kw_only=True)
class Source:
    """The code of a project, as it lies on this machine.

    ``directory`` is that of the project, ``root`` that of all that was fetched. ``name`` is what
    the run calls it. ``commit``, ``branch`` and ``url`` are known for what came from git.
    ``remove`` takes away what was fetched.
    """

    name: str
    directory: Path
    root: Path
    commit: str | None = None
    branch: str | None = None
    url: str | None = None
    fetched: bool = False
    archive: Path | None = None
    """The zip file that it came in, if it did."""
    notes: Sequence[str] = ()
    """What people should know of it before it runs."""
    _remove: Callable[[], None] | None = field(default=None, eq=False, repr=False)

    def remove(self) -> None:
        """Take away what was fetched for this one run."""
        if self._remove is not None:
            self._remove()


def fetch(uri: str, version: str | None) -> Source:
    """Return the code that an address names, fetched if it is not a folder of this machine.

    ProjectError says what is not there. A version names a branch, tag or commit of a git
    repository; other sources have none.
    """
    if not uri or uri.startswith("-") or "\0" in uri or "\n" in uri:
        raise ProjectError(f"{uri!r} is not the address of a project.")
    if version is not None and not _VERSION.fullmatch(version):
        raise ProjectError(f"{version!r} is not a version.")
    address, _, folder = uri.partition("#")
    if tree := _GITHUB_TREE.fullmatch(address):
        sub = f"#{tree[3]}" if tree[3] else ""
        words = command_line("pegboard", "run", f"{tree[1]}{sub}", "-v", tree[2])
        raise ProjectError(f"{address} is the address of a page.", hint=f"Write: {words}")
    if address.lower().endswith(".zip"):
        _without_version(uri, version)
        from pegboard_projects.sources import archives

        return _below(archives.fetch(address), uri, folder)
    local = _local_path(address)
    if local is None:
        from pegboard_projects.sources import git

        return _below(git.fetch(address, version), uri, folder)
    if not local.exists():
        raise ProjectError(
            f"There is no folder {address!r}.",
            hint="A project is a folder, a .zip file, or the address of a git repository "
            "(https://…, ssh://…, git@HOST:…, file://…).",
        )
    if not local.is_dir():
        raise ProjectError(f"{address!r} is not a folder.")
    if _is_bare(local) or (version is not None and (local / ".git").exists()):
        from pegboard_projects.sources import git

        return _below(git.fetch(local.as_uri(), version), uri, folder)
    _without_version(uri, version)
    found = Source(name=str(local), directory=local, root=local)
    return _below(found, str(local) + (f"#{folder}" if folder else ""), folder)


def _local_path(address: str) -> Path | None:
    """Return the path that an address is; None if it is that of a git repository elsewhere."""
    if _GIT.match(address):
        return None
    if address.lower().startswith("file:"):
        return uris.parse(address).local_path()
    if _ANY_SCHEME.match(address) and not Path(address).exists():
        scheme = address.partition(":")[0]
        raise ProjectError(
            f"{address!r} is not the address of a project: {scheme!r} means nothing here.",
            hint="A project is a folder, a .zip file, or the address of a git repository "
            "(https://…, ssh://…, git@HOST:…, file://…).",
        )
    return Path(address).expanduser().absolute()


def _is_bare(directory: Path) -> bool:
    return (directory / "HEAD").is_file() and all(
        (directory / name).is_dir() for name in ("objects", "refs")
    )


def _without_version(uri: str, version: str | None) -> None:
    if version is not None:
        raise ProjectError(
            f"Only git repositories have versions, and {uri!r} is not one.", hint="Leave out -v."
        )


def _below(source: Source, name: str, folder: str) -> Source:
    """Return the source whose project is in a folder of what was fetched."""
    from attrs import evolve

    try:
        directory = paths.below(source.root, folder)
    except UnsafePath:
        source.remove()
        raise
    if not directory.is_dir():
        source.remove()
        raise ProjectError(f"There is no folder {folder!r} in {source.name}.")
    return evolve(source, name=uris.without_secrets(name), directory=directory)


def remover(directory: Path) -> Callable[[], None]:
    """Return what removes a directory; one that is gone is fine."""
    return lambda: shutil.rmtree(directory, ignore_errors=True)
