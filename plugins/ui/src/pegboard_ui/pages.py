"""Pages of plugins: which there are for a caller, and the files that they are made of."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pegboard import paths
from pegboard.errors import NotFound, PluginError, UnsafePath
from pegboard.host import Host
from pegboard_wire.http import Answer, Call, Endpoint, Identity, Permission

from pegboard_ui.hookspecs import UiPage

KIND = "page"
_SERVED = (".js", ".mjs", ".css", ".svg", ".png", ".jpg", ".webp", ".woff2", ".json", ".wasm")
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_NAMES = {"type": "array", "items": {"type": "string"}}
_ABOUT = {
    "type": "object",
    "properties": {
        "user": {
            "type": ["object", "null"],
            "properties": {"name": {"type": "string"}, "permissions": _NAMES},
        },
        "pages": {"type": "array", "items": _TEXTS},
        "server": _TEXTS,
        "features": _NAMES,
    },
}
_PLUGINS = {
    "type": "object",
    "properties": {
        "plugins": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "distribution": {"type": "string"},
                    "version": {"type": "string"},
                    "state": {"type": "string"},
                    "offers": {"type": "array", "items": _TEXTS},
                },
            },
        }
    },
}


def endpoints() -> list[Endpoint]:
    """Return the endpoints that list pages and plugins."""
    return [
        Endpoint(
            "GET",
            "/api/pegboard/1.0/ui/pages",
            about,
            Permission.PUBLIC,
            "Who calls, and which pages and plugins there are for them.",
            response=_ABOUT,
            tags=("Pages",),
        ),
        Endpoint(
            "GET",
            "/api/pegboard/1.0/ui/plugins",
            plugins,
            Permission.READ,
            "The installed plugins, and what each of them offers.",
            response=_PLUGINS,
            tags=("Pages",),
        ),
    ]


def about(call: Call) -> dict[str, Any]:
    """Return what the page has to know before all else: who looks, at what, with which pages."""
    identity = call.identity
    user = {"name": identity.name, "permissions": sorted(identity.permissions)}
    known = len(identity.permissions) > 1
    return {
        "user": user if known else None,
        "pages": [_shown(page) for page in _visible(call.host, identity)] if known else [],
        "server": {"version": _version(), "root": call.server_url},
        "features": sorted(
            name for name, info in call.host.plugins.items() if not info.error and not info.disabled
        )
        if known
        else [],
    }


def plugins(call: Call) -> dict[str, Any]:
    """Return the installed plugins; why one does not work is in the server's log."""
    found = [
        {
            "name": name,
            "distribution": info.distribution,
            "version": info.version,
            "state": "disabled" if info.disabled else "failed" if info.error else "works",
            "offers": [{"kind": k, "name": n, "summary": s} for k, n, s in info.provides],
        }
        for name, info in sorted(call.host.plugins.items())
    ]
    return {"plugins": found}


def file_of(call: Call, path: str) -> Answer:
    """Return a file of a plugin's page, ``KEY/assets/HASH/FILE``; NotFound if there is none."""
    key, _, rest = path.partition("/assets/")
    name = rest.partition("/")[2]
    page = next((p for p in _visible(call.host, call.identity) if p.key == key), None)
    if page is None:
        raise NotFound(f"There is no page {key!r} for you.")
    folder = _module(page).parent
    try:
        file = paths.below(folder, name)
    except UnsafePath:
        raise NotFound(f"The page {key!r} has no file {name!r}.") from None
    if file.suffix not in _SERVED or not file.is_file():
        raise NotFound(f"The page {key!r} has no file {name!r}.")
    media_type = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0]
    # Under an old hash lie the new files, so they must not be kept.
    kept = _FOREVER if rest.startswith(_digest(folder) + "/") else "no-store"
    return Answer(
        file.read_bytes(),
        headers={"cache-control": kept},
        media_type=media_type or "application/octet-stream",
    )


def _visible(host: Host, identity: Identity) -> list[UiPage]:
    """Return the pages that a caller may see."""
    declared: Mapping[str, UiPage] = host.declared(KIND)
    return [page for page in declared.values() if page.permission in identity.permissions]


def _shown(page: UiPage) -> dict[str, str]:
    found = {"key": page.key, "title": page.title, "icon": page.icon, "module": "", "error": ""}
    try:
        file = _module(page)
        found["module"] = f"p/{page.key}/assets/{_digest(file.parent)}/{file.name}"
    except PluginError as error:
        found["error"] = error.message
    return {**found, "permission": page.permission}


def _module(page: UiPage) -> Path:
    """Return the file of a page's module; PluginError if it is not there."""
    package, _, name = page.module.partition(":")
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    for place in places:
        if (file := Path(place) / name).is_file():
            return file
    raise PluginError(f"The module of the page {page.key!r}, {page.module}, is not there.")


def _digest(folder: Path) -> str:
    """Return the hash of a folder's content, which changes with each file."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in _SERVED)
    seen = hashlib.sha256()
    for file in files:
        status = file.stat()
        seen.update(f"{file.name} {status.st_mtime_ns} {status.st_size}\n".encode())
    return seen.hexdigest()[:16]


@cache
def _version() -> str:
    return version("pegboard-ui")
