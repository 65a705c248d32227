"""Files of the web: fetched through the guard against addresses that are not public."""

from __future__ import annotations

import http.client
import re
import ssl
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

from pegboard.errors import InvalidValue, PegboardError
from pegboard_wire.outbound import Guard, Target

_TIMEOUT_S = 60
_PIECE = 1 << 20
_REDIRECTS = 5
_NOT_IN_NAMES = re.compile(r'[\\:*?"<>|\x00-\x1f]')
"""Characters that Windows has not in the names of files."""
_MOVED = (301, 302, 303, 307, 308)


def fetch(url: str, place: Path, guard: Guard | None = None) -> Path:
    """Fetch a file into a directory, and return it; errors name the URL."""
    guard = guard or Guard()
    where = url
    for _ in range(_REDIRECTS):
        target = guard.check_url(where)
        connection = _connection(guard, target)
        try:
            connection.request("GET", target.path, headers={"Host": target.authority})
            answer = connection.getresponse()
            if answer.status in _MOVED and (next_url := answer.getheader("Location")):
                where = urljoin(where, next_url)
                continue
            if answer.status != 200:
                raise InvalidValue(f"{url} answers with {answer.status} {answer.reason}.")
            file = place / _name(url)
            with file.open("wb") as stream:
                while piece := answer.read(_PIECE):
                    stream.write(piece)
        except (OSError, http.client.HTTPException) as error:
            raise PegboardError(f"{url} could not be fetched: {error}.") from error
        finally:
            connection.close()
        return file
    raise InvalidValue(f"{url} leads on more than {_REDIRECTS} times.")


def _name(url: str) -> str:
    """Return the last part of a URL's path, as a file can be called on any system."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    return _NOT_IN_NAMES.sub("_", name) or "data"


class _Pinned(http.client.HTTPSConnection):
    """Speaks to an address that was checked, under the host's name."""

    def __init__(self, address: str, target: Target) -> None:
        super().__init__(address, target.port, timeout=_TIMEOUT_S)
        self._name = target.host

    def connect(self) -> None:
        """Connect to the address; the certificate has to be the host's."""
        http.client.HTTPConnection.connect(self)
        context = ssl.create_default_context()
        self.sock = context.wrap_socket(self.sock, server_hostname=self._name)


def _connection(guard: Guard, target: Target) -> http.client.HTTPConnection:
    try:
        address = guard.addresses(target)[0]
    except OSError as error:
        raise PegboardError(f"The host {target.host!r} was not found: {error}.") from error
    if target.scheme == "https":
        return _Pinned(address, target)
    return http.client.HTTPConnection(address, target.port, timeout=_TIMEOUT_S)
