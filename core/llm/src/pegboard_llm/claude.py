"""What versions of Claude differ in, by the names of models, whoever offers them.

Source: platform.claude.com, "Adaptive thinking", "Structured outputs", "Migration guide".
"""

from __future__ import annotations

import re

from pegboard.contracts.llm import Json

from pegboard_llm.values import invalid

Version = tuple[int, int]
_VERSION = re.compile(r"claude-(?:instant-|[a-z]+-)?(\d)(?:[.-](\d{1,2}))?(?!\d)")
_NEWEST: Version = (99, 0)
THINKS: Version = (3, 7)
HAS_FORMATS: Version = (4, 5)
"""From here on an answer can be held to a JSON schema; before, a tool stands in for that."""
ADAPTIVE: Version = (4, 6)
"""From here on a model decides how much to think; before, it is given a number of tokens."""
NO_SAMPLING: Version = (4, 7)
"""From here on there is no temperature and the like."""

_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576}
_MOST_BUDGET = 31_999
_LEAST_BUDGET = 1024


def version_of(model: str) -> Version:
    """Return the version in a model's name; one without is the newest."""
    match = _VERSION.search(model)
    return (int(match[1]), int(match[2] or 0)) if match else _NEWEST


def thinking(model: str, effort: str, limit: int) -> tuple[Json, str]:
    """Return how a model is to think, and the level of its effort where it has levels.

    ``effort`` is OpenAI's word, ``limit`` the most tokens of the answer, thoughts included.
    LLMError INVALID if these are too few.
    """
    if effort == "none":
        return {"type": "disabled"}, ""
    if version_of(model) >= ADAPTIVE:
        return {"type": "adaptive"}, "low" if effort == "minimal" else effort
    budget = min(_BUDGETS.get(effort, _MOST_BUDGET), limit - 1)
    if budget < _LEAST_BUDGET:
        message = f"To think, this model needs a limit of more than {_LEAST_BUDGET} tokens."
        invalid(message, "max_tokens")
    return {"type": "enabled", "budget_tokens": budget}, ""
