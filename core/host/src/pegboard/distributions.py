"""Which distribution of ours offers a thing that is missing, and what to use where none does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pegboard import uris
from pegboard.errors import command_line

if TYPE_CHECKING:
    from pegboard.plugin_calls import Plugin

COMMANDS = {
    "artifacts": "pegboard-tracking",
    "demo": "pegboard-demo",
    "exec": "pegboard-server",
    "experiments": "pegboard-tracking",
    "gc": "pegboard-tracking",
    "lineage": "pegboard-registry",
    "models": "pegboard-registry",
    "registry": "pegboard-registry",
    "runs": "pegboard-tracking",
    "server": "pegboard-server",
    "sync": "pegboard-tracking",
}
"""By sub-command of ``pegboard``."""

API_NAMES = {
    "autolog": "pegboard-models",
    "lightgbm": "pegboard-lightgbm",
    "models": "pegboard-models",
    "onnx": "pegboard-onnx",
    "pyfunc": "pegboard-models",
    "pytorch": "pegboard-pytorch",
    "sklearn": "pegboard-sklearn",
    "transformers": "pegboard-transformers",
    "types": "pegboard-models",
    "xgboost": "pegboard-xgboost",
}
"""By name in the package ``pegboard``."""

_STORES = {"model registry": "pegboard-registry"}
"""By kind of store, for the schemes of ours; of all other kinds it is ``pegboard-tracking``."""

_EVERYWHERE = frozenset({"memory", "file", "http", "https", uris.PLAIN_PATH})
_SCHEMES = {
    "artifact store": _EVERYWHERE | {uris.PROXIED},
    "model registry": _EVERYWHERE | {"sqlite"},
    "tracking store": _EVERYWHERE | {"sqlite"},
}
"""By kind of store, the schemes that distributions of ours handle."""

_REFERENCES = {"artifact store": ("runs", "models")}
"""Schemes that name files of a run or a model, which are found before a store is opened."""

_DATABASES = {
    "mariadb": "MariaDB",
    "mssql": "SQL Server",
    "mysql": "MySQL",
    "oracle": "Oracle",
    "postgres": "PostgreSQL",
    "postgresql": "PostgreSQL",
}
_CLOUDS = {
    "abfss": "Azure",
    "dbfs": "Databricks",
    "databricks": "Databricks",
    "databricks-uc": "Databricks",
    "gs": "Google Cloud Storage",
    "hdfs": "HDFS",
    "r2": "Cloudflare R2",
    "s3": "Amazon S3",
    "sftp": "SFTP",
    "ftp": "FTP",
    "wasbs": "Azure",
}


def install(distribution: str) -> str:
    """Say how to get a distribution."""
    return f"It comes with {distribution}: {command_line('pip', 'install', distribution)}"


def out_of_use(plugins: Iterable[Plugin]) -> str:
    """Say which plugins are installed but not in use; "" if all are."""
    known = list(plugins)
    broken = sorted(plugin.name for plugin in known if plugin.error)
    disabled = sorted(plugin.name for plugin in known if plugin.disabled)
    said = f" Failed to load: {', '.join(broken)} (see 'pegboard plugins')." if broken else ""
    if disabled:
        said += f" Disabled in the configuration: {', '.join(disabled)}."
    return said


def for_scheme(kind: str, scheme: str, known: Iterable[str]) -> str:
    """Say what to use in place of a scheme that no plugin opens as a store of a kind."""
    import difflib

    ours = _SCHEMES[kind]
    offered = sorted(set(known) - {uris.PLAIN_PATH})
    hint = f"Schemes that can be opened: {', '.join(f'{name}:' for name in offered) or 'none'}."
    if scheme in ours:
        wanted = _STORES.get(kind, "pegboard-tracking")
        return f"{hint} Try: {command_line('pip', 'install', wanted)}"
    usual = {*offered, *ours, *_REFERENCES.get(kind, ())} - {uris.PLAIN_PATH}
    if near := difflib.get_close_matches(scheme, sorted(usual), n=2, cutoff=0.7):
        return f"Did you mean {' or '.join(f'{name}:' for name in near)}? {hint}"
    base = scheme.partition("+")[0]
    if name := _name_of(base):
        return f"There is no store for {name}. {_instead(kind)} {hint}"
    return hint


def _name_of(scheme: str) -> str | None:
    tables: tuple[Mapping[str, str], ...] = (_DATABASES, _CLOUDS)
    return next((table[scheme] for table in tables if scheme in table), None)


def _instead(kind: str) -> str:
    if kind == "artifact store":
        return "Files go to a directory (file:///data) or through a server of pegboard."
    return (
        "Use a SQLite file (sqlite:runs.db); several machines share one through a server "
        "('pegboard server'), with http://HOST:PORT as their URI."
    )
