"""The page itself: one document for all of its addresses, and the files that it loads."""

from __future__ import annotations

import hashlib
import html
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from pegboard.errors import NotFound
from pegboard_wire import notices
from pegboard_wire.http import Answer, Call, Endpoint, Permission
from pegboard_wire.static import static

from pegboard_ui import pages, warming

STATIC = Path(__file__).with_name("static")
SOURCES = Path(__file__).parents[2] / "web"
PLACES = (
    "compare", "evaluate", "experiments", "gateway", "logged-models", "login", "models", "p",
    "playground", "projects", "prompts", "recipes", "runs", "traces",
)  # fmt: skip
"""The first parts of the page's addresses; all other addresses are not the page's."""
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src blob:; font-src 'self'; connect-src 'self'; frame-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types pegboard"
)
_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-cache",
    "vary": "authorization, cookie",
}
_META = '<meta name="pegboard" content="{}">'


def endpoints() -> list[Endpoint]:
    """Return the endpoints of the page: its addresses and its files."""
    summary = "The web interface."
    found = [Endpoint("GET", "/", document, Permission.PUBLIC, summary, tags=("Pages",))]
    for place in PLACES:
        handle = _plugin_page if place == "p" else document
        for path in (f"/{place}", f"/{place}/{{path:path}}"):
            found.append(Endpoint("GET", path, handle, Permission.PUBLIC, summary, tags=("Pages",)))
    files = static("/assets", STATIC / "assets", Permission.PUBLIC, "Files of the web interface.")
    return [*found, files]


def document(call: Call) -> Answer:
    """Return the page, with links to its files as seen from the address that was asked for."""
    try:
        text = (STATIC / "index.html").read_text(encoding="utf-8")
    except OSError:
        return _missing(call)
    warming.warm(call)
    up = notices.up(call.path)
    if told := urlsplit(call.server_url).path:
        up = f"{told}/"
    known = html.escape(orjson.dumps(pages.about(call)).decode())
    text = text.replace(_META, _META.replace("{}", known)).replace('"./assets/', f'"{up}assets/')
    content = text.encode()
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    headers = {**_HEADERS, "etag": tag}
    if tag in call.headers.get("if-none-match", ""):
        return Answer(status=304, headers=headers, media_type=notices.MEDIA_TYPE)
    return Answer(content, headers=headers, media_type=notices.MEDIA_TYPE)


def _plugin_page(call: Call) -> Answer:
    path = str(call.parameters.get("path", ""))
    return pages.file_of(call, path) if "/assets/" in path else document(call)


def _missing(call: Call) -> Answer:
    if not notices.is_wanted(call.headers.get("accept", "")):
        raise NotFound("The page is not built.", hint=f"Build it: {build_command()}")
    content = notices.page(
        "The page is not built yet",
        [
            "The server works; only its page is missing, since there was no Node or no registry "
            "of packages when pegboard-ui was installed. With both at hand, build it and reload:"
        ],
        code=build_command(),
    )
    return Answer(content, status=503, headers=notices.HEADERS, media_type=notices.MEDIA_TYPE)


def build_command() -> str:
    """Return the command that builds the page of this installation."""
    if SOURCES.is_dir():
        script = SOURCES.with_name("hatch_build.py")
        return f"uv run --with hatchling python {script}"
    return "pip install --force-reinstall --no-deps --no-binary pegboard-ui pegboard-ui"
