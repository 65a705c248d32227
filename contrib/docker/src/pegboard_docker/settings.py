"""What ``--backend-config`` can say."""

from __future__ import annotations

from attrs import field, frozen, validators

PROGRAMS = ("docker", "podman")


@frozen(kw_only=True)
class Settings:
    """How containers are made and followed."""

    program: str = field(default="", validator=validators.in_(["", *PROGRAMS]))
    """docker or podman; "": the first that is installed."""
    image: str = ""
    """The image for projects that name none."""
    shell: str = field(default="bash", validator=validators.matches_re(r"[\w/][\w./-]*"))
    """The shell of the image that runs the command."""
    tracking_uri: str = ""
    """The tracking server as the container reaches it; "": as here, for which a container shares
    this machine's network if the address is of this machine alone."""
    poll_seconds: float = field(default=1.0, validator=validators.gt(0))
    """How often the container is asked after."""
