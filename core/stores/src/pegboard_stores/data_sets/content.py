"""What records of data sets are made of: the checks, the merging, the digests, the schema."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen
from pegboard.errors import InvalidValue, NotFound, quoted
from pegboard.tags import USER

from pegboard_stores import characters
from pegboard_stores.data_sets.contract import RecordSource

SOURCE_TYPES = ("UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE")
MAX_NAME = 500
MAX_TAG_KEY, MAX_TAG_VALUE = 255, 5000
MAX_DEPTH = 64
"""How deep the values of a record may be nested."""
MAX_FIELDS = 1000
"""How many fields a schema tells of each part of records; further ones are not told."""

_encoder = json.JSONEncoder(sort_keys=True)
_ELEMENT_BYTES = 256
_MODULUS = 1 << (8 * _ELEMENT_BYTES)
_DIGEST_DIGITS = 32
_TYPES = {bool: "boolean", int: "integer", float: "float", str: "string", list: "array"}


@frozen
class Content:
    """What a record says, without its id and times: two of the same content are the same data."""

    inputs: Mapping[str, Any]
    outputs: Any = None
    expectations: Mapping[str, Any] | None = None
    tags: Mapping[str, Any] = field(factory=dict)
    source: RecordSource | None = None

    @cached_property
    def digest(self) -> bytes:
        """32 bytes that differ if anything differs but the order of names, and who said it."""
        tags = {key: value for key, value in self.tags.items() if key != USER}
        source = self.source and [self.source.source_type, dict(self.source.source_data)]
        parts = [self.inputs, self.outputs, self.expectations, tags, source]
        return hashlib.sha256(_canonical(parts)).digest()


@frozen
class Given:
    """A record to be merged, checked: the key is that of its inputs."""

    key: bytes
    content: Content
    has_outputs: bool
    """Whether outputs were given, though they may be None."""

    @property
    def user(self) -> str | None:
        """Who merges it."""
        found = self.content.tags.get(USER)
        return None if found is None else str(found)

    def merged(self, known: Content | None) -> Content:
        """Return the content of a record after this one was merged with what it was."""
        new = self.content
        if known is None:
            return new
        return evolve(
            known,
            outputs=new.outputs if self.has_outputs else known.outputs,
            expectations=_joined(known.expectations, new.expectations),
            tags={**known.tags, **new.tags},
        )


def _joined(
    known: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    return {**(known or {}), **new} if new else known


def given(records: Sequence[Mapping[str, Any]]) -> list[Given]:
    """Return records to be merged; InvalidValue names the first that is wrong."""
    return [_given(record, number) for number, record in enumerate(records)]


def _given(record: Mapping[str, Any], number: int) -> Given:
    if not isinstance(record, Mapping):
        raise InvalidValue(f"The record {number} is {quoted(record)}, not an object.")
    if record.get("inputs") is None:
        raise InvalidValue(
            f"The record {number} has no 'inputs'.", hint="They are an object: {'question': …}."
        )
    parts = {
        name: _object(record.get(name), name, number) for name in ("inputs", "expectations", "tags")
    }
    content = Content(
        parts["inputs"] or {},
        record.get("outputs"),
        parts["expectations"],
        parts["tags"] or {},
        _source(record.get("source"), number),
    )
    if is_deep([content.inputs, content.outputs, content.expectations, content.tags]):
        raise InvalidValue(f"The record {number} is nested more than {MAX_DEPTH} levels deep.")
    try:
        key = input_key(content.inputs)
        _ = content.digest
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"The record {number} cannot be written as JSON: {error}.") from None
    return Given(key, content, "outputs" in record)


def is_deep(parts: Sequence[Any]) -> bool:
    """Whether one of these values is nested deeper than a record may be."""
    level: list[Any] = list(parts)
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, tuple, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _object(value: Any, name: str, number: int) -> Mapping[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidValue(
            f"The {name} of the record {number} are {quoted(value)}, not an object with names."
        )
    return value


def _source(value: Any, number: int) -> RecordSource | None:
    if not value:
        return None
    if isinstance(value, RecordSource):
        value = {"source_type": value.source_type, "source_data": value.source_data}
    kind = value.get("source_type") if isinstance(value, Mapping) else None
    data = value.get("source_data") or {} if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind.upper() not in SOURCE_TYPES:
        raise InvalidValue(
            f"The source of the record {number} has the type {quoted(kind)}.",
            hint=f"Types of sources are: {', '.join(SOURCE_TYPES)}.",
        ).about("bad_source_type", source_type=str(kind).upper())
    if not isinstance(data, Mapping):
        raise InvalidValue(f"The source_data of the record {number} is not an object.")
    return RecordSource(kind.upper(), dict(data))


def input_key(inputs: Mapping[str, Any]) -> bytes:
    """Return what records of the same inputs have in common: 32 bytes."""
    return hashlib.sha256(_canonical(inputs)).digest()


def _canonical(value: Any) -> bytes:
    return _encoder.encode(value).encode()


# -- digests of all records ------------------------------------------------------------------------


def element(digest: bytes) -> int:
    """Return what a record adds to the sum of a data set, by the digest of its content.

    A sum of numbers this long tells sets of records apart as a hash of all of them would, and
    changes with a record without the others being read.
    Source: Bellare and Micciancio, "A New Paradigm for Collision-Free Hashing" (1997), AdHASH.
    """
    return int.from_bytes(hashlib.shake_256(digest).digest(_ELEMENT_BYTES), "big")


def total(value: int, *, plus: int = 0, minus: int = 0) -> int:
    """Return a sum after a record was added or removed."""
    return (value + plus - minus) % _MODULUS


def packed(value: int) -> bytes:
    """Return a sum as bytes."""
    return value.to_bytes(_ELEMENT_BYTES, "big")


def set_digest(value: int) -> str:
    """Return the digest of the records whose sum this is: 32 hexadecimal digits."""
    return hashlib.sha256(packed(value)).hexdigest()[:_DIGEST_DIGITS]


# -- schemas ---------------------------------------------------------------------------------------


def grown_schema(known: str | None, records: Iterable[Given]) -> str | None:
    """Return a schema, in MLflow's form, that tells the fields of further records too."""
    schema: dict[str, Any] = (
        json.loads(known)
        if known
        else {"inputs": {}, "outputs": {}, "expectations": {}, "version": "1.0"}
    )
    some = False
    for record in records:
        some = True
        outputs = record.content.outputs
        _tell(schema["inputs"], record.content.inputs)
        _tell(schema["expectations"], record.content.expectations or {})
        if isinstance(outputs, Mapping):
            _tell(schema["outputs"], outputs)
        elif outputs is not None:
            schema["outputs"] = schema["outputs"] or _type(outputs)
    return json.dumps(schema) if some or known else None


def _tell(fields: Any, values: Mapping[str, Any]) -> None:
    # The outputs may be a type instead, if they were a single value before.
    if isinstance(fields, dict):
        for name, value in values.items():
            if name not in fields and len(fields) < MAX_FIELDS:
                fields[name] = _type(value)


def _type(value: Any) -> str:
    if value is None:
        return "null"
    return "object" if isinstance(value, Mapping) else _TYPES.get(type(value), "unknown")


def profile(records: int) -> str | None:
    """Return the profile of so many records, in MLflow's form."""
    return json.dumps({"num_records": records}) if records else None


# -- names and tags --------------------------------------------------------------------------------


def name(value: Any) -> str:
    """Return ``value`` if it may name a data set."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue(f"A data set needs a name that is not empty; got {quoted(value)}.")
    if fault := characters.fault(value):
        raise InvalidValue(f"The name of a data set {quoted(value)} {fault}.")
    if len(value) > MAX_NAME:
        raise InvalidValue(
            f"The name {quoted(value)} has {len(value)} characters; {MAX_NAME} are allowed."
        ).about("long_text", field="name", limit=MAX_NAME)
    return value


def tags(given: Mapping[str, Any]) -> dict[str, str]:
    """Return tags as text; those that are None are left out."""
    for key, value in given.items():
        # A name is a part of paths, where dots alone get lost.
        if not isinstance(key, str) or len(key) > MAX_TAG_KEY or "\0" in key or not key.strip("."):
            raise InvalidValue(
                f"{quoted(key)} cannot name a tag of a data set.",
                hint=f"A name is a text of 1 to {MAX_TAG_KEY} characters, not of dots alone.",
            )
        if len(str(value)) > MAX_TAG_VALUE:
            raise InvalidValue(
                f"The value of the tag {key!r} has {len(str(value))} characters; "
                f"{MAX_TAG_VALUE} are allowed."
            ).about("long_text", field="value", limit=MAX_TAG_VALUE)
    return {key: str(value) for key, value in given.items() if value is not None}


# -- refusals --------------------------------------------------------------------------------------


def no_data_set(data_set_id: str) -> NotFound:
    """No data set has this id."""
    return NotFound(f"There is no data set with the id {quoted(data_set_id)}.").about(
        "no_data_set", data_set_id=data_set_id
    )


def no_version(data_set_id: str, version: int | str) -> NotFound:
    """A data set has no such version."""
    return NotFound(
        f"The data set {quoted(data_set_id)} has no version {quoted(str(version))}.",
        hint="A version is named by its number or its digest.",
    )
