"""Whether a model predicts each row by itself, so rows may be put together or taken apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard.host import Host


def is_row_wise(host: Host, directory: Path) -> bool:
    """Whether the flavor of the model in a directory promises it."""
    from pegboard_models import Model

    names = set(host.model_flavors())
    found = [host.model_flavor(name) for name in Model.load(directory).flavors if name in names]
    return bool(found) and all(flavor.row_wise for flavor in found)
