"""Hugging Face datasets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pegboard.errors import InvalidValue

from pegboard_context.datasets import common, pandas

if TYPE_CHECKING:
    from pegboard.entities import Dataset

_SAMPLED_BYTES = 256 << 20
"""How much data a digest looks at; rows may hold images."""


def describe(
    ds: Any,
    *,
    name: str | None = None,
    source: str | os.PathLike[str] | None = None,
    targets: str | None = None,
    digest: str | None = None,
    path: str | None = None,
    data_dir: str | None = None,
    data_files: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
    revision: str | None = None,
    trust_remote_code: bool | None = None,
) -> Dataset:
    """Describe a ``datasets.Dataset``; ``targets`` names a column of it.

    ``path``, ``data_dir``, ``data_files`` and ``revision`` are what ``load_dataset`` was given:
    they make the source, unless ``source`` is given. ``trust_remote_code`` is not recorded.
    """
    del trust_remote_code
    if not hasattr(ds, "to_pandas") or isinstance(ds, dict) or not hasattr(ds, "num_rows"):
        raise InvalidValue(
            f"A {type(ds).__name__} cannot be described as a whole.",
            hint="Log one split that is loaded, such as ds['train'].",
        )
    common.check_column("targets", targets, ds.column_names)
    if source is None and path is not None:
        origin: tuple[str, dict[str, Any]] = (
            "hugging_face",
            {
                "path": path,
                "config_name": ds.config_name,
                "data_dir": data_dir,
                "data_files": data_files,
                "split": str(ds.split),
                "revision": str(revision) if revision is not None else None,
            },
        )
    else:
        origin = common.source_of(source)
    head = _head(ds)
    return common.dataset(
        name=name,
        digest=digest or pandas.compute_digest(head),
        source=origin,
        schema=pandas.schema(head),
        profile={
            "num_rows": ds.num_rows,
            "dataset_size": ds.dataset_size,
            "size_in_bytes": ds.size_in_bytes,
        },
    )


def _head(ds: Any) -> Any:
    """Return the first 10,000 rows, as MLflow looks at, or fewer if they are very large."""
    row_bytes = ds.data.nbytes / max(len(ds.data), 1)
    rows = min(common.SAMPLED_ROWS, max(1, int(_SAMPLED_BYTES / max(row_bytes, 1))))
    if ds.num_rows <= rows:
        return ds.to_pandas()
    return next(iter(ds.to_pandas(batch_size=rows, batched=True)))
