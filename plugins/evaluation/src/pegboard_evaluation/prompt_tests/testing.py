"""Tests of a prompt: bound to it as a form, and carried out for one of its versions.

A version is what its alias pointed at when the test began: what the alias does meanwhile changes
nothing of what is tested, judged and kept.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen
from pegboard.contracts.llm import LLMError
from pegboard.contracts.registry import ModelRegistry
from pegboard.entities.registry import ModelVersion
from pegboard.errors import ConfigError, InvalidState, InvalidValue, NotFound, command_line
from pegboard_llm import prompts as versions
from pegboard_scripting.client import Client
from pegboard_stores import list_tags, refusals
from pegboard_stores import prompt_tags as tags

from pegboard_evaluation import comparing, data_sets
from pegboard_evaluation.comparing import Comparison
from pegboard_evaluation.genai import spending
from pegboard_evaluation.prompt_tests.records import (
    ROWS,
    TESTED_DIGEST,
    TESTED_PROMPT,
    Measured,
    Outcome,
    Tests,
    bind_command,
    dumped,
    outcome_of,
    tests_of,
)
from pegboard_evaluation.suites import cases, gates, python_files, running, source, targets
from pegboard_evaluation.suites.assertions import NOT, PYTHON
from pegboard_evaluation.suites.checks import Verdict
from pegboard_evaluation.suites.prompts import Messages, Prompt
from pegboard_evaluation.suites.source import At, Source
from pegboard_evaluation.suites.suite import Suite, read

FAIL_UNDER = "fail_under"
MOST_MEASURED = 50
"""Of how many assertions a version keeps what they came to: cases may have some of their own."""
_MOST_TOLD = 3
USUAL_ALIAS = "production"
_NAMED = re.compile(r"(?:prompts:/)?([^/@]+(?:[/@].+)?)")
_MODELS = ("models", "providers", "targets")


@frozen
class Registered(Prompt):
    """A version in the registry, filled in as the gateway does it."""

    version: versions.Prompt | None = None

    def messages(self, variables: Mapping[str, Any]) -> Messages:
        """Return what a model is told; InvalidValue names all variables that are missing."""
        assert self.version is not None
        try:
            return list(self.version.body(variables)["messages"])
        except LLMError as error:
            raise InvalidValue(error.message, hint=error.hint) from None


@frozen(kw_only=True)
class Tested:
    """What was found of a version."""

    version: ModelVersion
    champion: ModelVersion | None
    outcomes: running.Outcomes
    comparisons: Mapping[str, Comparison]
    """How it differs from the champion, by model."""
    measured: Sequence[Measured]
    """What whole rows and each assertion came to, by model."""
    why: Sequence[str]
    """Why it does not pass."""

    @property
    def passed(self) -> bool:
        """Whether it passes."""
        return not self.why


def find(registry: ModelRegistry, name: str) -> ModelVersion:
    """Return the version that ``NAME``, ``NAME/VERSION`` or ``NAME@ALIAS`` is now; NotFound."""
    if not (named := _NAMED.fullmatch(name)):
        raise InvalidValue(
            f"{name!r} names no prompt.", hint="Write NAME, NAME/VERSION or NAME@ALIAS."
        )
    name = named[1]
    of, slash, number = name.partition("/")
    with refusals.of_prompts():
        if slash:
            found = registry.get_version(of, number)
        else:
            of, _, alias = name.partition("@")
            found = registry.version_by_alias(of, alias or "latest")
    if not tags.is_prompt(found.tags):
        raise InvalidValue(
            f"{of!r} is a registered model, not a prompt.",
            hint=f"Models are evaluated with {command_line('pegboard', 'eval')} and evaluate().",
        )
    return found


# -- binding -------------------------------------------------------------------------------------


def bind(client: Client, name: str, file: Path) -> Tests:
    """Keep the form of a file as the tests of a prompt, and return them; InvalidValue.

    Data sets are kept at the version that they have now. What runs code of a file is refused:
    whoever tests the prompt would run it.
    """
    registry = client.registry
    newest = find(registry, name)
    at, given = source.load(file)
    if not isinstance(given, dict):
        raise at.wrong("expected a table with 'cases' and 'defaults'.")
    if given.get("prompts"):
        raise (at / "prompts").wrong("These are tests of a prompt in the registry: leave it out.")
    _refuse_files(at, given)
    least = source.number(at / FAIL_UNDER, given.get(FAIL_UNDER, 1.0))
    if least > 1:
        raise (at / FAIL_UNDER).wrong("expected a share, from 0 to 1.")
    form = {key: value for key, value in given.items() if key != FAIL_UNDER}
    made = Tests(_pinned(form), least)
    # A form that cannot be carried out is refused now, not when somebody is about to promote.
    with tempfile.TemporaryDirectory() as place:
        for each in suite_of(Path(place), made, [newest], None, told=file.name).targets:
            # Keys may be elsewhere, where the tests are run; a provider is misspelt everywhere.
            with suppress(ConfigError):
                spending.check_model(each.model)
    registry.set_model_tag(newest.name, tags.TESTS, dumped(made))
    return made


def _refuse_files(at: At, given: Any) -> None:
    if isinstance(given, Mapping):
        kind = str(given.get("type", "")).removeprefix(NOT)
        if kind == PYTHON or any(str(key).removeprefix(NOT) == PYTHON for key in given):
            raise at.wrong("Tests in the registry run no code of a file: use a scorer's name.")
        if set(given) == {"file"}:
            raise at.wrong("Tests in the registry have no files: use a data set.")
    if isinstance(given, str) and python_files.is_target(given):
        raise at.wrong("Tests in the registry run no code of a file.")
    inner = given.items() if isinstance(given, Mapping) else ()
    for key, each in enumerate(given) if isinstance(given, list) else inner:
        _refuse_files(at / key, each)


def _pinned(form: dict[str, Any]) -> dict[str, Any]:
    """Return a form whose data sets are named with their versions."""
    key = "tests" if "tests" in form else "cases"
    listed = form.get(key)
    found = listed if isinstance(listed, list) else [listed]
    return {**form, key: [_with_version(each) for each in found if each is not None]}


def _with_version(case: Any) -> Any:
    if not isinstance(case, str):
        return case
    if not case.startswith(cases.DATA_SET):
        raise InvalidValue(
            f"Tests in the registry have no files, such as {case!r}.",
            hint="Write cases into the form, or name a data set: datasets:/NAME",
        )
    data_set = data_sets.get_dataset(*cases.split_version(case.removeprefix(cases.DATA_SET)))
    if not data_set.records:
        raise InvalidValue(
            f"The data set {data_set.name!r} has no records: nothing would be asked."
        )
    suffix = "" if data_set.version is None else f"@{data_set.version}"
    return f"{cases.DATA_SET}{data_set.name}{suffix}"


# -- testing -------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Plan:
    """Which versions are asked what."""

    version: ModelVersion
    tests: Tests
    champion: ModelVersion | None
    earlier: Mapping[str, str]
    """The runs of the champion that are known, by model: it is not asked again."""
    model: str | None = None

    @property
    def asked(self) -> list[ModelVersion]:
        """The versions that are asked."""
        return [self.version, *([] if self.champion is None or self.earlier else [self.champion])]

    def suite(self, place: Path) -> Suite:
        """Return the form, which is kept in a directory; InvalidValue."""
        return suite_of(place, self.tests, self.asked, self.model)


def planned(
    client: Client, name: str, *, model: str | None = None, against: str | None = None
) -> Plan:
    """Return what it takes to test a version; arguments and errors are those of ``carry_out``."""
    registry = client.registry
    version = find(registry, name)
    tests = tests_of(registry.get_model(version.name).tags)
    if tests is None:
        raise InvalidState(
            f"The prompt {version.name!r} has no tests.", hint=bind_command(version.name)
        )
    champion = _champion(registry, version, against)
    earlier = _earlier(client, tests, champion) if model is None else {}
    return Plan(version=version, tests=tests, champion=champion, earlier=earlier, model=model)


def carry_out(
    client: Client,
    name: str | Plan,
    *,
    model: str | None = None,
    against: str | None = None,
    budget: float | None = None,
    resume: str | None = None,
    begun: Callable[[str], None] | None = None,
    told: Callable[[running.Column], None] | None = None,
) -> Tested:
    """Test a version of a prompt, and keep with it what that came to.

    Args:
        client: of the store and the registry.
        name: ``NAME/VERSION``, ``NAME@ALIAS``, or ``NAME`` for the newest; or what was planned.
        model: asked in place of those of the tests; then the outcome is not kept, unless neither
            the tests nor the prompt name one.
        against: the alias of the champion, which the version must not be surely worse than; "" for
            none. None: ``USUAL_ALIAS``, if the prompt has that.
        budget: US dollars that calls may cost together.
        resume: the id of a run of it that broke off.
        begun: is called with the command that goes on with it, before anything is asked.
        told: is called with each prompt and model that is done.
    """
    plan = planned(client, name, model=model, against=against) if isinstance(name, str) else name
    version, tests, earlier = plan.version, plan.tests, plan.earlier
    with tempfile.TemporaryDirectory() as place:
        suite = attrs.evolve(plan.suite(Path(place)), again=_command(plan, against))
        for each in suite.targets:
            # What nobody can ask says nothing of the prompt, and is no outcome of it.
            spending.check_model(each.model)
        if begun is not None:
            resume = resume or running.begin(suite.name, suite)
            begun(command_line(*suite.again, "--resume", resume))
        outcomes = running.carry_out_suite(suite, resume=resume, budget=budget, told=told)
    own = [each for each in outcomes.columns if each.prompt == key_of(version)]
    before = earlier or {
        each.model: each.run_id for each in outcomes.columns if each not in own and each.result
    }
    compared = {
        each.label: comparing.compare(before[each.model], each.run_id, client=client)
        for each in own
        if each.result is not None and each.model in before and not outcomes.stopped
    }
    measured = [each for column in own for each in _measured(suite, tests, column)]
    found = Tested(
        version=version,
        champion=plan.champion,
        outcomes=outcomes,
        comparisons=compared,
        measured=measured,
        why=_why(measured, outcomes, compared),
    )
    is_kept = plan.model is None or not _names_model(tests, version)
    _keep(client, tests, found, own, is_kept=is_kept)
    return found


def _command(plan: Plan, against: str | None) -> tuple[str, ...]:
    named = (("--model", plan.model), ("--against", against))
    options = [word for name, value in named if value is not None for word in (name, value)]
    return ("pegboard", "prompts", "test", key_of(plan.version), *options)


def key_of(version: ModelVersion) -> str:
    """Return what a version is called: ``NAME/VERSION``."""
    return f"{version.name}/{version.version}"


def _champion(
    registry: ModelRegistry, version: ModelVersion, alias: str | None
) -> ModelVersion | None:
    if alias == "":
        return None
    try:
        with refusals.of_prompts():
            found = registry.version_by_alias(version.name, alias or USUAL_ALIAS)
    except (NotFound, InvalidValue):
        # One that was asked for has to be there; a misspelt one would compare with nothing.
        if alias is not None:
            raise
        return None
    return None if found.version == version.version else found


def _earlier(client: Client, tests: Tests, champion: ModelVersion | None) -> Mapping[str, str]:
    """Return the runs of a champion that passed or failed the same tests, by model."""
    known = None if champion is None else outcome_of(champion)
    if champion is None or known is None or known.digest != tests.digest(champion):
        return {}
    try:
        for run_id in known.columns.values():
            client.get_run(run_id)
    except NotFound:
        return {}
    return known.columns


def _names_model(tests: Tests, version: ModelVersion) -> bool:
    return bool(_models(tests) or versions.read(version).model)


def _models(tests: Tests) -> Any:
    return next((tests.form[key] for key in _MODELS if key in tests.form), None)


def registered(prompt: versions.Prompt, name: str = "") -> Registered:
    """Return a version as a prompt of a form."""
    at = At(Source(Path(prompt.name), told=f"The prompt {prompt.key}"))
    content: Any = prompt.template
    return Registered(name or prompt.key, content, at, prompt.fields, prompt)


def suite_of(
    place: Path,
    tests: Tests,
    asked: Sequence[ModelVersion],
    model: str | None,
    prompted: Sequence[Registered] = (),
    *,
    told: str = "",
) -> Suite:
    """Return the tests as a form of some versions, or of what is ``prompted``; InvalidValue.

    ``told`` is what errors call the tests.
    """
    prompts = [versions.read(each) for each in asked]
    form = {key: value for key, value in tests.form.items() if key not in _MODELS}
    models = model or _models(tests) or prompts[0].model
    if not models:
        raise InvalidValue(
            f"Neither the tests nor the prompt {prompts[0].key!r} name a model.",
            hint="Write it as 'models' into the tests, or give it: --model gateway:/NAME",
        )
    name = f"Tests of {asked[0].name}"
    path = place / _file_of(asked[0])
    if model:
        targets.read(At(Source(path, alone=True, told="The model that is asked")), model)
    path.write_text(json.dumps({"name": name, **form, "models": models}), encoding="utf-8")
    # Whoever may write tags wrote the form, perhaps without ``bind``, which refuses files.
    return read(
        path,
        prompted=prompted or [registered(each) for each in prompts],
        alone=True,
        told=told or f"The tests of {asked[0].name}",
    )


def _measured(suite: Suite, tests: Tests, column: running.Column) -> Iterator[Measured]:
    """Yield what whole rows came to, then each assertion."""
    rows = len(column.outcomes)
    yield Measured(
        model=column.model,
        name=ROWS,
        passed=column.count("passed"),
        rows=rows,
        least=tests.fail_under,
        mean=column.share,
        worst=column.share,
    )
    least = {each.name: each.threshold for case in suite.cases for each in case.checks}
    found: dict[str, list[Verdict]] = {}
    for outcome in column.outcomes:
        for name, verdict in outcome.verdicts.items():
            found.setdefault(name, []).append(verdict)
    for name, verdicts in itertools.islice(found.items(), MOST_MEASURED):
        scores = [each.score for each in verdicts]
        yield Measured(
            model=column.model,
            name=name,
            passed=sum(each.passed for each in verdicts),
            rows=len(verdicts),
            least=least.get(name),
            mean=math.fsum(scores) / len(scores),
            worst=min(scores),
        )


def _file_of(version: ModelVersion) -> str:
    """Return the name of the file that a form is written into."""
    return f"{version.name}.eval.json"


def _why(
    measured: Sequence[Measured], outcomes: running.Outcomes, compared: Mapping[str, Comparison]
) -> list[str]:
    if outcomes.stopped:
        return [outcomes.stopped]
    return [
        *(
            f"{each.model}: {each.passed} of {each.rows} cases pass, and "
            f"{each.least:.0%} have to{_failing(measured, each.model)}"
            for each in measured
            if each.name == ROWS and each.least is not None and each.mean < each.least
        ),
        *(f"{label}: it is surely worse than the champion" for label in gates.worse(compared)),
    ]


def _failing(measured: Sequence[Measured], model: str) -> str:
    """Return which assertions fail, the worst first; "" if none was made."""
    of_model = [each for each in measured if each.model == model and each.name != ROWS]
    failing = sorted(
        (each for each in of_model if each.passed < each.rows),
        key=lambda each: each.passed / each.rows,
    )
    told = [
        f"{each.name} fails in {each.rows - each.passed} of {each.rows}"
        + ("" if each.least is None else f", the worst with {each.worst:.3g} of {each.least:g}")
        for each in failing[:_MOST_TOLD]
    ]
    return f" ({'; '.join(told)})" if told else ""


def _keep(
    client: Client,
    tests: Tests,
    found: Tested,
    own: Sequence[running.Column],
    *,
    is_kept: bool,
) -> None:
    version, run_id = found.version, found.outcomes.run_id
    digest = tests.digest(version)
    linked = [{"name": version.name, "version": version.version}]
    list_tags.of(client.store).add_to_run(run_id, tags.LINKED, linked)
    client.set_tag(run_id, TESTED_PROMPT, key_of(version))
    client.set_tag(run_id, TESTED_DIGEST, digest)
    # A broken-off test says nothing of the version: what was known of it stays.
    if is_kept and not found.outcomes.stopped:
        columns = {each.model: each.run_id for each in own}
        made = Outcome(
            run_id=run_id,
            digest=digest,
            passed=found.passed,
            why=list(found.why),
            columns=columns,
            measured=found.measured,
        )
        client.registry.set_version_tag(version.name, version.version, tags.TESTED, dumped(made))
