"""The contract suite of runners: subclass it for yours, and pytest proves it."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from pegboard import settings
from pegboard.errors import ConfigError

from pegboard_projects.contract import Job, Outcome, Runner, Submitted

__all__ = ["RunnerContract"]

SECONDS = 120.0
"""How long a job that ends at once may take until it has, wherever it runs."""


class _Output:
    """Takes output, and tells when a text is in it."""

    def __init__(self) -> None:
        self.data = b""
        self._grown = threading.Condition()

    def __call__(self, piece: bytes) -> None:
        with self._grown:
            self.data += piece
            self._grown.notify_all()

    def wait_for(self, text: bytes) -> None:
        with self._grown:
            assert self._grown.wait_for(lambda: text in self.data, SECONDS), self.data


class RunnerContract(ABC):
    """What holds for every runner.

    Subclass it, with a name that begins with ``Test``. ``grace_seconds`` is what jobs are given to
    end when they are cancelled; ``tracking_uri`` is one that jobs of your runner can reach.
    """

    grace_seconds = 0.5
    tracking_uri = "http://127.0.0.1:5000"

    @abstractmethod
    def runner(self) -> Runner:
        """Return the runner."""

    def runner_settings(self) -> Any:
        """Return the settings that it is used with here."""
        return self.runner().settings()

    def _submit(
        self, command: str, directory: Path, output: _Output, **variables: str
    ) -> Submitted:
        runner, chosen = self.runner(), self.runner_settings()
        runner.check(chosen, self.tracking_uri)
        named: Mapping[str, str] = {"PATH": os.environ["PATH"], **variables}
        job = Job(
            run_id="0" * 32,
            name="a project",
            command=command,
            directory=directory,
            variables=named,
            added=frozenset(variables),
            settings=chosen,
            grace_seconds=self.grace_seconds,
            container=runner.container(chosen, None),
        )
        return runner.submit(job, output)

    def _ran(self, command: str, directory: Path, **variables: str) -> tuple[Outcome, bytes]:
        output = _Output()
        outcome = self._submit(command, directory, output, **variables).wait(SECONDS)
        assert outcome is not None
        return outcome, output.data

    def test_settings_have_defaults_and_others_are_refused(self) -> None:
        kind = self.runner().settings
        assert attrs.has(kind)
        settings.structure(kind, {}, "here")
        try:
            settings.structure(kind, {"no_such_setting": 1}, "here")
        except ConfigError as error:
            assert "no_such_setting" in str(error)
        else:
            raise AssertionError("a setting that is not there was accepted")

    def test_output_and_exit_code_are_the_commands(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the folder")
        command = 'cat file; echo " $WORD" >&2; exit 7'
        outcome, output = self._ran(command, tmp_path, WORD="it's")
        assert outcome.code == 7
        assert not outcome.cancelled
        assert output == b"in the folder it's\n"

    def test_success_has_no_reason(self, tmp_path: Path) -> None:
        outcome, _ = self._ran("true && false || true", tmp_path)
        assert (outcome.code, outcome.reason, outcome.cancelled) == (0, "", False)

    def test_much_output_comes_whole_and_in_order(self, tmp_path: Path) -> None:
        _, output = self._ran("seq 1 50000", tmp_path)
        assert output.split() == [b"%d" % number for number in range(1, 50001)]

    def test_what_is_cancelled_ends_with_all_its_processes(self, tmp_path: Path) -> None:
        output = _Output()
        # One that ignores the wish, one that leaves the group, and the command itself.
        stubborn = "(trap '' TERM; echo one $BASHPID; while :; do sleep 0.1; done) &"
        command = f"{stubborn} setsid bash -c 'echo two $$; sleep 600' & echo ready; sleep 600"
        submitted = self._submit(command, tmp_path, output)
        for text in (b"one", b"two", b"ready"):
            output.wait_for(text)
        assert submitted.wait(0) is None
        submitted.cancel()
        submitted.cancel()
        outcome = submitted.wait(SECONDS)
        assert outcome is not None
        assert outcome.cancelled
        self.check_gone([int(word) for word in output.data.split() if word.isdigit()])

    def check_gone(self, pids: list[int]) -> None:
        """Check that processes of a job have ended; here, unless yours run elsewhere."""
        assert len(pids) == 2
        for pid in pids:
            stat = Path(f"/proc/{pid}/stat")
            assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    def test_what_a_command_leaves_behind_ends_with_it(self, tmp_path: Path) -> None:
        outcome, output = self._ran(
            "sleep 600 & echo $!; setsid sleep 600 & echo $!; exit 0", tmp_path
        )
        assert outcome.code == 0
        self.check_gone([int(word) for word in output.split()])
