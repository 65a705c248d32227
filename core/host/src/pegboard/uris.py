"""URIs of stores: ``scheme:rest``, or a plain path on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

from attrs import field, frozen

from pegboard.errors import InvalidValue

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(.*)", re.DOTALL)
"""Two letters at least, so that a Windows drive is a path."""

_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+(?=@)")
_SECRET_IN_QUERY = re.compile(
    r"(?i)([?&][^=&]*(?:password|secret|token|key|signature)[^=&]*=)[^&]+"
)

PLAIN_PATH = "path"
"""The scheme given to plain paths."""

PROXIED = "mlflow-artifacts"
"""The scheme of files that a tracking server keeps for its clients."""


@frozen
class Uri:
    """A parsed URI.

    ``text`` is what was given. ``path`` is what lies between the scheme and the ``?``, unquoted.
    """

    text: str
    scheme: str
    path: str
    query: dict[str, str] = field(factory=dict)

    def local_path(self) -> Path:
        """Return the path on this machine that the URI names, absolute.

        ``x:rel``, ``x:///rel`` for ``sqlite`` (SQLAlchemy's form), ``x:/abs``, ``x:////abs`` and
        ``file:///abs`` are understood; another host is not (InvalidValue).
        """
        path = self.path
        if path.startswith("//"):
            host, slash, rest = path[2:].partition("/")
            if host not in ("", "localhost"):
                raise InvalidValue(
                    f"{self.text!r} names the host {host!r}, but files must be on this machine.",
                    hint=f"Write {self.scheme}:/absolute/path or {self.scheme}:relative/path.",
                )
            relative = self.scheme == "sqlite"
            path = rest if relative else slash + rest
        if not path:
            raise InvalidValue(f"{self.text!r} names no path.")
        return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 (keeps links)


def parse(text: str | os.PathLike[str]) -> Uri:
    """Parse a URI or a plain path. InvalidValue if it is empty or holds a NUL."""
    text = os.fspath(text)
    if not text or "\0" in text:
        raise InvalidValue(f"{text!r} is not a URI or a path.")
    match = _SCHEME.fullmatch(text)
    if match is None:
        return Uri(text, PLAIN_PATH, text)
    scheme, rest = match[1].lower(), match[2]
    path, _, query = rest.partition("?")
    return Uri(text, scheme, unquote(path), dict(parse_qsl(query, keep_blank_values=True)))


def anchored(text: str, directory: Path) -> str:
    """Return the URI with its path taken as relative to ``directory``, not to where we run.

    Only plain paths and ``sqlite:`` are known to hold a path; other URIs come back as they are.
    """
    uri = parse(text)
    if uri.scheme == PLAIN_PATH:
        return str(directory / Path(text).expanduser())
    if uri.scheme != "sqlite":
        return text
    path = directory / uri.path.removeprefix("///").removeprefix("//")
    query = text.partition("?")[2]
    return f"sqlite:{quote(path.as_posix())}" + (f"?{query}" if query else "")


def without_secrets(text: str, mask: str = "****") -> str:
    """Return a URI with what looks like a password or a key in it masked, for people to read."""
    return _SECRET_IN_QUERY.sub(rf"\1{mask}", _PASSWORD.sub(rf"\1:{mask}", text))


def absolute(text: str) -> str:
    """Return the URI with a relative path taken as relative to where we run, now and for good.

    Only plain paths and ``file:`` URIs can be relative; others, and absolute ones, come back as
    they are. InvalidValue if a ``file:`` URI names another machine.
    """
    uri = parse(text)
    if uri.scheme == PLAIN_PATH:
        return text if Path(text).is_absolute() else str(uri.local_path())
    if uri.scheme != "file":
        return text
    place = uri.local_path()
    return text if uri.path.startswith("/") else from_path(place)


def from_path(path: Path, scheme: str = "file") -> str:
    """Return the URI of an absolute path on this machine."""
    return f"{scheme}://{quote(path.as_posix())}"


def path_behind_host(uri: Uri) -> str:
    """Return the path of ``x:/path`` and ``x://host/path``, without slashes around it."""
    path = uri.path
    if path.startswith("//"):
        path = path[2:].partition("/")[2]
    return path.strip("/")


def join(root: str, *parts: str) -> str:
    """Append path parts to a URI, in front of its query."""
    base, mark, query = root.partition("?")
    return "/".join([base.rstrip("/"), *(p.strip("/") for p in parts)]) + mark + query
