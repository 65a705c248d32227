"""The most that a call may take, before it is made."""

from __future__ import annotations

from collections.abc import Iterable

from pegboard.contracts.llm import LLMRequest
from pegboard_llm import estimate

from pegboard_gateway.entities import Asked, Estimate
from pegboard_gateway.path.sites import Site

LONG_ANSWER = 16_384
"""Tokens of an answer that nothing limits, where nobody knows how it ended."""


def estimated(asked: Asked, sites: Iterable[Site]) -> Estimate:
    """Return the most that a call may take, whichever of the sites answers it."""
    task, longest = asked.task, 0
    is_passed = asked.passed is not None
    if asked.passed is not None:
        prompt = asked.passed.prompt
    else:
        prompt = estimate.prompt_tokens(LLMRequest(task, "", asked.body))
    for site in sites:
        request = LLMRequest(task, "", site.limited(asked.body, task))
        most = site.longest_answer(request, is_passed=is_passed)
        if most is None:
            return Estimate(prompt, LONG_ANSWER, open_ended=True)
        longest = max(longest, most)
    return Estimate(prompt, longest)
