"""Facts about a git repository, read from its files; no process is started for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REMOTE = re.compile(r'\[remote\s+"((?:[^"\\]|\\.)*)"\]\s*(.*)', re.IGNORECASE)
_ASSIGNMENT = re.compile(r"(\w[\w-]*)\s*=\s*(.*)")
_USER_INFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*://)[^/?#]*@")
_LINK_DEPTH = 10


@frozen
class Repository:
    """A working tree and where git keeps its files.

    ``private`` belongs to this working tree alone; ``common`` is shared by all of the repository.
    """

    root: Path
    private: Path
    common: Path

    def head(self) -> tuple[str | None, str | None]:
        """Return the commit and the branch; None for a commit not made yet, a detached head."""
        branch: str | None = None
        reference = "HEAD"
        for _ in range(_LINK_DEPTH):
            text = self._read_reference(reference)
            if text is None:
                break
            if _COMMIT.fullmatch(text):
                return text, branch
            if not text.startswith("ref:"):
                break
            reference = text.removeprefix("ref:").strip()
            if branch is None and reference.startswith("refs/heads/"):
                branch = reference.removeprefix("refs/heads/")
        return None, branch

    def _read_reference(self, name: str) -> str | None:
        if ".." in name.split("/"):
            return None
        for directory in (self.private, self.common):
            text = _read(directory / name)
            if text is not None:
                return text.strip()
        for line in (_read(self.common / "packed-refs") or "").splitlines():
            commit, _, packed = line.partition(" ")
            if packed.strip() == name:
                return commit
        return None

    def remote_url(self) -> str | None:
        """Return the URL of ``origin``, else of the first remote, without credentials."""
        urls: dict[str, str] = {}
        for name, url in _remotes(_read(self.common / "config") or ""):
            urls.setdefault(name, url)
        chosen = urls.get("origin") or next(iter(urls.values()), None)
        return None if chosen is None else strip_credentials(chosen)


def find(directory: Path) -> Repository | None:
    """Return the repository that a directory lies in, or None."""
    place = Path(os.path.abspath(directory))  # noqa: PTH100 (keeps links, reads nothing)
    for root in (place, *place.parents):
        entry = root / ".git"
        private: Path | None = entry
        if not entry.is_dir():
            private = _linked(entry)
        if private is not None and (private / "HEAD").exists():
            shared = _read(private / "commondir")
            common = private if shared is None else private / shared.strip()
            return Repository(root, private, common)
    return None


def _linked(entry: Path) -> Path | None:
    """Return where the ``.git`` file of a worktree or submodule leads."""
    text = _read(entry) or ""
    if not text.startswith("gitdir:"):
        return None
    return entry.parent / text.removeprefix("gitdir:").strip()


def strip_credentials(url: str) -> str:
    """Remove user name and password from a URL; ``git@host:path`` is left as it is."""
    return _USER_INFO.sub(r"\1", url)


def _remotes(config: str) -> Iterator[tuple[str, str]]:
    """Yield (remote, URL) from the text of a git configuration."""
    remote: str | None = None
    for line in config.splitlines():
        text = line.strip()
        if text.startswith("["):
            header = _REMOTE.match(text)
            remote = _unescape(header[1]) if header else None
            text = header[2] if header else ""
        if remote is not None and (found := _ASSIGNMENT.match(text)) and found[1].lower() == "url":
            yield remote, _value(found[2])


def _value(text: str) -> str:
    """Return a value of a git configuration without its quotes, escapes and comment."""
    result = ""
    quoted = False
    characters = iter(text)
    for character in characters:
        if character == "\\":
            result += next(characters, "")
        elif character == '"':
            quoted = not quoted
        elif character in "#;" and not quoted:
            break
        else:
            result += character
    return result.strip()


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _read(file: Path) -> str | None:
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return None
