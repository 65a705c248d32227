"""The command line of pegboard."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; never returns.

    The exit code is 0 for success, 1 when the operation failed, 2 for wrong usage or bad input,
    130 after Ctrl-C.
    """
    try:
        from pegboard.cli.shell import cli

        cli.main(prog_name="pegboard")
    except KeyboardInterrupt:
        # Before the shell around the commands was imported.
        sys.stderr.write("Aborted.\n")
        sys.exit(130)
