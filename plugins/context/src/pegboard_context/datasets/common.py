"""What the kinds of datasets share: their sources, their checks and their form."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pegboard.entities import Dataset
from pegboard.errors import InvalidValue
from pegboard.validation import MAX_DATASET_SCHEMA

from pegboard_context.git import strip_credentials

DEFAULT_NAME = "dataset"
SAMPLED_ROWS = 10_000
"""How many rows, from the first, a digest looks at; as in MLflow."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")


def dataset(
    *,
    name: str | None,
    digest: str,
    source: tuple[str, Mapping[str, Any]],
    schema: Mapping[str, Any] | None,
    profile: Mapping[str, Any],
) -> Dataset:
    """Return a description; a schema that is too long to be kept is left out."""
    source_type, content = source
    text = None if schema is None else json.dumps(schema, default=str)
    return Dataset(
        name=name or DEFAULT_NAME,
        digest=digest,
        source_type=source_type,
        source=json.dumps(content),
        schema=None if text is None or len(text) > MAX_DATASET_SCHEMA else text,
        profile=json.dumps(profile),
    )


def source_of(source: str | os.PathLike[str] | None) -> tuple[str, dict[str, Any]]:
    """Return type and content of a source: a URL, a path, or None for the code that runs."""
    if source is None:
        from pegboard import host

        from pegboard_context.context import run_tags

        tags = run_tags(host.current().settings("context"))
        return "code", {"tags": {k: v for k, v in tags.items() if k.startswith("mlflow.")}}
    if not isinstance(source, (str, os.PathLike)):
        raise InvalidValue(
            f"The source of a dataset is a path or a URL; got {source!r}.",
            hint="Leave it out to record the code that runs.",
        )
    text = strip_credentials(os.fspath(source))
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else "file"
    if scheme in ("http", "https"):
        return "http", {"url": text}
    return "local" if scheme == "file" else scheme, {"uri": text}


def check_column(role: str, column: Any, columns: Iterable[Any]) -> None:
    """Raise InvalidValue if ``column`` is given but is not one of ``columns``."""
    known = list(columns)
    if column is not None and column not in known:
        shown = ", ".join(map(repr, known[:20])) + (", …" if len(known) > 20 else "")
        raise InvalidValue(
            f"The {role} column {column!r} is not in the data.",
            hint=f"Its columns are: {shown or 'none'}.",
        )


def md5_digest(parts: Iterable[Any]) -> str:
    """Return the first 8 hex digits of the MD5 of parts that are bytes or hold them."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:8]
