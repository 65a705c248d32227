"""Tables of steps in Parquet files, read and written in pieces where that saves memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pegboard.errors import PluginError


def arrow() -> Any:
    """Return pyarrow; PluginError says what to install if it is not there."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise PluginError(
            "The steps of a recipe keep tables in Parquet files, which needs pyarrow.",
            hint="Install it: pip install pyarrow",
        ) from error
    return pyarrow


def read(file: Path) -> Any:
    """Return the table of a file as a DataFrame."""
    arrow()
    import pandas as pd

    return pd.read_parquet(file, engine="pyarrow")


def write(frame: Any, file: Path) -> None:
    """Write a DataFrame into a file."""
    arrow()
    plain = [str(name) for name, kind in frame.dtypes.items() if not _is_float(kind)]
    frame.to_parquet(file, engine="pyarrow", use_dictionary=plain)


def _is_float(kind: Any) -> bool:
    return getattr(kind, "kind", "") == "f"


def writer(file: Path, schema: Any) -> Any:
    """Return what writes tables of a schema of pyarrow into a file, piece by piece."""
    found = arrow()
    plain = [each.name for each in schema if not found.types.is_floating(each.type)]
    # A dictionary of numbers that hardly repeat takes five times as long, and no less room.
    return found.parquet.ParquetWriter(file, schema, use_dictionary=plain)
