"""Slurm's commands: sbatch, squeue, sacct and scancel, and what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen
from pegboard.errors import ConfigError, StoreError
from pegboard_projects import said

NEEDED = ("sbatch", "squeue", "scancel")
_LAST_SIGNAL = 64
_UNKNOWN_JOB = "Invalid job id"
_FIELDS = "JobIDRaw,State,ExitCode,TotalCPU,MaxRSS"
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_MEMORY = re.compile(r"([\d.]+)([KMGT]?)")

ENDED = frozenset({
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED", "NODE_FAIL",
    "OUT_OF_MEMORY", "PREEMPTED", "RECONFIG_FAIL", "REVOKED", "TIMEOUT",
})  # fmt: skip
"""The states of jobs that run no more; in all others they wait or run.

Source: squeue(1), JOB STATE CODES.
"""


@frozen
class Number:
    """What Slurm calls a job: its number, and the cluster that it was given to, if one is named."""

    job: str
    cluster: str = ""

    @classmethod
    def read(cls, text: str) -> Number:
        """Return what ``sbatch --parsable`` printed, ``NUMBER[;CLUSTER]``."""
        job, _, cluster = text.strip().partition(";")
        if not job.isdecimal():
            raise StoreError(f"sbatch printed {text!r}, which is no number of a job.")
        return cls(job, cluster)

    def __str__(self) -> str:
        return f"{self.job};{self.cluster}" if self.cluster else self.job

    def words(self) -> list[str]:
        """Return the option that names the cluster."""
        return [f"--clusters={self.cluster}"] if self.cluster else []


@frozen(kw_only=True)
class Account:
    """What is known of a job that has ended: ``code`` is 128 + N if signal N ended it."""

    state: str
    code: int | None = None
    usage: Mapping[str, float] = field(factory=dict)


def submit(script: Path, options: Sequence[str], variables: Mapping[str, str]) -> Number:
    """Give a script to the queue; StoreError if Slurm refuses it."""
    return Number.read(_said(["sbatch", "--parsable", *options, str(script)], variables))


def state(number: Number) -> str | None:
    """Return the state of a job; None if the queue does not know it any more.

    StoreError if Slurm gives no answer.
    """
    words = ["squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={number.job}"]
    try:
        printed = _said([*words, *number.words()])
    except StoreError as error:
        if _UNKNOWN_JOB in str(error):
            return None
        raise
    # With a cluster, a line with its name comes first.
    lines = printed.split()
    return lines[-1] if lines and lines[-1].isupper() else None


def account(number: Number) -> Account | None:
    """Return what the accounting knows; None if it knows no job, or no end of it, or there is none.

    The last is so where Slurm keeps no accounts.
    """
    words = ["sacct", "--noheader", "--parsable2", f"--format={_FIELDS}", f"--jobs={number.job}"]
    try:
        printed = _said([*words, *number.words()])
    except (StoreError, ConfigError):
        return None
    rows = [line.split("|") for line in printed.splitlines() if line.count("|") == 4]
    for name, words_of_state, exits, seconds, _ in rows:
        found = words_of_state.split()[:1]  # "CANCELLED by 1000"
        if name == number.job and found and found[0] in ENDED:
            usage = {"cpu_seconds": _seconds(seconds)}
            if memory := max(_bytes(row[4]) for row in rows):
                usage["memory_bytes"] = memory
            return Account(state=found[0], code=_code(exits), usage=usage)
    return None


def cancel(number: Number, *options: str) -> None:
    """Ask Slurm to end a job; StoreError if it gives no answer."""
    try:
        _said(["scancel", *options, *number.words(), number.job])
    except StoreError as error:
        if _UNKNOWN_JOB not in str(error):
            raise


def _code(text: str) -> int | None:
    code, _, signal = text.partition(":")
    if signal.isdecimal() and int(signal):
        # Slurm's own 125 says that memory ran out.
        return 128 + int(signal) if int(signal) <= _LAST_SIGNAL else None
    return int(code) if code.isdecimal() else None


def _seconds(text: str) -> float:
    """Return a time in seconds: ``[DD-[HH:]]MM:SS[.mmm]``."""
    days, _, rest = text.rpartition("-")
    seconds = 0.0
    for part in rest.split(":") if rest else ():
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)


def _bytes(text: str) -> float:
    found = _MEMORY.fullmatch(text)
    return float(found[1]) * _UNITS[found[2]] if found else 0.0


def _said(words: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    return said(words, words[0], variables)
