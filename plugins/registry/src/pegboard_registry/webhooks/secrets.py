"""The secrets of webhooks at rest: encrypted, with a key that is not in the same file."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard.errors import ConfigError, StoreError, translate_os_error

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

VARIABLES = ("PEGBOARD_WEBHOOK_KEY", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY")


class Keyring:
    """Encrypts with the key in the environment or, without one, in a file for the owner alone."""

    def __init__(self, database: Path) -> None:
        """Keep the key beside a database, once one is needed."""
        self._file = database.with_name(database.name + ".webhook-key")
        self._fernet: Fernet | None = None

    def seal(self, secret: str) -> bytes:
        """Return a secret as it can be kept."""
        return self._cipher(create=True).encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """Return what was sealed; StoreError if the key is another one or is lost."""
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher(create=False).decrypt(sealed).decode()
        except InvalidToken:
            raise StoreError(
                "The secret of a webhook was encrypted with another key.",
                hint=f"Bring back {self._file} or the variable {VARIABLES[0]}, or set the secret "
                "anew.",
            ) from None

    def _cipher(self, *, create: bool) -> Fernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet

            key = next(filter(None, map(os.environ.get, VARIABLES)), None)
            try:
                self._fernet = Fernet(key.encode() if key else self._key(create=create))
            except ValueError as error:
                raise ConfigError(
                    f"The key for the secrets of webhooks is not one: {error}",
                    hint=f"{VARIABLES[0]} holds 32 bytes in URL-safe base64.",
                ) from error
        return self._fernet

    def _key(self, *, create: bool) -> bytes:
        try:
            if create and not self._file.exists():
                self._create()
            return self._file.read_bytes()
        except OSError as error:
            raise translate_os_error(error, self._file) from error

    def _create(self) -> None:
        from cryptography.fernet import Fernet

        descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=".webhook-key-")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(Fernet.generate_key())
                stream.flush()
                os.fsync(stream.fileno())
            # If several write at once the first wins, and no process reads half a key.
            with contextlib.suppress(FileExistsError):
                os.link(name, self._file)
        finally:
            Path(name).unlink()
