"""The settings of ``[plugins.projects]``."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen(kw_only=True)
class Settings:
    """What can be set."""

    env_manager: str = ""
    """What provides the environments of projects (local, uv, conda, docker), unless a run says;
    "": what the project asks for. A project that a project runs inherits it."""
    backend: str = "local"
    """The runner, unless a run says."""
    environments: str = ""
    """Where environments are kept; "": in the user's cache."""
    wheels: str = ""
    """A folder of wheels: environments are built from these alone, without a network."""
    grace_seconds: float = field(default=10.0, validator=validators.ge(0))
    """How long a project that is asked to end may take, before it is killed."""
    log_megabytes: int = field(default=256, validator=validators.gt(0))
    """How much of a run's output is kept; of more, the beginning and the end."""
