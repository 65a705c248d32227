"""Client keys: what they look like, what is kept of them, and what each allows.

A key is ``pgk_``, 12 characters of its public id, ``_``, and 43 characters of 256 random bits. It
is shown once. What is kept is its BLAKE2b hash under a secret of the gateway. A slow hash is for
what people choose and others can guess; 256 random bits cannot be guessed however fast the hash is,
and a slow one would cost more than the call. The secret lies outside of the database: who can only
write that cannot make a key of their own.

Source: NIST SP 800-63B, section 5.1.2.2 (look-up secrets of 112 bits or more need no slow hash).
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import hmac
import os
import re
import secrets
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen
from pegboard.contracts.llm import LLMError, Trouble
from pegboard.errors import ConfigError, translate_os_error

from pegboard_gateway.control.rules import Budget, Limit, Scope
from pegboard_gateway.entities import Asked, Caller

PREFIX = "pgk_"
_ID = re.compile(r"[a-z0-9]{12}")
_KEY = re.compile(r"pgk_[a-z0-9]{12}_[A-Za-z0-9_-]{43}")
_ALPHABET = string.ascii_lowercase + string.digits
_PEPPER_BYTES = 32
_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")
"""Where Anthropic's, Azure's and Gemini's clients put a key."""


class KeyRefused(LLMError):
    """A key is missing, not known, over or revoked: 401. It never says which, nor the key."""

    status = 401
    code = "invalid_api_key"

    def __init__(self, message: str) -> None:
        super().__init__(
            Trouble.INVALID,
            message,
            hint="Send a key of this gateway as the header 'Authorization: Bearer pgk_…'; "
            "'pegboard gateway keys create' makes one.",
        )


@frozen(kw_only=True)
class Key:
    """A key as it is kept: all but the key itself."""

    id: str
    digest: bytes = field(repr=False)
    name: str = ""
    """What people call it."""
    user: str = ""
    team: str = ""
    workspace: str = ""
    endpoints: tuple[str, ...] = ()
    """The endpoints that it is for, with ``*`` as a wildcard; empty for all."""
    routes: tuple[str, ...] = ()
    """The faces that it is for (``openai``, ``anthropic``, …); empty for all."""
    tags: Mapping[str, str] = field(factory=dict)
    limits: tuple[str, ...] = ()
    """Its own limits: ``100/minute``, ``20000 tokens/day``."""
    budgets: tuple[str, ...] = ()
    """Its own budgets: ``10 USD/month``."""
    created_ms: int = 0
    created_by: str = ""
    expires_ms: int | None = None
    revoked_ms: int | None = None

    def is_good(self, now_ms: int) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    def covers(self, endpoint: str) -> bool:
        """Whether it is for an endpoint."""
        return not self.endpoints or any(
            fnmatch.fnmatchcase(endpoint, pattern) for pattern in self.endpoints
        )

    def allows(self, asked: Asked) -> bool:
        """Whether it is for what is asked."""
        return self.covers(asked.endpoint) and (not self.routes or asked.face in self.routes)

    def caller(self, address: str) -> Caller:
        """Return who calls with it."""
        return Caller(self.id, self.user, address, self.team, self.workspace)

    def rules(self) -> tuple[list[Limit], list[Budget]]:
        """Return its own limits and budgets."""
        of = {"scope": Scope.KEY, "subject": self.id}
        return (
            [Limit.parse(text, **of) for text in self.limits],  # type: ignore[arg-type]
            [Budget.parse(text, **of) for text in self.budgets],  # type: ignore[arg-type]
        )


class Hasher:
    """Makes keys, and hashes them under the secret of this gateway."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def new(self) -> tuple[str, str, bytes]:
        """Return a new key: its id, the key, and its hash."""
        key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        text = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
        return key_id, text, self.digest(text)

    def digest(self, text: str) -> bytes:
        """Return the hash of a whole key."""
        return hashlib.blake2b(text.encode(), digest_size=32, key=self._pepper).digest()


def read_pepper(file: Path) -> bytes:
    """Return the secret that keys are hashed under; a file of mode 0600 keeps it, made if needed.

    Raises ConfigError if the file holds none, StoreError if it cannot be read or made.
    """
    try:
        with contextlib.suppress(FileExistsError):
            _write_new(file, secrets.token_bytes(_PEPPER_BYTES).hex())
        found = file.read_text()
    except OSError as error:
        raise translate_os_error(error, file) from error
    try:
        pepper = bytes.fromhex(found.strip())
    except ValueError:
        pepper = b""
    if len(pepper) != _PEPPER_BYTES:
        raise ConfigError(
            f"{file} does not hold the secret that the gateway's client keys are hashed under.",
            hint="Put the file back from a backup. Without it all client keys have to be made "
            "anew; then remove it.",
        )
    return pepper


def _write_new(file: Path, text: str) -> None:
    """Make a file with its content at once; FileExistsError if it is there."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    hidden = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # A link, not a rename: of several processes that begin at once the first one wins.
        os.link(hidden, file)
    finally:
        hidden.unlink()


def key_in(headers: Mapping[str, str]) -> str | None:
    """Return what a client sends as a key of this gateway, well-formed or not; None if nothing.

    Passwords and the server's own tokens are not.
    """
    scheme, _, given = (headers.get("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and given.lstrip().startswith(PREFIX):
        return given.strip()
    for name in _HEADERS:
        found = headers.get(name)
        if found:
            return found.strip()
    return None


def is_well_formed(text: str) -> bool:
    """Whether a text looks like a key; nothing else is hashed or looked up."""
    return _KEY.fullmatch(text) is not None


def same(first: bytes, second: bytes) -> bool:
    """Compare hashes in a time that says nothing of them."""
    return hmac.compare_digest(first, second)


def is_id(text: str) -> bool:
    """Whether a text is a key's public id."""
    return _ID.fullmatch(text) is not None


def as_json(key: Key) -> dict[str, Any]:
    """Return what may be shown of a key."""
    return {
        "id": key.id,
        "name": key.name,
        "user": key.user,
        "team": key.team,
        "workspace": key.workspace,
        "endpoints": list(key.endpoints),
        "routes": list(key.routes),
        "tags": dict(key.tags),
        "limits": list(key.limits),
        "budgets": list(key.budgets),
        "created_at": key.created_ms,
        "created_by": key.created_by,
        "expires_at": key.expires_ms,
        "revoked_at": key.revoked_ms,
    }
