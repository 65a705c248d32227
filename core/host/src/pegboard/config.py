"""The configuration: one TOML file, overridden by environment variables.

The file is the first of these that exists: the path in ``PEGBOARD_CONFIG``; ``pegboard.toml`` in
the working directory or the nearest directory above it; ``pegboard/config.toml`` in the user's
configuration directory. Without one, the defaults hold. A ``pegboard.toml`` that another user may
have written is passed over (``pegboard.config_trust``), unless ``PEGBOARD_CONFIG`` names it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, fields, frozen

from pegboard import config_trust, uris
from pegboard.errors import ConfigError

FILE_NAME = "pegboard.toml"
DEFAULT_TRACKING_URI = "sqlite:pegruns/pegboard.db"


@frozen
class TrackingConfig:
    """Where runs go."""

    uri: str = DEFAULT_TRACKING_URI


@frozen
class RegistryConfig:
    """Where registered models are kept, and what promoting them requires."""

    uri: str = ""
    """Without one: where runs go."""
    stages: list[str] = field(factory=lambda: ["None", "Staging", "Production", "Archived"])
    """The stages there are; the first is that of a new version."""
    gates: dict[str, list[str]] = field(factory=dict)
    """For an alias or a stage, or "*" for all: the names of the gates that must pass."""


@frozen
class HostConfig:
    """Which of the installed plugins to leave out, by entry-point name."""

    disabled: list[str] = field(factory=list)


@frozen
class Config:
    """The whole configuration. ``plugins`` holds one table per plugin, checked by the host."""

    tracking: TrackingConfig = field(factory=TrackingConfig)
    registry: RegistryConfig = field(factory=RegistryConfig)
    host: HostConfig = field(factory=HostConfig)
    plugins: dict[str, dict[str, Any]] = field(factory=dict)
    file: Path | None = None
    """Where it was read from."""
    origins: dict[str, str] = field(factory=dict)
    """For each value that is not a default, dotted: the file or environment variable it is from."""


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


def _structure(content: dict[str, Any], file: Path) -> Config:
    import cattrs
    from cattrs.gen import make_dict_structure_fn

    converter = cattrs.Converter(forbid_extra_keys=True)

    def text(value: Any, _: type) -> str:
        if not isinstance(value, str):
            raise TypeError(f"expected text in quotes, got {value!r}")
        return value

    def table(value: Any, _: type) -> dict[str, dict[str, Any]]:
        if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
            raise TypeError("expected one table per plugin, as in [plugins.NAME]")
        return value

    def names(value: Any, _: type) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise TypeError(f"expected a list of names, got {value!r}")
        return value

    def lists(value: Any, _: type) -> dict[str, list[str]]:
        if not isinstance(value, dict):
            raise TypeError(f"expected a table of lists of names, got {value!r}")
        return {key: names(listed, list) for key, listed in value.items()}

    converter.register_structure_hook(str, text)
    # Generic types cannot be looked up by class; a function has to recognise them.
    converter.register_structure_hook_func(lambda kind: kind == dict[str, dict[str, Any]], table)
    converter.register_structure_hook_func(lambda kind: kind == dict[str, list[str]], lists)
    converter.register_structure_hook_func(lambda kind: kind == list[str], names)
    converter.register_structure_hook(
        Config,
        make_dict_structure_fn(
            Config,
            converter,
            _cattrs_forbid_extra_keys=True,
            file=cattrs.override(omit=True),
            origins=cattrs.override(omit=True),
        ),
    )
    try:
        config = converter.structure(content, Config)
    except cattrs.BaseValidationError as error:
        faults = cattrs.transform_error(error, path="", format_exception=_explain)
        known = ", ".join(_known_keys())
        raise ConfigError(
            f"{file}: " + "; ".join(_in_front(fault) for fault in faults),
            hint=f"Known keys: {known}, and the tables [plugins.NAME].",
        ) from None
    origins = {
        f"{section}.{key}": str(file) for section, values in content.items() for key in values
    }
    return evolve(config, file=file, origins=origins)


_SECTIONS = {"tracking": TrackingConfig, "registry": RegistryConfig, "host": HostConfig}


def _known_keys() -> list[str]:
    return [
        f"{section}.{key}" for section, kind in _SECTIONS.items() for key in kind.__annotations__
    ]


def _in_front(fault: str) -> str:
    """Return cattrs' ``what @ .where`` the other way round."""
    what, _, where = fault.rpartition(" @ ")
    return f"{where.lstrip('.')}: {what}" if where else what


def _explain(error: BaseException, _: type | None) -> str:
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(error, ForbiddenExtraKeysError):
        return ", ".join(_unknown(name, error.cl) for name in sorted(error.extra_fields))
    if not str(error).startswith("expected"):
        # Not of the functions above: cattrs met something else than a table.
        return "expected a table, as in [tracking]"
    return str(error)


def _unknown(name: str, section: type) -> str:
    import difflib

    known = [each.name for each in fields(section) if each.name not in ("file", "origins")]
    near = difflib.get_close_matches(name, known, n=1)
    return f"unknown key {name!r}" + (f" (did you mean {near[0]!r}?)" if near else "")
