"""What names a prompt: ``prompts:/NAME/3``, ``prompts:/NAME@ALIAS``, or the name alone."""

from __future__ import annotations

import re

from attrs import frozen
from pegboard.errors import InvalidValue

SCHEME = "prompts:/"
LATEST = "latest"
_MOST_DIGITS = 18
_FORM = re.compile(r"([^/@:]+)(?:/(\d{1,18})|/(latest)|@([^/@]+))?", re.ASCII)


@frozen
class Reference:
    """A version of a prompt: by its number, else by an alias, of which ``latest`` is the newest."""

    name: str
    version: str | None
    alias: str | None

    @property
    def uri(self) -> str:
        """The same as a URI."""
        what = f"@{self.alias}" if self.version is None else f"/{self.version}"
        return f"{SCHEME}{self.name}{what}"


def parse(name_or_uri: object, version: object = None) -> Reference:
    """Return what a name, or a URI, says; InvalidValue if it says nothing.

    ``version`` is a number, as a number or a text; it belongs to a name that says none.
    """
    if not isinstance(name_or_uri, str):
        raise _malformed(name_or_uri)
    text = name_or_uri
    is_uri = text.startswith(SCHEME)
    match = _FORM.fullmatch(text[len(SCHEME) :].lstrip("/") if is_uri else text)
    if match is None:
        raise _malformed(name_or_uri)
    name, number, latest, alias = match.groups()
    if version is not None:
        if is_uri or number or latest or alias:
            raise InvalidValue(
                f"{name_or_uri!r} is a URI, so it takes no 'version' beside it.",
                hint=f"Write {SCHEME}{name}/{version}.",
            )
        return _with(name, version)
    if number:
        return Reference(name, str(int(number)), None)
    return Reference(name, None, alias or latest or LATEST)


def _with(name: str, version: object) -> Reference:
    text = str(version).strip()
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return Reference(name, str(int(text)), None)
    if isinstance(version, str) and text.lstrip("@") == LATEST:
        return Reference(name, None, LATEST)
    raise InvalidValue(
        f"{version!r} is not a version of a prompt.",
        hint=f"A version is like 3; of an alias, load {SCHEME}{name}@ALIAS.",
    )


def _malformed(given: object) -> InvalidValue:
    return InvalidValue(
        f"{given!r:.80} does not name a prompt.",
        hint=f"Write NAME, {SCHEME}NAME/3 or {SCHEME}NAME@ALIAS.",
    )
