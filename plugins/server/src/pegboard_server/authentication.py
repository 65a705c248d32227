"""Who calls: passwords and tokens in the header Authorization."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pegboard.errors import command_line
from pegboard_wire.http import Identity, Permission

from pegboard_server import users
from pegboard_server.failures import Failure, busy
from pegboard_server.sessions import Session, Sessions
from pegboard_server.settings import Settings
from pegboard_server.throttle import Throttle

NOBODY = Identity("", frozenset({Permission.PUBLIC}))
ANYBODY = Identity("", users.permissions_of(Permission.DELETE))
"""Who calls a server without users: may do all but administer."""

_REMEMBERED = 1000
_LOOK_SECONDS = 1.0
_WAITING = 32
_DENIED = {"www-authenticate": 'Basic realm="pegboard", charset="UTF-8", Bearer'}


class Authenticator:
    """Knows the users of a file, which may change at any time, and one token beside them."""

    def __init__(self, settings: Settings) -> None:
        """Read the users; ConfigError if that fails."""
        self._file = Path(settings.users_file) if settings.users_file else None
        self._token = settings.token
        self.is_open = self._file is None and self._token is None
        """Whether there are no users, so that no login is needed."""
        self._credentials: dict[str, list[users.Credential]] = {}
        self._tokens: dict[str, Identity] = {}
        self._remembered: dict[bytes, Identity] = {}
        self._pending: dict[bytes, asyncio.Task[Identity]] = {}
        self._throttle = Throttle()
        self.sessions = Sessions(settings.session_key)
        self._looked, self._state = 0.0, (0, 0, 0)
        self._pool = ThreadPoolExecutor(1, "password")
        self._waiting = 0
        self._others: list[Callable[[Mapping[bytes, bytes]], Identity | None]] = []
        self._read()

    def add(self, knows: Callable[[Mapping[bytes, bytes]], Identity | None]) -> None:
        """Ask a plugin first who a caller is."""
        self._others.append(knows)

    async def identify(self, headers: Mapping[bytes, bytes], client: str) -> Identity:
        """Return who sends these headers; refused if they name somebody wrongly."""
        found = self.known(headers)
        if found is None:
            value = headers[b"authorization"]
            digest = hashlib.sha256(value).digest()
            found = await self._verified(digest, value, client)
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[digest] = found
        return found

    def known(self, headers: Mapping[bytes, bytes]) -> Identity | None:
        """Return who sends these headers if that need not be found out, which takes a while."""
        for knows in self._others:
            if (other := knows(headers)) is not None:
                return other
        if self.is_open:
            return ANYBODY
        value = headers.get(b"authorization")
        if value is None:
            return self._of_session(headers) if b"cookie" in headers else NOBODY
        self._look()
        return self._remembered.get(hashlib.sha256(value).digest())

    def begin_session(self, authorization: str) -> str | None:
        """Return the cookie of a caller who was identified by this header; None if it is gone."""
        name, password = _credentials_in(authorization)
        secret = users.token_hash(password)
        if secret in self._tokens:
            return self.sessions.begin(self._tokens[secret].name, secret)
        kept = self._password_of(name)
        return None if kept is None else self.sessions.begin(name, kept.secret)

    def _of_session(self, headers: Mapping[bytes, bytes]) -> Identity:
        """Return the user of a session's cookie; NOBODY if it is over, or not ours."""
        session = self.sessions.read(headers)
        if session is None:
            return NOBODY
        self._look()
        return self._identity_of(session) or NOBODY

    def _identity_of(self, session: Session) -> Identity | None:
        lines = self._credentials.get(session.name, ())
        secret = self.sessions.verified(session, [each.secret for each in lines])
        return next((Identity(e.name, e.permissions) for e in lines if e.secret == secret), None)

    def close(self) -> None:
        """End the thread that checks passwords."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _verified(self, digest: bytes, value: bytes, client: str) -> Identity:
        """Return who that is; requests that ask at the same time share one check."""
        task = self._pending.get(digest)
        if task is None:
            task = asyncio.ensure_future(self._verify(value, client))
            self._pending[digest] = task
            task.add_done_callback(lambda done: self._forget(digest, done))
        return await asyncio.shield(task)

    def _forget(self, digest: bytes, done: asyncio.Task[Identity]) -> None:
        del self._pending[digest]
        if not done.cancelled():
            # Those who asked may all be gone.
            done.exception()

    async def _verify(self, value: bytes, client: str) -> Identity:
        text = value.decode("latin-1")
        scheme = text.partition(" ")[0]
        name, password = _credentials_in(text)
        # Where a client can only send passwords, a token goes as one.
        known = self._tokens.get(users.token_hash(password))
        if known is not None:
            return known
        if name and await self._is_password_of(name, password, client):
            level = self._password_of(name)
            if level is not None:
                return Identity(name, level.permissions)
        if scheme.lower() == "basic":
            raise denied("The name or the password is wrong.")
        raise denied("The token is not known.")

    def _password_of(self, name: str) -> users.Credential | None:
        lines = self._credentials.get(name, ())
        return next((each for each in lines if each.kind == "password"), None)

    async def _is_password_of(self, name: str, password: str, client: str) -> bool:
        kept = self._password_of(name)
        if self._waiting >= _WAITING:
            raise busy("Too many passwords wait to be checked; try again.")
        self._throttle.take(client, name)
        # A name that is not known takes as long as one that is.
        secret = _UNKNOWN if kept is None else kept.secret
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            good = await loop.run_in_executor(self._pool, users.is_password, password, secret)
        finally:
            self._waiting -= 1
        # Meanwhile the user may have been removed, or have got another password.
        if not good or kept is None or kept != self._password_of(name):
            return False
        self._throttle.forgive(client, name)
        return True

    def _look(self) -> None:
        """Read the file again if it changed; checked once a second.

        ConfigError while it cannot be read: a user who was removed must not stay logged in.
        """
        now = time.monotonic()
        if self._file is None or now - self._looked < _LOOK_SECONDS:
            return
        if _state(self._file) != self._state:
            self._read()
        self._looked = now

    def _read(self) -> None:
        lines: list[users.Credential] = []
        if self._file is not None:
            state = _state(self._file)
            lines = users.read(self._file)
            self._state = state
        if self._token is not None:
            lines.append(
                users.Credential("token", Permission.DELETE, users.token_hash(self._token))
            )
        self._credentials = {}
        for each in lines:
            self._credentials.setdefault(each.name, []).append(each)
        self._tokens = {
            each.secret: Identity(each.name, each.permissions)
            for each in lines
            if each.kind == "token"
        }
        self._remembered.clear()


_UNKNOWN = f"scrypt$16384$8$1${'A' * 22}==${'A' * 86}=="


def _credentials_in(authorization: str) -> tuple[str, str]:
    """Return the name ("" with a token) and the password or token in a header; refused if none."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return "", given.strip()
    if scheme.lower() != "basic":
        raise denied("Use a token (Bearer) or a name with a password (Basic).")
    try:
        text = base64.b64decode(given.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise denied("The header Authorization is malformed.") from None
    name, _, password = text.partition(":")
    return name, password


def denied(message: str) -> Failure:
    """Nobody known sends the request."""
    return Failure(401, "UNAUTHENTICATED", message, _DENIED)


def check(identity: Identity, permission: Permission) -> None:
    """Refuse what the caller may not do."""
    if permission in identity.permissions:
        return
    if identity is NOBODY:
        raise denied("This server asks for a login: send a token, or a name and password.")
    if not identity.name:
        level = Permission.WRITE if permission is Permission.INVOKE else permission
        command = command_line("pegboard", "server", "user", "add", "NAME", "--level", level)
        raise Failure(
            403,
            "PERMISSION_DENIED",
            f"Only a user can have the {permission} permission, and the caller has no name. "
            f"'{command}' makes one.",
        )
    text = f"The user {identity.name!r} has no {permission} permission."
    raise Failure(403, "PERMISSION_DENIED", text)


def _state(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
