"""Tags each run with the team of the person who starts it."""

import os

from pegboard.hookspecs import hookimpl


@hookimpl
def pegboard_run_context() -> dict[str, str]:
    """Return the tags."""
    return {"team": os.environ.get("TEAM", "unknown")}
