"""Descriptions of data that runs use; ``log_input`` records them.

Which kinds of data there are is up to the installed plugins. ``from_NAME(data, …)`` works for each
of them; those that MLflow has too are spelled out here, with its arguments.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen
from pegboard import host
from pegboard.entities import Dataset
from pegboard.errors import InvalidValue
from pegboard.targets import resolve

if TYPE_CHECKING:
    from pegboard.hookspecs import DatasetType

_PREFIX = "from_"

_kept: dict[int, tuple[weakref.ref[Dataset], Described]] = {}
"""What was described here, by the identity of its description, as long as that is held."""


@frozen(eq=False)
class Described:
    """Data, and what was said when it was described."""

    data: Any
    options: Mapping[str, Any]


def described_data(description: Dataset) -> Described | None:
    """Return what a description was made of; None if that was not in this process."""
    held, found = _kept.get(id(description), (None, None))
    return found if held is not None and held() is description else None


def describe(data: Any, **options: Any) -> Dataset:
    """Return the description of data of any kind that an installed plugin knows.

    A description is returned as it is. ``options`` are ``name``, ``source``, ``targets``,
    ``digest`` and what the kind of data adds; those that are None are left out.
    """
    if isinstance(data, Dataset):
        return data
    for kind in host.current().declared("dataset type").values():
        if resolve(kind.accepts)(data):
            return _described(kind, data, **_given(options))
    raise InvalidValue(
        f"No installed plugin describes {type(data).__name__!r} as a dataset.",
        hint=f"Known kinds of data: {_known()}.",
    )


def from_pandas(
    df: Any,
    source: str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> Dataset:
    """Describe a pandas.DataFrame; ``targets`` and ``predictions`` name columns."""
    return _describe_as(
        "pandas",
        df,
        source=source,
        targets=targets,
        name=name,
        digest=digest,
        predictions=predictions,
    )


def from_polars(
    df: Any,
    source: str | None = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> Dataset:
    """Describe a polars.DataFrame; ``targets`` and ``predictions`` name columns."""
    return _describe_as(
        "polars",
        df,
        source=source,
        targets=targets,
        name=name,
        digest=digest,
        predictions=predictions,
    )


def from_numpy(
    features: Any,
    source: str | None = None,
    targets: Any = None,
    name: str | None = None,
    digest: str | None = None,
) -> Dataset:
    """Describe a NumPy array, or a dict of arrays; ``targets`` is one too."""
    return _describe_as("numpy", features, source=source, targets=targets, name=name, digest=digest)


def from_huggingface(
    ds: Any,
    path: str | None = None,
    targets: str | None = None,
    data_dir: str | None = None,
    data_files: Any = None,
    revision: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    trust_remote_code: bool | None = None,
    source: str | None = None,
) -> Dataset:
    """Describe a dataset of the Hugging Face library; ``path`` and on say where it is from."""
    return _describe_as(
        "huggingface",
        ds,
        path=path,
        targets=targets,
        data_dir=data_dir,
        data_files=data_files,
        revision=revision,
        name=name,
        digest=digest,
        trust_remote_code=trust_remote_code,
        source=source,
    )


def from_file(
    path: str | os.PathLike[str],
    source: str | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> Dataset:
    """Describe a file, or a directory of files, by its content."""
    return _describe_as("file", path, source=source, name=name, digest=digest)


def __getattr__(attribute: str) -> Callable[..., Dataset]:
    """Return ``from_NAME`` for a kind of data that a plugin adds."""
    if attribute.startswith(_PREFIX):
        kind = _kinds().get(attribute.removeprefix(_PREFIX))
        if kind is not None:
            return partial(_described, kind)
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")


def _describe_as(kind_name: str, data: Any, /, **options: Any) -> Dataset:
    kind = _kinds().get(kind_name)
    if kind is None:
        raise InvalidValue(
            f"No installed plugin describes data of the kind {kind_name!r}.",
            hint=f"Known kinds of data: {_known()}.",
        )
    return _described(kind, data, **_given(options))


def _described(kind: DatasetType, data: Any, /, **options: Any) -> Dataset:
    described: Dataset = resolve(kind.describe)(data, **options)
    number = id(described)
    held = weakref.ref(described, lambda _: _kept.pop(number, None))
    _kept[number] = (held, Described(data, options))
    return described


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _kinds() -> dict[str, DatasetType]:
    return dict(host.current().declared("dataset type"))


def _known() -> str:
    return ", ".join(sorted(_kinds())) or "none"
