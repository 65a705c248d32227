"""A plugin with a page in the web interface."""

from collections.abc import Sequence

from pegboard.hookspecs import hookimpl
from pegboard_ui.hookspecs import UiPage


@hookimpl
def pegboard_ui_pages() -> Sequence[UiPage]:
    """Declare a page that counts runs."""
    return [UiPage("hello", "Hello", "hello:page/main.js")]
