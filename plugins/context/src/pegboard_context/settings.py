"""The settings of ``[plugins.context]``."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Settings:
    """What can be set."""

    record_git: bool = True
    """The commit, the branch and the repository."""
    record_patch: bool = True
    """The changes that are not committed, as a file."""
    record_command: bool = True
    """The command line, without its secrets."""
    record_environment: bool = True
    """Python, the machine and the installed packages, as files."""
    system_metrics: bool = False
    """CPU, memory, disk, network and GPU while a run is active."""
