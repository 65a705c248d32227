"""What the registry keeps of tests: the form with the prompt, the outcome with the version.

It loads nothing heavy: a gate reads it in the server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import asdict, field, frozen, validators
from pegboard.entities.registry import ModelVersion
from pegboard.errors import InvalidState, command_line
from pegboard_stores import prompt_tags as tags

TESTED_PROMPT, TESTED_DIGEST = "pegboard.prompt.tested", "pegboard.prompt.tests_digest"
"""Tags of the run of tests: which version was tested, and on what."""
ROWS = ""
"""The name of what is measured of whole rows: ``least`` is the share of them that has to pass."""
_CONTENT = (tags.TEXT, tags.TYPE, tags.RESPONSE_FORMAT, tags.MODEL_CONFIG, tags.VARIABLES)


_TEXT = validators.instance_of(str)
_COUNT = validators.instance_of(int)
_NUMBER = validators.instance_of((int, float))


def _each(member: Any) -> Any:
    return validators.deep_iterable(member, validators.instance_of((list, tuple)))


def _measured(given: Any) -> Any:
    """Return what is measured, out of the tables of a tag; what is none is refused later."""
    if not isinstance(given, (list, tuple)):
        return given
    return [Measured(**each) if isinstance(each, dict) else each for each in given]


@frozen
class Tests:
    """The tests of a prompt."""

    form: Mapping[str, Any]
    """As ``pegboard eval run`` has it, without prompts."""
    fail_under: float = 1.0
    """The least share of cases that has to pass."""

    def digest(self, version: ModelVersion) -> str:
        """Return what is the same as long as the tests and what is tested are."""
        content = [version.tags.get(name, "") for name in _CONTENT]
        text = json.dumps([self.form, self.fail_under, content], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@frozen(kw_only=True)
class Measured:
    """What an assertion came to over the rows that one model answered."""

    model: str = field(validator=_TEXT)
    name: str = field(validator=_TEXT)
    passed: int = field(validator=_COUNT)
    """How many rows it holds for."""
    rows: int = field(validator=_COUNT)
    least: float | None = field(default=None, validator=validators.optional(_NUMBER))
    """The score that each row has to reach, in its own unit; None: it holds or does not."""
    mean: float = field(default=0.0, validator=_NUMBER)
    worst: float = field(default=0.0, validator=_NUMBER)
    """Of the scores of the rows."""


@frozen(kw_only=True)
class Outcome:
    """What the tests of a version came to."""

    run_id: str = field(validator=_TEXT)
    digest: str = field(validator=_TEXT)
    passed: bool = field(validator=validators.instance_of(bool))
    why: Sequence[str] = field(default=(), validator=_each(_TEXT))
    """Why it did not pass."""
    columns: Mapping[str, str] = field(
        factory=dict, validator=validators.deep_mapping(_TEXT, _TEXT)
    )
    """The runs of the version, by model."""
    measured: Sequence[Measured] = field(
        default=(), converter=_measured, validator=_each(validators.instance_of(Measured))
    )
    """Of all cases first, under the name ``ROWS``, and of each assertion."""


def tests_of(model_tags: Mapping[str, str]) -> Tests | None:
    """Return the tests that the tags of a prompt hold; None if there are none.

    InvalidState if others have written there what is none.
    """
    text = model_tags.get(tags.TESTS)
    if not text:
        return None
    try:
        found = Tests(**json.loads(text))
        if isinstance(found.form, dict) and 0 <= found.fail_under <= 1:
            return found
    except (ValueError, TypeError):
        pass
    raise InvalidState(
        "What the prompt keeps as its tests is not a form.",
        hint=f"Bind them anew: {bind_command('NAME')}",
    )


def outcome_of(version: ModelVersion) -> Outcome | None:
    """Return what the last tests of a version came to; None if it was not tested."""
    try:
        return Outcome(**json.loads(version.tags.get(tags.TESTED) or "null"))
    except (ValueError, TypeError):
        return None


def dumped(made: Tests | Outcome) -> str:
    """Return it as the text of a tag."""
    return json.dumps(asdict(made), ensure_ascii=False)


def bind_command(name: str) -> str:
    """Return the command that binds tests."""
    return command_line("pegboard", "prompts", "test", name, "--bind", "FILE")
