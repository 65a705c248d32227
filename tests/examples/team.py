import os

from pegboard.hookspecs import hookimpl


@hookimpl
def pegboard_run_context() -> dict[str, str]:
    return {"team": os.environ.get("TEAM", "unknown")}
