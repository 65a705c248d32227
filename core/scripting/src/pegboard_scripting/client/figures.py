"""Figures of plotting libraries as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pegboard.errors import InvalidValue

_PLOTLY_IMAGES = (".png", ".jpeg", ".webp", ".svg", ".pdf")


def save(figure: Any, file: Path, options: Mapping[str, Any] | None = None) -> None:
    """Write a matplotlib or plotly figure; the file's suffix decides the format.

    ``options`` go to the library's own function: ``savefig``, ``write_html``, ``write_image``.
    """
    given = dict(options or {})
    if _is_from("matplotlib", figure):
        figure.savefig(file, **given)
    elif not _is_from("plotly", figure):
        raise InvalidValue(
            f"Cannot log {type(figure).__name__!r} as a figure.",
            hint="Figures of matplotlib and plotly can be logged.",
        )
    elif file.suffix == ".html":
        figure.write_html(file, **{"include_plotlyjs": "cdn", "auto_open": False, **given})
    elif file.suffix in _PLOTLY_IMAGES:
        figure.write_image(file, **given)
    else:
        raise InvalidValue(
            f"Plotly figures cannot be logged as {file.suffix!r}.",
            hint=f"Use .html or one of {', '.join(_PLOTLY_IMAGES)}.",
        )


def _is_from(library: str, value: Any) -> bool:
    """Whether the value's class, or one it extends, is of a library; without importing it."""
    return any(base.__module__.partition(".")[0] == library for base in type(value).__mro__)
