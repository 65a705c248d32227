"""The plugin of pytest: ``@pegboard.test``, and files ``*.eval.yaml`` as tests.

Each test of such a file is a case with a prompt and a model. Pytest loads this in every session, so
it imports pytest alone, and all else when there is something to do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pegboard_evaluation.suites.running import Outcome
    from pegboard_evaluation.suites.suite import Suite

_ENDINGS = (".eval.yaml", ".eval.yml", ".eval.toml", ".eval.json")
_MARK = "__pegboard_test__"


def pytest_sessionfinish() -> None:
    """End the run of the tests that evaluated, if some did."""
    if (testing := sys.modules.get("pegboard_evaluation.testing")) is not None:
        testing.session.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Have a marked test use the run of all of them, and its traces tell of it."""
    if not getattr(getattr(item, "function", None), _MARK, False):
        return (yield)
    from pegboard_tracing.api import context

    from pegboard_evaluation import testing

    call = getattr(item, "callspec", None)
    session = testing.session
    session.open()
    try:
        with context(tags=session.tags(item.nodeid, None if call is None else call.id)):
            return (yield)
    except (pytest.skip.Exception, pytest.xfail.Exception):
        raise
    except BaseException:
        session.failed = True
        raise


# -- files -------------------------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take a test form as a file of tests."""
    if file_path.name.endswith(_ENDINGS):
        return FormFile.from_parent(parent, path=file_path)
    return None


class FormFile(pytest.File):
    """A test form."""

    suite: Suite

    def collect(self) -> Iterable[pytest.Item]:
        """Yield a test for each case with each prompt and model."""
        from pegboard.errors import PegboardError

        from pegboard_evaluation.suites.suite import read

        try:
            self.suite = read(self.path)
        except PegboardError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        self.found: dict[tuple[int, int], Outcome] = {}
        self.run_id: str | None = None
        for pair, (prompt, target) in enumerate(self.suite.pairs):
            label = target.name if prompt.name == "-" else f"{prompt.name}-{target.name}"
            for row in self.suite.all_rows:
                name = f"{self.suite.name_of(row)}[{label}]"
                yield FormItem.from_parent(self, name=name, pair=pair, row=row)


class FormItem(pytest.Item):
    """A case with a prompt and a model."""

    def __init__(self, *, pair: int, row: int, **given: Any) -> None:
        super().__init__(**given)
        self.pair, self.row = pair, row

    def runtest(self) -> None:
        """Ask what is selected of the form, once, and look at this case's outcome."""
        form = self.parent
        assert isinstance(form, FormFile)
        key = (self.pair, self.row)
        if key not in form.found:
            _carry_out(form, self)
        found = form.found[key]
        if found.output:
            self.add_report_section("call", "answer", found.output)
        if found.state != "passed":
            raise FormFailure("\n".join(found.reasons))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Return the reasons alone; of other errors all."""
        if isinstance(excinfo.value, FormFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where it stands."""
        return self.path, None, self.name


class FormFailure(Exception):
    """A case of a form does not pass."""


def _carry_out(form: FormFile, item: FormItem) -> None:
    """Ask all that is selected of a form; of several processes each asks its own, one by one."""
    from pegboard_evaluation.suites.running import carry_out_suite

    wanted = {(item.pair, item.row)} | set(form.found)
    if not hasattr(item.config, "workerinput"):
        wanted = {
            (each.pair, each.row)
            for each in item.session.items
            if isinstance(each, FormItem) and each.parent is form
        }
    chosen: dict[int, list[int]] = {}
    for pair, row in sorted(wanted):
        chosen.setdefault(pair, []).append(row)
    found = carry_out_suite(form.suite, resume=form.run_id, chosen=chosen)
    form.run_id = found.run_id
    for pair, column in zip(chosen, found.columns, strict=True):
        for each in column.outcomes:
            form.found[pair, each.row] = each
