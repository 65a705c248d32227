"""What ``--backend-config`` can say, and the options of sbatch that it becomes."""

from __future__ import annotations

import re
from typing import Any

from attrs import Attribute, field, frozen, validators

_OPTION = re.compile(r"--(?P<name>[a-z][a-z0-9-]*)(=[^\0\n]*)?")
_OURS = {
    "array", "batch", "chdir", "clusters", "error", "export", "export-file", "get-user-env", "help",
    "input", "job-name", "open-mode", "output", "parsable", "quiet", "test-only", "usage",
    "version", "wait", "wrap",
}  # fmt: skip
_VALUES = ("partition", "account", "qos", "time", "mem", "gpus")


def _option(_: Any, attribute: Attribute[Any], value: list[str]) -> None:
    for text in value:
        found = _OPTION.fullmatch(text)
        if found is None:
            raise ValueError(f"{attribute.name} holds --NAME or --NAME=VALUE, not {text!r}")
        name = found["name"]
        # Slurm takes the beginning of a name for the name.
        if len(name) < 2 or any(each.startswith(name) for each in _OURS):
            raise ValueError(f"{attribute.name} cannot hold {text!r}, which pegboard sets itself")


_text = validators.matches_re(r"[^\0\n]*")
_number = validators.optional(validators.gt(0))


@frozen(kw_only=True)
class Settings:
    """What a job gets, and how it is followed; what is left out is the cluster's default."""

    partition: str = field(default="", validator=_text)
    account: str = field(default="", validator=_text)
    qos: str = field(default="", validator=_text)
    time: str = field(default="", validator=_text)
    """The limit of time, as Slurm writes it: minutes, "HH:MM:SS" or "D-HH:MM:SS"."""
    mem: str = field(default="", validator=_text)
    """Memory of a node, "16G" for example."""
    cpus: int | None = field(default=None, validator=_number)
    """Processors for the project."""
    gpus: str = field(default="", validator=_text)
    """How many GPUs, with their kind perhaps: "2", "a100:2"."""
    options: list[str] = field(factory=list, validator=_option)
    """More options of sbatch, each as one word: "--constraint=avx512"."""
    setup: list[str] = field(factory=list)
    """Lines for bash that come first in the job: "module load cuda"."""
    directory: str = field(default="~/.pegboard/slurm", validator=validators.min_len(1))
    """A folder that all nodes share, for the scripts and logs of jobs."""
    tracking_uri: str = ""
    """The tracking server as the nodes reach it; "": as it is reached here."""
    poll_seconds: float = field(default=5.0, validator=validators.gt(0))
    """How often Slurm is asked."""
    patience_seconds: float = field(default=3600.0, validator=validators.ge(0))
    """How long Slurm may give no answer before the run counts as failed."""

    def words(self) -> list[str]:
        """Return the options of sbatch: each one word, so that no value is taken for another."""
        words = [f"--{name}={value}" for name in _VALUES if (value := getattr(self, name))]
        if self.cpus is not None:
            words.append(f"--cpus-per-task={self.cpus}")
        return [*words, *self.options]
