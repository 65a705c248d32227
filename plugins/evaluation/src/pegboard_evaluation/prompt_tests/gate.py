"""The gate ``prompt-tests``: an alias is for versions that have passed their prompt's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.errors import NotFound, command_line
from pegboard_registry import Verdict, store_beside
from pegboard_stores import prompt_tags as tags

from pegboard_evaluation.prompt_tests.records import (
    TESTED_DIGEST,
    TESTED_PROMPT,
    bind_command,
    outcome_of,
    tests_of,
)

if TYPE_CHECKING:
    from pegboard.contracts.registry import ModelRegistry, Promotion
    from pegboard.host import Host


def prompt_tests(promotion: Promotion, registry: ModelRegistry, host: Host) -> Verdict:
    """Pass if the version has passed the tests that its prompt has now; models pass.

    It asks no model: the outcome is that of the last ``pegboard prompts test``, whose run says it.
    """
    version = registry.get_version(promotion.name, promotion.version)
    if not tags.is_prompt(version.tags):
        return Verdict(True, "it is a model, which has no tests of a prompt")
    key = f"{version.name}/{version.version}"
    command = command_line("pegboard", "prompts", "test", key)
    tests = tests_of(registry.get_model(version.name).tags)
    if tests is None:
        return Verdict(False, f"it has no tests. Bind some: {bind_command(version.name)}")
    found = outcome_of(version)
    if found is None:
        return Verdict(False, f"it was not tested. Test it: {command}")
    if found.digest != tests.digest(version):
        return Verdict(False, f"it was tested before its tests were changed. Again: {command}")
    try:
        said = store_beside(host, registry).get_run(found.run_id).data.tags
    except NotFound:
        return Verdict(False, f"the run of its tests is not there any more. Again: {command}")
    if (said.get(TESTED_PROMPT), said.get(TESTED_DIGEST)) != (key, found.digest):
        return Verdict(False, f"the run that it names tested something else. Again: {command}")
    if not found.passed:
        return Verdict(False, f"{'; '.join(found.why)} (run {found.run_id})")
    return Verdict(True, f"its tests passed in the run {found.run_id}")
