"""Run a command that can change files below some directories only.

``python tests/confined.py DIRECTORY[:DIRECTORY…] COMMAND …``. Servers that tests send hostile paths
to are started with it: an escaped delete then fails instead of taking the machine's files with it.
It uses Landlock, which a Linux kernel offers to everybody.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_RULE_PATH_BENEATH = 1
_SET_NO_NEW_PRIVILEGES = 38

_WRITE_FILE = 1 << 1
_CHANGES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
"""Writing, removing and making of every kind of file."""
_RENAME_ACROSS, _TRUNCATE = 1 << 13, 1 << 14
"""Known from the second and the third version on."""


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def command(places: list[Path], *words: str) -> list[str]:
    """Return the command that runs ``words`` confined to these directories."""
    if sys.platform != "linux" and os.geteuid():
        return list(words)  # Somebody without special rights, who can do little harm.
    joined = os.pathsep.join(map(str, places))
    return [sys.executable, str(Path(__file__).resolve()), joined, *words]


def confine(places: list[Path]) -> None:
    """Take the right to change files elsewhere from this process and all that it starts."""
    system = ctypes.CDLL(None, use_errno=True)
    version = system.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        raise SystemExit("This kernel has no Landlock, so nothing is run that could do harm.")
    handled = _CHANGES | (_RENAME_ACROSS if version > 1 else 0) | (_TRUNCATE if version > 2 else 0)
    attributes = ctypes.c_uint64(handled)
    rules = system.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(8), 0)
    _checked(rules)
    for place in places:
        _allow(system, rules, place, handled)
    _allow(system, rules, Path("/dev"), _WRITE_FILE)
    _checked(system.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(system.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _allow(system: ctypes.CDLL, rules: int, place: Path, allowed: int) -> None:
    parent = os.open(place, os.O_PATH)
    rule = _PathBeneath(allowed, parent)
    _checked(system.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    os.close(parent)


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main() -> None:
    """Confine, then become the command."""
    places = [Path(text) for text in sys.argv[1].split(os.pathsep)]
    confine(places)
    os.environ["TMPDIR"] = str(places[0])
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
