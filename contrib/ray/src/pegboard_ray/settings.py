"""What ``--backend-config`` can say, and what ``[ray]`` says for all runs."""

from __future__ import annotations

from attrs import field, frozen, validators

_amount = validators.ge(0.0)


@frozen(kw_only=True)
class Defaults:
    """The table ``[ray]``."""

    address: str = ""
    """The cluster: HOST:PORT, "auto" (one that runs on this machine) or "local" (a new one); "":
    RAY_ADDRESS, else one that runs on this machine, else a new one, which ends with pegboard."""
    tracking_uri: str = ""
    """The tracking server as nodes reach it; "": as it is reached here."""


@frozen(kw_only=True)
class Settings:
    """What a run gets, and where."""

    address: str = ""
    """The cluster, if not that of ``[ray]``."""
    tracking_uri: str = ""
    """The tracking server as nodes reach it, if not that of ``[ray]``."""
    cpus: float = field(default=1.0, converter=float, validator=_amount)
    """Processors that the run keeps from others; 0.1: ten runs share one."""
    gpus: float = field(default=0.0, converter=float, validator=_amount)
    memory_megabytes: int | None = field(
        default=None, validator=validators.optional(validators.gt(0))
    )
    """Memory that the run keeps from others; it is not held to that."""
    resources: dict[str, float] = field(factory=dict)
    """Amounts of the cluster's own resources, by their names."""
    time_seconds: float | None = field(
        default=None, validator=validators.optional(validators.gt(0))
    )
    """How long the project may run."""
    retries: int = field(default=0, validator=validators.ge(0))
    """How often a run begins again whose node or worker has died; not if its command fails."""
    start_seconds: float = field(default=0.0, converter=float, validator=_amount)
    """How long to wait for a node that has what is asked for, in a cluster that grows."""
    carry: bool | None = None
    """Whether code and environment are carried to nodes, or are there already in the same folders;
    None: they are carried if the cluster has another machine than this one."""

    def wanted(self) -> dict[str, float]:
        """Return what a node has to have, by Ray's names."""
        found = {"CPU": self.cpus, "GPU": self.gpus, **self.resources}
        if self.memory_megabytes:
            found["memory"] = float(self.memory_megabytes << 20)
        return {name: amount for name, amount in found.items() if amount}
