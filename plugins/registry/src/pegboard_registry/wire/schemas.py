"""JSON schemas of the entities of the registry, and fields that many requests share."""

from __future__ import annotations

from pegboard.entities.registry import ChangeKind, ModelVersionStatus
from pegboard_wire.shapes import INT64, PAIRS, TEXT, array, choice, record

VERSION = record(
    name=TEXT,
    version=TEXT,
    creation_timestamp=INT64,
    last_updated_timestamp=INT64,
    user_id=TEXT,
    current_stage=TEXT,
    description=TEXT,
    source=TEXT,
    run_id=TEXT,
    status=choice(*(status.value for status in ModelVersionStatus)),
    status_message=TEXT,
    tags=PAIRS,
    run_link=TEXT,
    aliases=array(TEXT),
    model_id=TEXT,
)
MODEL = record(
    name=TEXT,
    creation_timestamp=INT64,
    last_updated_timestamp=INT64,
    user_id=TEXT,
    description=TEXT,
    latest_versions=array(VERSION),
    tags=PAIRS,
    aliases=array(record(alias=TEXT, version=TEXT)),
)
CHANGE = record(
    "number",
    "timestamp",
    "name",
    "kind",
    number=INT64,
    timestamp=INT64,
    name=TEXT,
    kind=choice(*(kind.value for kind in ChangeKind)),
    version=TEXT,
    key=TEXT,
    before=TEXT,
    after=TEXT,
    user=TEXT,
    reason=TEXT,
    undoes=INT64,
)

ONE_MODEL = record(registered_model=MODEL)
ONE_VERSION = record(model_version=VERSION)
VERSIONS = record(model_versions=array(VERSION))

BY_NAME = record("name", name=TEXT)
BY_VERSION = record("name", "version", name=TEXT, version=TEXT)
BY_ALIAS = record("name", "alias", name=TEXT, alias=TEXT)
