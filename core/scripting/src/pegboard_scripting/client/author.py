"""Who makes a change: the same user that runs are started by."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pegboard import plugin_calls
from pegboard.tags import USER

if TYPE_CHECKING:
    from pegboard.host import Host


def user_of(host: Host) -> str | None:
    """Return the user that plugins tell in the context of a run, else that of this process."""
    user: str | None = None
    for implementation in host.manager.hook.pegboard_run_context.get_hookimpls():
        try:
            tags = plugin_calls.context_of(plugin_calls.asked(implementation, {}))
            user = tags.get(USER) or user
        except BaseException as error:
            # The author matters less than the change itself.
            if plugin_calls.is_fatal(error):
                raise
            logging.getLogger("pegboard").warning(
                "The plugin %r could not say who the user is: %s",
                implementation.plugin_name,
                plugin_calls.described(error),
            )
    return user or _own_user()


def _own_user() -> str | None:
    # Loaded only where no plugin tells the user, as without pegboard-context.
    import getpass
    import os

    try:
        return os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    except (OSError, KeyError, ImportError):
        # A container may run as a user without a name.
        return None
