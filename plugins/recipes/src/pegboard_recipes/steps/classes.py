"""What classification asks of its target."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pegboard.errors import InvalidValue, quoted

from pegboard_recipes.configuration import Configuration


def check(config: Configuration, target: Any) -> None:
    """Refuse a target that is not of two classes, or whose positive class there is not.

    Missing values are not a class; rows without a target are dropped by the step ``split``.
    """
    classes = target.dropna().unique().tolist()
    positive = config.positive_class
    what = f"The target {config.target!r}"
    if len(classes) < 2:
        raise InvalidValue(f"{what} has {len(classes)} class; a classification needs two or more.")
    if positive is None:
        if len(classes) == 2:
            raise config.wrong(
                ("target_col",),
                f"{what} has two classes, {_listed(classes)}, and there is no 'positive_class'.",
                hint="Say which of them is to be found.",
            )
        return
    if len(classes) > 2:
        raise config.wrong(
            ("positive_class",),
            f"{what} has {len(classes)} classes: {_listed(classes)}; with 'positive_class' there "
            "are two.",
            hint="Leave 'positive_class' out for more than two classes.",
        )
    if positive not in classes:
        raise config.wrong(
            ("positive_class",),
            f"'positive_class' is {quoted(positive)}, and {what.lower()} has {_listed(classes)}.",
            hint=_near(positive, classes),
        )


def _near(positive: Any, classes: list[Any]) -> str:
    """Say which class is meant: of that name in another type, or of nearly that name."""
    by_text = {str(each): each for each in classes}
    near = get_close_matches(str(positive), by_text, 1)
    return f"Did you mean {quoted(by_text[near[0]])}?" if near else "Name one of them."


def _listed(classes: list[Any]) -> str:
    shown = ", ".join(quoted(each) for each in classes[:5])
    return shown if len(classes) <= 5 else f"{shown}, …"
