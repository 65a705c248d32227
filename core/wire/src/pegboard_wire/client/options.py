"""How to talk to a server: from its URI, the environment and the settings.

Environment variables have two names, ``PEGBOARD_X`` and ``MLFLOW_X``; the first takes precedence.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import evolve, field, frozen
from pegboard.config import HttpConfig
from pegboard.errors import ConfigError, InvalidValue

_DEFAULT_PORTS = {"http": 80, "https": 443}


@frozen
class Server:
    """Where a server is: all of a URI but who calls."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    """The path that the server was put below, without a slash at its end."""

    @property
    def netloc(self) -> str:
        """The host, with the port unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _DEFAULT_PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL, without user or password, and without a slash at its end."""
        return f"{self.scheme}://{self.netloc}{self.prefix}"

    def is_host_of(self, url: str) -> bool:
        """Whether a URL leads to the same host, by the same or a safer way."""
        other = urlsplit(url)
        there = other.scheme, other.hostname, other.port or _DEFAULT_PORTS.get(other.scheme)
        return there in (
            (self.scheme, self.host, self.port),
            ("https", self.host, 443 if self.port == 80 else self.port),
        )


@frozen
class Options:
    """How to talk to a server. ``timeout`` and ``backoff`` in seconds."""

    timeout: float
    retries: int
    backoff: float
    headers: Mapping[str, str] = field(factory=dict, hash=False)
    token: str = field(default="", repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    userinfo: str = field(default="", repr=False)
    """The part of the URI that says who calls, as it was given."""
    verify: bool | str = True
    client_certificate: str | None = None
    parts_from: int = 128 << 20
    """From how many bytes on a file is sent in parts, if the server takes these."""
    part_bytes: int = 32 << 20
    withheld: bool = False
    """Whether there are credentials or headers that are not sent, as another server's."""


def server_of(text: str) -> Server:
    """Return where the server of a URL is; InvalidValue if the URL is not one of a server."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or port == -1:
        raise InvalidValue(
            f"{without_user(text)!r} does not name a server.",
            hint="Write it as https://HOST or http://HOST:PORT, with or without a path.",
        )
    if parts.query or parts.fragment:
        raise InvalidValue(f"{without_user(text)!r} has a query, which servers do not understand.")
    scheme = parts.scheme
    return Server(scheme, parts.hostname, port or _DEFAULT_PORTS[scheme], parts.path.rstrip("/"))


def without_user(url: str) -> str:
    """Return a URL without the user and password in it, for people to read."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def options_for(text: str, http: HttpConfig, environ: Mapping[str, str] | None = None) -> Options:
    """Return how to talk to the server of a URL.

    A user in the URL takes precedence over the environment, that over ``~/.mlflow/credentials``,
    and a user with password over a token.
    """
    env = os.environ if environ is None else environ
    username, password = _user(urlsplit(text), env)
    return Options(
        timeout=_number(env, "HTTP_REQUEST_TIMEOUT", http.timeout_seconds),
        retries=int(_number(env, "HTTP_REQUEST_MAX_RETRIES", http.retries)),
        backoff=_number(env, "HTTP_REQUEST_BACKOFF_FACTOR", http.backoff_seconds),
        headers={**http.headers, **_headers(env)},
        token=_find(env, "TRACKING_TOKEN") or "",
        username=username,
        password=password,
        userinfo=urlsplit(text).netloc.rpartition("@")[0],
        verify=_verify(env, http),
        client_certificate=_find(env, "TRACKING_CLIENT_CERT_PATH")
        or http.client_certificate
        or None,
        parts_from=int(_number(env, "MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", 128 << 20)),
        part_bytes=max(int(_number(env, "MULTIPART_UPLOAD_CHUNK_SIZE", 32 << 20)), 1),
    )


def options_for_stranger(text: str, http: HttpConfig) -> Options:
    """Return how to talk to the server of a URL that was not named by the user.

    Credentials belong to the server they were given for: it gets no token, password, header or
    client certificate but the user that the URL itself holds.
    """
    own = options_for(text, http)
    named = bool(urlsplit(text).username)
    signed_on = own.token or (own.username and own.password and not named)
    return evolve(
        own,
        headers={},
        token="",
        username=own.username if named else "",
        password=own.password if named else "",
        verify=own.verify or True,
        client_certificate=None,
        withheld=bool(signed_on or own.headers or own.client_certificate),
    )


def _find(env: Mapping[str, str], name: str) -> str | None:
    return env.get(f"PEGBOARD_{name}") or env.get(f"MLFLOW_{name}") or None


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = _find(env, name)
    if text is None:
        return float(default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ConfigError(f"The environment variable MLFLOW_{name} is {text!r}, not a number.")
    return value


def _verify(env: Mapping[str, str], http: HttpConfig) -> bool | str:
    insecure = (_find(env, "TRACKING_INSECURE_TLS") or "").lower() in ("true", "1")
    file: str = _find(env, "TRACKING_SERVER_CERT_PATH") or http.ca_file
    if insecure and file:
        raise ConfigError(
            f"Certificates are to be checked with {file!r}, and not to be checked at all.",
            hint="Unset MLFLOW_TRACKING_INSECURE_TLS or MLFLOW_TRACKING_SERVER_CERT_PATH.",
        )
    if insecure or not http.verify:
        return False
    if file and not Path(file).exists():
        raise ConfigError(f"The certificates of the server should be in {file!r}: no such file.")
    return file or True


def _user(parts: SplitResult, env: Mapping[str, str]) -> tuple[str, str]:
    if parts.username:
        return unquote(parts.username), unquote(parts.password or "")
    username, password = _find(env, "TRACKING_USERNAME"), _find(env, "TRACKING_PASSWORD")
    if username and password:
        return username, password
    if _find(env, "TRACKING_TOKEN"):
        return "", ""
    filed = _credentials_file(env)
    return (
        username or filed.get("mlflow_tracking_username", ""),
        password or filed.get("mlflow_tracking_password", ""),
    )


def _credentials_file(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return what MLflow's own file says; nothing if there is none."""
    file = Path(env.get("HOME") or "~").expanduser() / ".mlflow" / "credentials"
    parser = ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (ConfigParserError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    return dict(parser["mlflow"]) if parser.has_section("mlflow") else {}


def _headers(env: Mapping[str, str]) -> dict[str, str]:
    text = env.get("PEGBOARD_TRACKING_HEADERS", "")
    pairs = parse_qsl(text.replace("+", "%2B"), keep_blank_values=True, separator=",")
    if text and not pairs:
        raise ConfigError(
            "The environment variable PEGBOARD_TRACKING_HEADERS cannot be read.",
            hint="Write NAME=VALUE,NAME=VALUE, with %2C for a comma in a value.",
        )
    return {name.strip(): value.strip() for name, value in pairs}
