"""The file of users: who may log in, with which password or token, and what they may do.

Each line is ``NAME:LEVEL:SECRET``, where the secret is a password's scrypt hash or the SHA-256 of a
token; a name may have several lines. Neither passwords nor tokens can be read from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen
from pegboard.errors import ConfigError, InvalidValue
from pegboard_wire.http import Permission

LEVELS = (Permission.READ, Permission.WRITE, Permission.DELETE, Permission.ADMIN)
"""What a user may do, in rising order; each includes those before it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_COST, _BLOCK, _LANES = 2**14, 8, 1
_MOST_WORK = 2**22
"""The limit for cost, block and lanes together: some seconds."""
_KEY_BYTES = 64
_SCRYPT = re.compile(
    r"scrypt\$(\d{1,9})\$(\d{1,9})\$(\d{1,9})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)"
)
_TOKEN = re.compile(r"sha256\$[0-9a-f]{64}")
_LEAST_LENGTH = 8


@frozen
class Credential:
    """One line of the file."""

    name: str
    level: Permission
    secret: str = ""

    @property
    def kind(self) -> str:
        """Either ``password`` or ``token``."""
        return "token" if self.secret.startswith("sha256$") else "password"

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the level includes."""
        return permissions_of(self.level)


def permissions_of(level: Permission) -> frozenset[Permission]:
    """Return a level with all that it includes."""
    found = {Permission.PUBLIC, *LEVELS[: LEVELS.index(level) + 1]}
    if Permission.WRITE in found:
        found.add(Permission.INVOKE)
    return frozenset(found)


def checked_name(name: str) -> str:
    """Return a user's name; InvalidValue if it is not one."""
    if not _NAME.fullmatch(name):
        raise InvalidValue(
            f"{name!r} cannot be the name of a user.",
            hint="Use letters, digits and the characters . _ @ + -, beginning with one of the "
            "first two kinds.",
        )
    return name


def password_hash(password: str) -> str:
    """Return what to keep of a password."""
    if len(password) < _LEAST_LENGTH:
        raise InvalidValue(f"A password needs at least {_LEAST_LENGTH} characters.")
    salt = secrets.token_bytes(16)
    key = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${_text(salt)}${_text(key)}"


def is_password(password: str, kept: str) -> bool:
    """Whether this is the password of which ``kept`` was kept; takes some 50 ms."""
    cost, block, lanes, salt, key = _parts(kept)
    return hmac.compare_digest(_scrypt(password, salt, cost, block, lanes), key)


def _parts(kept: str) -> tuple[int, int, int, bytes, bytes]:
    """Return the costs, the salt and the key of a password's hash; ValueError if it is not one."""
    found = _SCRYPT.fullmatch(kept)
    if found is None:
        raise ValueError("not the hash of a password")
    cost, block, lanes = (int(found[place]) for place in (1, 2, 3))
    if cost < 2 or cost & (cost - 1) or not block or not lanes or cost * block * lanes > _MOST_WORK:
        raise ValueError("a hash that cannot be computed")
    salt, key = (base64.b64decode(found[place], validate=True) for place in (4, 5))
    if len(key) != _KEY_BYTES:
        raise ValueError("a key of another length")
    return cost, block, lanes, salt, key


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return f"peg_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    """Return what to keep of a token; it is long and random, so a quick hash is enough."""
    return f"sha256${hashlib.sha256(token.encode()).hexdigest()}"


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    room = 256 * cost * block
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=room)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read(file: Path) -> list[Credential]:
    """Return the lines of a file; ConfigError if it cannot be read or understood."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read the users in {file}: {error}.") from error
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            found.append(_parsed(line, f"{file}, line {number}"))
    return found


def _parsed(line: str, where: str) -> Credential:
    hint = "Lines are made by 'pegboard server user add'."
    parts = line.strip().split(":")
    if len(parts) != 3 or parts[1] not in LEVELS or not _NAME.fullmatch(parts[0]):
        raise ConfigError(f"{where}: not NAME:LEVEL:SECRET.", hint=hint)
    if not _is_secret(parts[2]):
        # What stands there is not shown: it may be a password that somebody wrote by hand.
        text = f"{where}: the secret is neither a password's hash nor a token's."
        raise ConfigError(text, hint=hint)
    return Credential(parts[0], Permission(parts[1]), parts[2])


def _is_secret(kept: str) -> bool:
    if _TOKEN.fullmatch(kept):
        return True
    try:
        _parts(kept)
    except ValueError:
        return False
    return True


def write(file: Path, credentials: Iterable[Credential]) -> None:
    """Replace the file at once, readable by its owner only."""
    text = "".join(f"{c.name}:{c.level}:{c.secret}\n" for c in credentials)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
