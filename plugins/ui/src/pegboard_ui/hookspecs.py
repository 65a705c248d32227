"""The hook that the web interface adds to the host's: pages of plugins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attrs import Attribute, field, frozen, validators
from pegboard.hookspecs import hookspec

_PERMISSIONS = ("public", "read", "write", "delete", "admin")
"""Those of ``pegboard_wire.http``, which few of the processes that import this have a use for."""
_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
_MODULE = re.compile(r"[A-Za-z_][\w.]*:[\w-][\w.-]*(/[\w-][\w.-]*)+\.m?js")


def _matches(expression: re.Pattern[str], example: str) -> Any:
    def check(_: object, attribute: Attribute[str], value: object) -> None:
        if not isinstance(value, str) or not expression.fullmatch(value):
            raise TypeError(f"UiPage: {attribute.name!r} is {value!r}, not like {example!r}")

    return check


@frozen
class UiPage:
    """A page of a plugin in the web interface, at ``/p/KEY``.

    ``module`` names a JavaScript file in a folder of the plugin's package, as
    ``package:folder/page.js``; its default export is the class of a custom element, and it may
    import what lies in the same folder. ``icon`` is the ``d`` of an SVG path, drawn as a line of
    1.4 in a square of 20, or "" for a dot. Who lacks the permission does not see the page.
    """

    key: str = field(validator=_matches(_KEY, "drift-report"))
    title: str
    module: str = field(validator=_matches(_MODULE, "my_package:page/main.js"))
    icon: str = ""
    permission: str = field(default="read", validator=validators.in_(_PERMISSIONS))

    @property
    def name(self) -> str:
        """The key, by which the host tells pages apart."""
        return self.key

    @property
    def summary(self) -> str:
        """The title, for ``pegboard plugins``."""
        return self.title


@hookspec
def pegboard_ui_pages() -> Sequence[UiPage]:
    """Declare pages of the web interface."""
    return ()


KINDS = {"page": ("pegboard_ui_pages", UiPage)}
