"""Sessions of browsers: a cookie that names a user until it expires, signed by the server.

A session holds no secret of the user. Its signature depends on a key that a server draws when it
starts, and on the user's line in the file: a new password, or the end of the user, ends it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping

from attrs import frozen

SECONDS = 12 * 3600
"""How long a session lasts."""
_MOST_COOKIES = 8 << 10
_FORGOTTEN = 10_000


@frozen
class Session:
    """What a cookie says."""

    name: str
    expires: int
    nonce: str
    signature: str

    @property
    def told(self) -> str:
        """What is signed."""
        return f"{self.expires}:{self.nonce}:{self.name}"


class Sessions:
    """Makes and reads the cookies of one server, in all of its processes."""

    def __init__(self, key: str) -> None:
        """``key`` is the server's own, and secret."""
        self._key = key.encode()
        self._ended: dict[str, int] = {}

    def begin(self, name: str, secret: str) -> str:
        """Return the value of a cookie for a user, whose line in the file has this secret."""
        session = Session(name, int(time.time()) + SECONDS, secrets.token_hex(12), "")
        value = f"{session.told}:{self._sign(session, secret)}"
        return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")

    def read(self, headers: Mapping[bytes, bytes]) -> Session | None:
        """Return what the cookie of a request says, not verified; None if there is none in time."""
        given = headers.get(b"cookie")
        if given is None or len(given) > _MOST_COOKIES:
            return None
        wanted = cookie_name(headers.get(b"host", b"").decode("latin-1"))
        for part in given.decode("latin-1").split(";"):
            name, _, value = part.strip().partition("=")
            if name == wanted:
                found = _parsed(value)
                if found and found.expires > time.time() and found.nonce not in self._ended:
                    return found
        return None

    def verified(self, session: Session, user_secrets: Iterable[str]) -> str | None:
        """Return which of a user's secrets a session was begun with; None if none."""
        found = None
        for secret in user_secrets:
            if hmac.compare_digest(self._sign(session, secret), session.signature):
                found = secret
        return found

    def end(self, session: Session) -> None:
        """Take a session for ended, in this process."""
        now = int(time.time())
        if len(self._ended) >= _FORGOTTEN:
            self._ended = {nonce: at for nonce, at in self._ended.items() if at > now}
        self._ended[session.nonce] = session.expires

    def _sign(self, session: Session, secret: str) -> str:
        text = f"{secret}\n{session.told}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def cookie(value: str, host: str, path: str, *, secure: bool) -> str:
    """Return the header that gives a browser a session, or with "" takes it away."""
    parts = [
        f"{cookie_name(host)}={value}",
        f"Max-Age={SECONDS if value else 0}",
        f"Path={path or '/'}",
        "HttpOnly",
        "SameSite=Strict",
    ]
    return "; ".join([*parts, "Secure"] if secure else parts)


def cookie_name(host: str) -> str:
    """Return the name of the cookie: browsers do not tell the ports of a machine apart."""
    port = host.rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
    return f"pegboard-{port}" if port.isdigit() else "pegboard"


def _parsed(value: str) -> Session | None:
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
        expires, nonce, rest = text.split(":", 2)
        name, _, signature = rest.rpartition(":")
        return Session(name, int(expires), nonce, signature)
    except ValueError:
        return None
