"""The settings of ``[plugins.registry]``."""

from __future__ import annotations

from attrs import field, frozen, validators
from pegboard.config import HttpConfig
from pegboard.entities.registry import STAGES
from pegboard.settings import shared

SOURCE_SCHEMES = (
    *("abfs", "abfss", "adl", "az", "b2", "dbfs", "gcs", "gs", "hdfs", "oci", "oss", "r2", "s3"),
    *("s3a", "s3n", "viewfs", "wasb", "wasbs"),
)
"""Those of stores of objects and of Hadoop, which every reader opens as who they are there."""


@frozen(kw_only=True)
class Settings:
    """What can be set."""

    stages: list[str] = field(factory=lambda: list(STAGES))
    """The stages there are; the first is that of a new version."""
    gates: dict[str, list[str]] = field(factory=dict)
    """For an alias or a stage, or "*" for all: the names of the gates that must pass."""
    approvals_needed: int = field(default=1, validator=validators.ge(1))
    """How many people have to approve what the gate ``approval`` guards."""
    evaluation: list[str] = field(factory=list)
    """What has to hold for the gate ``evaluation``, as filters of runs."""
    source_schemes: list[str] = field(factory=lambda: list(SOURCE_SCHEMES))
    """Schemes that the sources of versions may have which are not files of a run or a model."""
    webhook_allow: list[str] = field(factory=list)
    """Hosts that webhooks may call though they are not public, with or without a port."""
    webhook_attempts: int = field(default=8, validator=validators.ge(1))
    webhook_pause_seconds: float = field(default=2.0, validator=validators.ge(0))
    """How long to wait before the second attempt; it doubles from one to the next."""
    webhook_timeout_seconds: float = field(default=10.0, validator=validators.gt(0))
    http: HttpConfig = shared(HttpConfig)
