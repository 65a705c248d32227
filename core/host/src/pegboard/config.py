"""The configuration: one TOML file, overridden by environment variables.

The file is the first of these that exists: the path in ``PEGBOARD_CONFIG``; ``pegboard.toml`` in
the working directory or the nearest directory above it; ``pegboard/config.toml`` in the user's
configuration directory. Without one, the defaults hold. A ``pegboard.toml`` that another user may
have written is passed over (``pegboard.config_trust``), unless ``PEGBOARD_CONFIG`` names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen, validators

from pegboard import config_trust, settings, uris
from pegboard.errors import ConfigError

FILE_NAME = "pegboard.toml"
DEFAULT_TRACKING_URI = "sqlite:pegruns/pegboard.db"


@frozen
class PegboardConfig:
    """Where runs and models go, and which of the installed plugins are used."""

    tracking_uri: str = DEFAULT_TRACKING_URI
    registry_uri: str = ""
    """Where registered models are kept; "": where runs go."""
    plugins: list[str] | None = None
    """The only ones to use, which then have to load; None: all that are installed."""
    disabled: list[str] = field(factory=list)
    """Those to leave out, by the names of their entry points."""
    providers: dict[str, str] = field(factory=dict)
    """For a scheme or name that several plugins claim: the plugin that provides it."""

    @property
    def models_uri(self) -> str:
        """Where registered models are kept, as it was given or beside the runs."""
        return self.registry_uri or self.tracking_uri


@frozen
class HttpConfig:
    """How to talk to servers."""

    timeout_seconds: float = field(default=120.0, validator=validators.gt(0))
    retries: int = field(default=5, validator=validators.ge(0))
    backoff_seconds: float = field(default=1.0, validator=validators.ge(0))
    """How long to wait before the first of the retries; it doubles from one to the next."""
    headers: dict[str, str] = field(factory=dict)
    """Sent with every request to the server of the tracking or registry URI."""
    credentials_allow: list[str] = field(factory=list)
    """Servers that get the credentials and headers too, as https://HOST:PORT, if a location or a
    source names them."""
    artifact_allow: list[str] = field(factory=list)
    """Servers that artifact locations and sources of models may name, with or without a port."""
    verify: bool = True
    """Whether certificates have to be valid."""
    ca_file: str = ""
    """The certificates to trust, where the system's do not do."""
    client_certificate: str = ""


@frozen
class Config:
    """The whole configuration: its tables, and where their values come from."""

    pegboard: PegboardConfig = field(factory=PegboardConfig)
    http: HttpConfig = field(factory=HttpConfig)
    plugins: dict[str, dict[str, Any]] = field(factory=dict)
    """The table of each plugin that has one; the host checks them."""
    file: Path | None = None
    origins: dict[str, str] = field(factory=dict)
    """By key, as in ``pegboard.tracking_uri``: the file or environment variable it is from."""


_FORMER = {
    ("tracking", "uri"): "tracking_uri",
    ("registry", "uri"): "registry_uri",
    ("host", "plugins"): "plugins",
    ("host", "disabled"): "disabled",
    ("host", "providers"): "providers",
}
"""Where else a file may have what ``[pegboard]`` holds, by table and key: earlier spellings."""

_TABLES = ("http", "pegboard", "registry", "tracking")
"""Those that need no plugin."""

ENVIRONMENT = {
    "PEGBOARD_TRACKING_URI": "tracking_uri",
    "MLFLOW_TRACKING_URI": "tracking_uri",
    "PEGBOARD_REGISTRY_URI": "registry_uri",
    "MLFLOW_REGISTRY_URI": "registry_uri",
}
"""Environment variables that override the file; of two for one value, the first wins."""


def load(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Config:
    """Read the configuration. ConfigError names the file and the key at fault."""
    environ = os.environ if environ is None else environ
    file = find_file(environ, directory or Path.cwd())
    config = Config() if file is None else read_file(file)
    if file is not None:
        beside, given = file.absolute().parent, config.pegboard
        uri = uris.anchored(given.tracking_uri, beside)
        registry = given.registry_uri and uris.anchored(given.registry_uri, beside)
        given = evolve(given, tracking_uri=uri, registry_uri=registry)
        config = evolve(config, pegboard=given)
    for variable, key in reversed(ENVIRONMENT.items()):
        if value := environ.get(variable):
            config = with_value(config, key, value, variable)
    return config


def with_value(config: Config, key: str, value: Any, origin: str) -> Config:
    """Return a configuration with another value of ``[pegboard]``, and where that is from."""
    return evolve(
        config,
        pegboard=evolve(config.pegboard, **{key: value}),
        origins={**config.origins, f"pegboard.{key}": origin},
    )


def find_file(environ: Mapping[str, str], directory: Path) -> Path | None:
    """Return the configuration file that applies in a directory, or None."""
    if named := environ.get("PEGBOARD_CONFIG"):
        if not Path(named).is_file():
            raise ConfigError(f"PEGBOARD_CONFIG names {named!r}, which is not a file.")
        return Path(named)
    for place in (directory, *directory.parents):
        file = place / FILE_NAME
        if file.is_file():
            if not (why := config_trust.distrust(file, environ)):
                return file
            config_trust.tell(file, why)
    file = user_file(environ)
    return file if file.is_file() else None


def user_file(environ: Mapping[str, str]) -> Path:
    """Return where the configuration file of a user is, if there is one."""
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config"
    return Path(base) / "pegboard" / "config.toml"


def read_file(file: Path) -> Config:
    """Read one TOML file. Relative store paths in it are relative to the file's directory."""
    import tomllib

    try:
        with file.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"Cannot read {file}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    return _structure(content, file)


def nearest_table(name: str, plugins: Iterable[str]) -> str:
    """Say which table a name may have been meant for; "" if none is like it."""
    import difflib

    known = [*plugins, *_TABLES]
    return "".join(f"Did you mean [{near}]? " for near in difflib.get_close_matches(name, known, 1))


def nearest_key(table: str, key: str) -> str:
    """Say which key of ``[pegboard]`` may have been meant in the table of a plugin."""
    import difflib

    known = {name: now for (section, name), now in _FORMER.items() if section == table}
    near = difflib.get_close_matches(key, known, 1)
    return "".join(f"Did you mean {known[name]} in [pegboard]?" for name in near)


def _structure(content: dict[str, Any], file: Path) -> Config:
    tables = {name: _table(table, name, file) for name, table in content.items()}
    general = _general(tables, file)
    http = tables.pop("http", {})
    keys = [*(f"pegboard.{key}" for key in general), *(f"http.{key}" for key in http)]
    return Config(
        pegboard=settings.structure(PegboardConfig, general, f"{file}: [pegboard]"),
        http=settings.structure(HttpConfig, http, f"{file}: [http]"),
        plugins=_tables_of_plugins(tables, file),
        file=file,
        origins=dict.fromkeys(keys, str(file)),
    )


def _general(tables: dict[str, dict[str, Any]], file: Path) -> dict[str, Any]:
    """Take out what ``[pegboard]`` holds, in earlier spellings too."""
    general = tables.pop("pegboard", {})
    for (section, name), key in _FORMER.items():
        table = tables.get(section, {})
        if name in table:
            if key in general:
                raise ConfigError(f"{file}: [pegboard] {key} and [{section}] {name} are the same.")
            general = {**general, key: table.pop(name)}
    if not tables.get("host"):
        tables.pop("host", None)
    return general


def _table(value: Any, name: str, file: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{file}: {name}: expected a table, as in [{name}].")
    return value


def _tables_of_plugins(tables: dict[str, dict[str, Any]], file: Path) -> dict[str, dict[str, Any]]:
    """Return the table of each plugin, which is ``[plugins.NAME]`` or, in short, ``[NAME]``."""
    named = tables.pop("plugins", {})
    found = {name: _table(table, f"plugins.{name}", file) for name, table in named.items()}
    for name, table in tables.items():
        other = found.get(name, {})
        if twice := sorted(set(table) & set(other)):
            raise ConfigError(
                f"{file}: [{name}] {twice[0]} and [plugins.{name}] {twice[0]} are the same: "
                "leave one out."
            )
        if table or name not in ("tracking", "registry"):
            found[name] = {**other, **table}
    return found
