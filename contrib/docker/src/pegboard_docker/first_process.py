"""The first process of a container, which heeds no signal that it does not handle.

This one passes the wish to end on to the command with all that it started, and waits for them; what
remains ends with the container.
"""

from __future__ import annotations

_SCRIPT = """
exec 2>/dev/null
set -m
"$0" -c "$1" 2>&1 < /dev/null &
child=$!
trap 'asked=1; kill -TERM -- -$child || kill -TERM $child' TERM
wait $child; code=$?
while kill -0 $child; do wait $child; code=$?; done
while [ -n "$asked" ] && kill -0 -- -$child; do sleep 0.1; done
exit $code
"""


def words(shell: str, command: str) -> list[str]:
    """Return the words of a container that runs a command in a shell."""
    return [shell, "-c", _SCRIPT, shell, command]
