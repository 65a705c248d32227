"""Tables as files that grow row by row."""

from __future__ import annotations

import posixpath
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue
from pegboard.paths import RelativePath, text

from pegboard_scripting.client.frames import load_pandas

if TYPE_CHECKING:
    import pandas

FORBIDDEN = "\"',:[]{}"
"""Characters that the path of a table may not hold: tags list it as JSON."""


def checked_path(given: RelativePath) -> str:
    """Return a path as text if it may be that of a table; else InvalidValue."""
    path = text(given)
    bad = sorted(set(FORBIDDEN) & set(path))
    if bad:
        raise InvalidValue(f"The path {path!r} of a table holds {''.join(bad)!r}.")
    if not path.endswith((".json", ".parquet")):
        raise InvalidValue(f"The path {path!r} of a table should end in .json or .parquet.")
    return path


def to_frame(data: Any) -> pandas.DataFrame:
    """Return a table of a data frame, or of a dict of columns or of one row's values."""
    pd = load_pandas()
    if isinstance(data, pd.DataFrame):
        return data.copy(deep=False)
    if not isinstance(data, Mapping):
        raise InvalidValue(
            f"Cannot log {type(data).__name__!r} as a table.",
            hint="A dict or a pandas.DataFrame can be logged.",
        )
    try:
        return pd.DataFrame(data)
    except ValueError:
        # Values that are not lists: a single row.
        return pd.DataFrame([data])


def read(file: Path) -> pandas.DataFrame:
    """Return the table kept in a JSON or Parquet file."""
    pd = load_pandas()
    if file.suffix == ".json":
        return pd.read_json(file, orient="split")
    return pd.read_parquet(file)


def write(frame: pandas.DataFrame, file: Path) -> None:
    """Keep a table in a JSON or Parquet file."""
    if file.suffix == ".json":
        frame.to_json(file, orient="split", index=False, date_format="iso")
    else:
        frame.to_parquet(file, index=False)


def replace_images(
    frame: pandas.DataFrame, table: str, keep: Callable[[Any, str, str], None]
) -> None:
    """Put descriptions of files in place of the images in a table's columns.

    ``keep`` stores an image, given the paths for it and its thumbnail.
    """

    def described(image: Any) -> dict[str, str]:
        base = posixpath.join("table_images", posixpath.splitext(table)[0], str(uuid.uuid4()))
        keep(image, f"{base}.png", f"{base}.webp")
        return {
            "type": "image",
            "filepath": f"{base}.png",
            "compressed_filepath": f"{base}.webp",
        }

    for column in [name for name, kind in frame.dtypes.items() if kind.kind == "O"]:
        images = frame[column].map(_is_image)
        if images.all() and len(images):
            frame[column] = frame[column].map(described)
        elif images.any():
            raise InvalidValue(
                f"The column {column!r} holds images and other values.",
                hint="Put images in a column of their own.",
            )


def add_columns(frame: pandas.DataFrame, values: Mapping[str, Any]) -> None:
    """Add columns of one value each; a name that is taken gets a ``_`` at its end."""
    for name, value in values.items():
        frame[f"{name}_" if name in frame else name] = value


def _is_image(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("save", "resize", "size"))
