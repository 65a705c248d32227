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
class TrackingConfig:
    """Where runs go."""

    uri: str = DEFAULT_TRACKING_URI


@frozen
class RegistryConfig:
    """Where registered models are kept."""

    uri: str = ""
    """Without one: where runs go."""


@frozen
class HostConfig:
    """Which of the installed plugins to use, by the names of their entry points."""

    disabled: list[str] = field(factory=list)
    """All but these."""
    plugins: list[str] | None = None
    """Only these, which then have to load; None: all that are installed."""
    providers: dict[str, str] = field(factory=dict)
    """For a scheme or name that several plugins claim: the plugin that provides it."""


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
    """The whole configuration. ``plugins`` holds one table per plugin, checked by the host."""

    tracking: TrackingConfig = field(factory=TrackingConfig)
    registry: RegistryConfig = field(factory=RegistryConfig)
    host: HostConfig = field(factory=HostConfig)
    http: HttpConfig = field(factory=HttpConfig)
    plugins: dict[str, dict[str, Any]] = field(factory=dict)
    file: Path | None = None
    """Where it was read from."""
    origins: dict[str, str] = field(factory=dict)
    """For each value that is not a default, dotted: the file or environment variable it is from."""


@frozen
class _Pegboard:
    """The table ``[pegboard]``, which holds what concerns all plugins."""

    tracking_uri: str | None = None
    registry_uri: str | None = None
    plugins: list[str] | None = None
    disabled: list[str] | None = None
    providers: dict[str, str] | None = None


_PLACES = {
    "tracking_uri": ("tracking", "uri"),
    "registry_uri": ("registry", "uri"),
    "plugins": ("host", "plugins"),
    "disabled": ("host", "disabled"),
    "providers": ("host", "providers"),
}
"""Where the values of ``[pegboard]`` are kept; the file may name them so too, as in
``[tracking] uri``."""

_TABLES = ("http", "pegboard", "registry", "tracking")
"""Those that need no plugin."""

ENVIRONMENT = {
    "PEGBOARD_TRACKING_URI": ("tracking", "uri"),
    "MLFLOW_TRACKING_URI": ("tracking", "uri"),
    "PEGBOARD_REGISTRY_URI": ("registry", "uri"),
    "MLFLOW_REGISTRY_URI": ("registry", "uri"),
}
"""Environment variables that override the file; of two for one value, the first wins."""


def load(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Config:
    """Read the configuration. ConfigError names the file and the key at fault."""
    environ = os.environ if environ is None else environ
    file = find_file(environ, directory or Path.cwd())
    config = Config() if file is None else read_file(file)
    if file is not None:
        beside = file.absolute().parent
        uri = uris.anchored(config.tracking.uri, beside)
        registry = config.registry.uri and uris.anchored(config.registry.uri, beside)
        config = evolve(
            config,
            tracking=evolve(config.tracking, uri=uri),
            registry=evolve(config.registry, uri=registry),
        )
    for variable, (section, key) in reversed(ENVIRONMENT.items()):
        if value := environ.get(variable):
            part = evolve(getattr(config, section), **{key: value})
            origins = {**config.origins, f"{section}.{key}": variable}
            config = evolve(config, **{section: part, "origins": origins})
    return config


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
    base = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".config"
    user_file = Path(base) / "pegboard" / "config.toml"
    return user_file if user_file.is_file() else None


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
    """Say which key of the core, in a table that it shares with a plugin, may have been meant."""
    import difflib

    known = [name for section, name in _PLACES.values() if section == table]
    near = difflib.get_close_matches(key, known, 1)
    return "".join(f"Did you mean {name}, as in [{table}] {name}?" for name in near)


def _structure(content: dict[str, Any], file: Path) -> Config:
    tables = {name: _table(table, name, file) for name, table in content.items()}
    general, spelled = _general(tables, file)
    try:
        given = settings.structure(_Pegboard, general, f"{file}: [pegboard]")
    except ConfigError as error:
        message = error.message
        for key, words in spelled.items():
            message = message.replace(f"[pegboard] {key}", words)
        raise ConfigError(message, hint=error.hint) from None
    parts: dict[str, dict[str, Any]] = {}
    for key, (section, name) in _PLACES.items():
        if (value := getattr(given, key)) is not None:
            parts.setdefault(section, {})[name] = value
    http = tables.pop("http", {})
    origins = {f"{section}.{key}": str(file) for section, part in parts.items() for key in part}
    origins |= {f"http.{key}": str(file) for key in http}
    return Config(
        tracking=TrackingConfig(**parts.get("tracking", {})),
        registry=RegistryConfig(**parts.get("registry", {})),
        host=HostConfig(**parts.get("host", {})),
        http=settings.structure(HttpConfig, http, f"{file}: [http]"),
        plugins=_tables_of_plugins(tables, file),
        file=file,
        origins=origins,
    )


def _general(
    tables: dict[str, dict[str, Any]], file: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Take out what ``[pegboard]`` holds, and how the file spells what it names otherwise."""
    general, spelled = tables.pop("pegboard", {}), {}
    for key, (section, name) in _PLACES.items():
        table = tables.get(section, {})
        if name in table:
            if key in general:
                raise ConfigError(f"{file}: [pegboard] {key} and [{section}] {name} are the same.")
            spelled[key] = f"[{section}] {name}"
            general = {**general, key: table.pop(name)}
    if not tables.get("host"):
        tables.pop("host", None)
    return general, spelled


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
