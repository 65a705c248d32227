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
    frame.to_parquet(file, engine="pyarrow")
