"""Secrets at rest, sealed with a key that is not in the database.

The key of keys is 32 bytes, in URL-safe base64: in the variable PEGBOARD_GATEWAY_SECRET_KEY or else
in a file of mode 0600 beside the database, made when the first secret is kept. What seals is
AES-GCM with 96 random bits. A secret is bound to its id: in the row of another one it does not
open. Rotation seals the small keys anew, not the secrets.

Source: NIST SP 800-38D, section 8.2.2 (random nonces: one key seals far fewer than 2**32 times).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen
from pegboard.errors import ConfigError, StoreError, translate_os_error

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE = "PEGBOARD_GATEWAY_SECRET_KEY"
NEXT_VARIABLE = "PEGBOARD_GATEWAY_NEXT_SECRET_KEY"
"""What holds the next key, for a rotation of that in VARIABLE."""
_NONCE_BYTES = 12
_KEY_BYTES = 32
_SHOWN_AT_LEAST = 16
"""Secrets that are shorter show nothing of themselves."""


@frozen
class Sealed:
    """A secret as the database keeps it."""

    value: bytes = field(repr=False)
    """The secret, sealed with a key of its own."""
    key: bytes = field(repr=False)
    """That key, sealed with the key of keys."""
    key_id: str
    """Which key of keys it is; says nothing about its bytes."""


@frozen
class Key:
    """A key of keys. ``origin`` says where it is from, for messages."""

    value: bytes = field(repr=False)
    origin: str

    @property
    def id(self) -> str:
        """Return what tells this key from others."""
        return hashlib.sha256(b"pegboard gateway key\0" + self.value).hexdigest()[:16]


def masked(value: str) -> str:
    """Return what may be shown of a secret: a few characters at its ends, if it is long."""
    return f"{value[:3]}...{value[-4:]}" if len(value) >= _SHOWN_AT_LEAST else "***"


def new_key() -> str:
    """Return a new key of keys, as it is written."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def parse_key(text: str, origin: str) -> Key:
    """Return the key that a text is; ConfigError."""
    try:
        found = base64.b64decode(text.strip().encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != _KEY_BYTES:
        raise ConfigError(
            f"{origin} holds no key for the gateway's secrets.",
            hint="A key is 32 bytes in URL-safe base64: 44 characters.",
        )
    return Key(found, origin)


class Keyring:
    """Seals and opens secrets with the key of the environment or of a file."""

    def __init__(self, file: Path, environ: Mapping[str, str] | None = None) -> None:
        """``file`` is where the key is kept if the environment has none."""
        self.file = file
        self._environ = os.environ if environ is None else environ

    def seal(self, value: Mapping[str, str], secret_id: str) -> Sealed:
        """Return a secret as it can be kept."""
        own = secrets.token_bytes(_KEY_BYTES)
        sealed = _seal(own, json.dumps(dict(value)).encode(), secret_id)
        return self.wrap(own, sealed, secret_id, self.key(create=True))

    def open(self, sealed: Sealed, secret_id: str) -> dict[str, str]:
        """Return what was sealed; StoreError if the key is another one, or was lost."""
        key = self.key_of(sealed)
        own = _open(key.value, sealed.key, secret_id, key.origin)
        found: dict[str, str] = json.loads(_open(own, sealed.value, secret_id, key.origin))
        return found

    def key_of(self, sealed: Sealed) -> Key:
        """Return the key that sealed something: that in force, or in a rotation the next one."""
        key = self.key()
        if key.id == sealed.key_id:
            return key
        if (coming := self.coming()) is not None and coming.id == sealed.key_id:
            return coming
        raise _wrong_key(key.origin)

    def wrap(self, own: bytes, value: bytes, secret_id: str, key: Key) -> Sealed:
        """Return a sealed secret with its own key sealed by ``key``."""
        return Sealed(value, _seal(key.value, own, secret_id), key.id)

    def rewrap(self, sealed: Sealed, secret_id: str, key: Key) -> Sealed:
        """Return a sealed secret as ``key`` seals it."""
        before = self.key_of(sealed)
        own = _open(before.value, sealed.key, secret_id, before.origin)
        return self.wrap(own, sealed.value, secret_id, key)

    def key(self, *, create: bool = False) -> Key:
        """Return the key of keys; ConfigError, StoreError."""
        if given := self._environ.get(VARIABLE):
            return parse_key(given, f"The variable {VARIABLE}")
        if create and not self.file.exists():
            _write(self.file, new_key())
        try:
            return _read(self.file)
        except FileNotFoundError:
            raise StoreError(
                f"The key of the gateway's secrets is not there: {self.file}.",
                hint=f"Bring the file back or set {VARIABLE}; without the key nobody can open the "
                "secrets, so else give each secret its value anew.",
            ) from None

    def coming(self) -> Key | None:
        """Return the key of a rotation that is not complete; None if there is none."""
        if given := self._environ.get(NEXT_VARIABLE):
            return parse_key(given, f"The variable {NEXT_VARIABLE}")
        try:
            return _read(self._next)
        except FileNotFoundError:
            return None

    def begin_rotation(self) -> Key:
        """Return the key that comes next: the environment's, or a new one in a file of its own.

        It is kept before anything is sealed with it, so that no moment of a crash loses it.
        """
        if self._environ.get(VARIABLE) and not self._environ.get(NEXT_VARIABLE):
            raise ConfigError(
                f"The key of the gateway's secrets is in {VARIABLE}, so the next one is yours too.",
                hint=f"Set {NEXT_VARIABLE} to 32 random bytes in URL-safe base64, rotate, and then "
                f"make it the value of {VARIABLE}.",
            )
        if (coming := self.coming()) is not None:
            return coming
        _write(self._next, new_key())
        return _read(self._next)

    def end_rotation(self) -> None:
        """Make the next key the one in force, now that it seals all secrets."""
        if not self._environ.get(NEXT_VARIABLE):
            try:
                self._next.replace(self.file)
            except OSError as error:
                raise translate_os_error(error, self.file) from error

    @property
    def _next(self) -> Path:
        return self.file.with_name(self.file.name + ".next")


def _read(file: Path) -> Key:
    """Return the key in a file; FileNotFoundError, ConfigError, StoreError."""
    try:
        mode, text = file.stat().st_mode, file.read_text()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError):
            raise translate_os_error(error, file) from error
        text = ""
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"{file} can be read by others than its owner.",
            hint=f"Say 'chmod 600 {file}', and if others may have read it, "
            "'pegboard gateway secrets rotate'.",
        )
    return parse_key(text, str(file))


def _write(file: Path, text: str) -> None:
    """Write a key for the owner alone; of several writers at once the first wins."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".gateway-key-")
        try:
            with os.fdopen(descriptor, "w") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            # Nobody reads half a key.
            with contextlib.suppress(FileExistsError):
                os.link(name, file)
        finally:
            Path(name).unlink()
    except OSError as error:
        raise translate_os_error(error, file) from error


def _cipher(key: bytes) -> AESGCM:
    # Importing it takes longer than most commands.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _seal(key: bytes, value: bytes, secret_id: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, value, secret_id.encode())


def _open(key: bytes, sealed: bytes, secret_id: str, origin: str) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return _cipher(key).decrypt(
            sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], secret_id.encode()
        )
    except (InvalidTag, ValueError):
        raise _wrong_key(origin) from None


def _wrong_key(origin: str) -> StoreError:
    return StoreError(
        f"A secret of the gateway was sealed with another key than that of {origin}.",
        hint="Bring back the key that it was sealed with, or give the secret its value anew.",
    )
