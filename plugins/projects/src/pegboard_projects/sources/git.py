"""Fetches from git repositories: only the wanted commit, if the server lets us.

Addresses and versions are data: they stand behind ``--`` or ``--end-of-options``, other transports
than the usual are forbidden, and nobody is asked for a password.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pegboard.errors import ConfigError
from pegboard_context import git as repositories

from pegboard_projects.errors import ProjectError
from pegboard_projects.sources.source import Source, remover

_TRANSPORTS = "file:git:http:https:ssh"
_TRANSPORTS_OF_OTHERS = "git:http:https:ssh"
"""What a repository may name for its submodules: no folder of this machine."""
_COMMIT = re.compile(r"[0-9a-f]{4,64}")
_SHOWN_LINES, _MOST_NAMED = 5, 3
_PROCESSES = Path("/proc")
_POINTER = r"^version [a-z]+://git-lfs\.github\.com/spec/v1$"


def fetch(address: str, version: str | None) -> Source:
    """Return a version of a repository, by default the newest of its main branch.

    ProjectError if the repository or the version is not there.
    """
    url = address.removeprefix("git+")
    place = Path(tempfile.mkdtemp(prefix="pegboard-project-"))
    try:
        _git(place, "init", "--quiet")
        _git(place, "remote", "add", "--", "origin", url)
        commit = _commit(place, url, version)
        _git(place, "checkout", "--quiet", "--detach", commit, "--")
        if (place / ".gitmodules").exists():
            words = ("submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")
            _git(place, *words, transports=_TRANSPORTS_OF_OTHERS)
    except BaseException:
        remover(place)()
        raise
    shown = repositories.strip_credentials(url)
    return Source(
        name=shown,
        directory=place,
        root=place,
        commit=commit,
        branch=version if version and _is_branch(place, version) else None,
        url=shown,
        fetched=True,
        notes=_pointers(place),
        remove=remover(place),
    )


def _commit(place: Path, url: str, version: str | None) -> str:
    """Fetch a version, and return its commit."""
    wanted = "HEAD" if version is None else version
    if not _COMMIT.fullmatch(wanted) or len(wanted) in (40, 64):
        # A branch, a tag, or a whole commit, which most servers give away alone.
        done = tried(place, "fetch", "--quiet", "--depth", "1", "--", "origin", wanted)
        if done.returncode == 0:
            return _resolved(place, "FETCH_HEAD") or ""
        if version is None:
            raise ProjectError(f"Nothing can be fetched from {_shown(url)}:\n{_said(done)}")
    everything = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    done = tried(place, "fetch", "--quiet", "--", "origin", *everything)
    if done.returncode:
        raise ProjectError(f"Nothing can be fetched from {_shown(url)}:\n{_said(done)}")
    found = (_resolved(place, name) for name in (f"refs/remotes/origin/{wanted}", wanted))
    commit = next(filter(None, found), None)
    if commit is None:
        raise ProjectError(f"There is no version {wanted!r} in {_shown(url)}.")
    return commit


def _pointers(place: Path) -> list[str]:
    """Say which files are only pointers, as git without git-lfs leaves them."""
    attributes = place / ".gitattributes"
    if not attributes.is_file() or "filter=lfs" not in attributes.read_text(errors="replace"):
        return []
    done = tried(place, "grep", "-l", "-z", "-E", _POINTER, "--")
    found = sorted(filter(None, done.stdout.split("\0")))
    if not found:
        return []
    named = ", ".join(found[:_MOST_NAMED]) + (" and more" if len(found) > _MOST_NAMED else "")
    return [
        f"Git LFS keeps the content of {named}, and only pointers to it were fetched: install "
        "git-lfs, and run 'git lfs install' once."
    ]


def _is_branch(place: Path, version: str) -> bool:
    known = tried(
        place, "ls-remote", "--exit-code", "--heads", "--", "origin", f"refs/heads/{version}"
    )
    return known.returncode == 0


def _resolved(place: Path, name: str) -> str | None:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    done = tried(place, *words)
    return done.stdout.strip() if done.returncode == 0 else None


def _git(place: Path, *words: str, transports: str = _TRANSPORTS) -> None:
    done = tried(place, *words, transports=transports)
    if done.returncode:
        raise ProjectError(f"git could not do '{words[0]}':\n{_said(done)}")


def tried(
    place: Path, *words: str, transports: str = _TRANSPORTS
) -> subprocess.CompletedProcess[str]:
    """Run git in a folder; ConfigError if there is no git."""
    # Variables such as GIT_DIR, set when a git hook runs us, would lead to another repository.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT}
    command = ["git", "-C", str(place), "-c", "advice.detachedHead=false", *words]
    try:
        with subprocess.Popen(
            command,
            env={**kept, "GIT_ALLOW_PROTOCOL": transports, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            try:
                out, said = process.communicate()
            except BaseException:
                _end(process.pid)
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, said)
    except OSError as error:
        raise ConfigError(
            f"git cannot be run: {error.strerror}.", hint="Install git, or name a folder."
        ) from error


def _end(pid: int) -> None:
    """Kill git with those who fetch for it, which may wait for ever.

    They are in our process group, so that ssh may ask for a passphrase.
    """
    for child in _children(pid):
        _end(child)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> Iterator[int]:
    for entry in _PROCESSES.iterdir() if _PROCESSES.is_dir() else ():
        with contextlib.suppress(OSError, ValueError):
            # After the name, which may hold anything: state, parent.
            _, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
            if int(parent) == pid:
                yield int(entry.name)


_KEPT = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_SSL_CAINFO")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    lines = [repositories.strip_credentials(line) for line in done.stderr.strip().splitlines()]
    return "\n".join(f"  {line}" for line in lines[-_SHOWN_LINES:]) or "  (it said nothing)"


def _shown(url: str) -> str:
    return repositories.strip_credentials(url)
