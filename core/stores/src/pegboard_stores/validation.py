"""What stores check of what they receive: names, keys, values and their limits, MLflow's.

Limits and checks that others need too come from ``pegboard.validation``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pegboard.entities import DatasetInput, Metric, Param
from pegboard.errors import InvalidValue, quoted
from pegboard.validation import MAX_DATASET_SCHEMA, MAX_KEY, MAX_PARAM_VALUE, type_of
from pegboard.validation import key as key
from pegboard.validation import tag as tag
from pegboard.validation import text as text

from pegboard_stores import characters

MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG_VALUE = 20_000
MAX_DATASET_NAME = 500
MAX_DATASET_DIGEST = 36
MAX_DATASET_SOURCE = 65_535
MAX_DATASET_PROFILE = 16_777_215
MAX_MODEL_NAME = 500
MAX_MODEL_TYPE = 500
MAX_MODEL_TEXT = 65_535
MAX_INPUT_TAG_KEY = 255
MAX_REGISTERED_NAME = 256
MAX_ALIAS = 255
MAX_REGISTRY_TEXT = 100_000
MAX_SOURCE = 4096
MAX_INPUT_TAG_VALUE = 500
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_ALIAS = re.compile(r"[\w\-]+")
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)
_RUN_ID = re.compile(r"[A-Za-z0-9][\w\-]{0,255}")


def metric(point: Metric) -> Metric:
    """Return a metric point with a value and step that can be stored."""
    name = key(point.key, "metric")
    if (point.dataset_name is None) != (point.dataset_digest is None):
        raise InvalidValue(f"The metric {name!r} names a dataset without its digest or name.")
    return Metric(
        name,
        number(name, point.value),
        integer(name, point.timestamp, "timestamp"),
        integer(name, point.step, "step"),
        point.model_id,
        point.dataset_name,
        point.dataset_digest,
    )


def number(name: str, value: Any) -> float:
    """Return a metric value as a float.

    Numbers of any library pass, arrays and tensors of one element, and numbers as text (``"0.5"``),
    which MLflow takes too.
    """
    if isinstance(value, float):
        return float(value)
    try:
        if not isinstance(value, (bytes, bytearray)):
            # For an array with dimensions, item() returns the one element in every library.
            return float(value.item() if getattr(value, "shape", ()) else value)
    except (TypeError, ValueError, OverflowError, RuntimeError, AttributeError):
        pass
    raise InvalidValue(
        f"The metric {name!r} has the value {quoted(value)}, {type_of(value)}, not a number."
    )


def integer(name: str, value: Any, what: str) -> int:
    """Return a step or timestamp as a 64-bit integer."""
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        whole = INT64_MAX + 1
    if isinstance(value, str) or not INT64_MIN <= whole <= INT64_MAX:
        raise InvalidValue(
            f"The metric {name!r} has the {what} {quoted(value)}, which is not a 64-bit integer."
        )
    return whole


def param(item: Param) -> Param:
    """Return a param whose value is text within the limit."""
    return Param(key(item.key, "param"), text(item.value, f"param {item.key!r}", MAX_PARAM_VALUE))


def experiment_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Return an experiment's tags as text within the limits."""
    return {
        key(name, "experiment tag"): text(value, f"tag {name!r}", MAX_EXPERIMENT_TAG_VALUE)
        for name, value in tags.items()
    }


def experiment_name(name: Any) -> str:
    """Return ``name`` if it may name an experiment."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidValue(f"An experiment needs a name that is not empty; got {quoted(name)}.")
    if len(name) > MAX_EXPERIMENT_NAME:
        raise InvalidValue(
            f"The experiment name {quoted(name)} has {len(name)} characters; "
            f"{MAX_EXPERIMENT_NAME} are allowed."
        ).about("long_text", field="name", limit=MAX_EXPERIMENT_NAME)
    _refuse_unseen(name, "experiment name")
    return name


def artifact_location(place: Any) -> str:
    """Return ``place`` if it may be where the files of an experiment lie."""
    if not isinstance(place, str) or not place:
        raise InvalidValue(f"An artifact location is a URI or a path; got {quoted(place)}.")
    _refuse_unseen(place, "artifact location")
    return place


def _refuse_unseen(text: str, what: str) -> None:
    """Raise InvalidValue if a name or a place could be taken for another."""
    if fault := characters.fault(text):
        raise InvalidValue(
            f"The {what} {quoted(text)} {fault}.",
            hint="Use characters that are seen, and '/' as it is.",
        )


def model_name(name: Any) -> str:
    """Return ``name`` if it may name a logged model: part of a URI, so no ``/ : . % " '``."""
    bad = "".join(sorted({*str(name)} & {*"/:.%\"'\0"}))
    if not isinstance(name, str) or not name or bad:
        raise InvalidValue(
            f"A logged model cannot be named {quoted(name)}"
            + (f", because of {bad!r}." if bad else "."),
            hint="A name is a text that is not empty, without / : . % and quotes.",
        ).about("bad_model_name", name=name)
    if len(name) > MAX_MODEL_NAME:
        raise InvalidValue(
            f"The model name {quoted(name)} has {len(name)} characters; "
            f"{MAX_MODEL_NAME} are allowed."
        )
    _refuse_unseen(name, "model name")
    return name


def model_texts(texts: Mapping[Any, Any], what: str) -> dict[str, str]:
    """Return the params or tags of a logged model as text; ``what`` says which, for errors."""
    for name in texts:
        if not isinstance(name, str) or not name or len(name) > MAX_INPUT_TAG_KEY or "\0" in name:
            raise InvalidValue(
                f"{quoted(name)} cannot name a {what} of a logged model.",
                hint=f"A name is a text of 1 to {MAX_INPUT_TAG_KEY} characters.",
            )
    return {name: text(value, f"{what} {name!r}", MAX_MODEL_TEXT) for name, value in texts.items()}


def registered_name(name: Any, *, new: bool = False) -> str:
    """Return ``name`` if it may name a registered model: part of a URI, so no ``/`` and ``:``.

    A ``new`` one holds nothing that is not seen; those of older stores can still be used.
    """
    if not isinstance(name, str) or name.strip() in ("", ".", "..") or set(name) & {*"/:\0"}:
        raise InvalidValue(
            f"A registered model cannot be named {quoted(name)}.",
            hint="A name is a text that is not empty, without '/' and ':'.",
        ).about("bad_registered_name", name=name)
    if len(name) > MAX_REGISTERED_NAME:
        raise InvalidValue(
            f"The model name {quoted(name)} has {len(name)} characters; "
            f"{MAX_REGISTERED_NAME} are allowed."
        )
    if new:
        _refuse_unseen(name, "model name")
    return name


def alias(name: Any, *, new: bool = False) -> str:
    """Return ``name`` if it may be an alias; a ``new`` one is not what versions are called by."""
    if not isinstance(name, str) or _ALIAS.fullmatch(name) is None or len(name) > MAX_ALIAS:
        raise InvalidValue(
            f"{quoted(name)} is not an alias.",
            hint=f"An alias has 1 to {MAX_ALIAS} letters, digits, '_' and '-'.",
        ).about(
            "long_alias" if isinstance(name, str) and len(name) > MAX_ALIAS else "bad_alias",
            alias=name,
            limit=MAX_ALIAS,
        )
    if new and _RESERVED_ALIAS.fullmatch(name):
        raise InvalidValue(
            f"The alias {name!r} is reserved.",
            hint="'latest' is the newest version, and 'v3' would look like version 3.",
        ).about("latest_alias" if name.lower() == "latest" else "reserved_alias", alias=name)
    return name


def version_number(value: Any) -> int:
    """Return the version of a registered model as a number."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise InvalidValue(
            f"{quoted(value)} is not a version.", hint="A version is like '3'."
        ).about("bad_version", version=value)
    return int(text)


def registry_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a registered model or a version, as text within the limits."""
    return {
        key(name, "tag"): registry_text(value, f"value of the tag {name!r}")
        for name, value in tags.items()
    }


def registry_text(value: Any, what: str, limit: int = MAX_REGISTRY_TEXT) -> str:
    """Return ``value`` as text; one that is too long is an InvalidValue, not cut."""
    result = str(value)
    if len(result) > limit:
        raise InvalidValue(f"The {what} has {len(result)} characters; {limit} are allowed.").about(
            "long_text", field="value", limit=limit
        )
    return result


def dataset_input(item: DatasetInput) -> DatasetInput:
    """Return the use of a dataset if its texts are within the limits."""
    dataset = item.dataset
    for field, what, value, limit in (
        ("name", "name", dataset.name, MAX_DATASET_NAME),
        ("digest", "digest", dataset.digest, MAX_DATASET_DIGEST),
        ("source_type", "source type", dataset.source_type, MAX_KEY),
        ("source", "source", dataset.source, MAX_DATASET_SOURCE),
        ("schema", "schema", dataset.schema or "", MAX_DATASET_SCHEMA),
        ("profile", "profile", dataset.profile or "", MAX_DATASET_PROFILE),
        *(("key", "tag name", each.key, MAX_INPUT_TAG_KEY) for each in item.tags),
        *(("value", f"tag {each.key!r}", each.value, MAX_INPUT_TAG_VALUE) for each in item.tags),
    ):
        if not isinstance(value, str):
            raise InvalidValue(f"The {what} of a dataset is {type_of(value)}, not a string.")
        if len(value) > limit:
            raise InvalidValue(
                f"The {what} of the dataset {quoted(dataset.name)} has {len(value)} "
                f"characters; {limit} are allowed."
            ).about("long_text", field=field, limit=limit)
    return item


def run_id(value: Any) -> str:
    """Return ``value`` if it may be a run's id."""
    if not isinstance(value, str) or _RUN_ID.fullmatch(value) is None:
        raise InvalidValue(
            f"{quoted(value)} is not a run id.",
            hint="A run id has up to 256 letters, digits, '_' and '-', the first no '_' or '-'.",
        )
    return value


def page_size(value: Any, limit: int) -> int:
    """Return ``value`` if it may be the size of a page."""
    if not isinstance(value, int) or not 1 <= value <= limit:
        raise InvalidValue(f"max_results must be from 1 to {limit}; got {quoted(value)}.")
    return value


def at_most(count: int, limit: int, things: str) -> None:
    """Refuse a request that names more than ``limit`` things of a sort; InvalidValue says so."""
    if count > limit:
        raise InvalidValue(f"There are {count} {things}; {limit} are possible at once.")
