"""The contracts of LLM providers, evaluators and project runners, as tests."""

from __future__ import annotations

import math
import sys
import threading
from pathlib import Path

import pytest
from pegboard.contracts.evaluation import EvaluationResult, Evaluator
from pegboard.contracts.llm import ChatAnswer, ChatMessage, ChatRequest, LLMProvider
from pegboard.contracts.projects import ProjectJob, ProjectRunner
from pegboard.entities import RunStatus
from pegboard.errors import PegboardError

QUESTION = "Say hello — in one word, please. 🎯"


class LLMProviderContract:
    """What every LLM provider does.

    Subclass it, with a name that begins with ``Test``, and give it the fixtures ``provider`` and
    ``model``, the name of a model that the provider knows. Override ``embedding_model`` if
    another one embeds.
    """

    @pytest.fixture
    def provider(self) -> LLMProvider:
        """Return the provider. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'provider'.")

    @pytest.fixture
    def model(self) -> str:
        """Return the name of a model. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'model'.")

    @pytest.fixture
    def embedding_model(self, model: str) -> str:
        """Return the name of a model that embeds."""
        return model

    def test_a_conversation_is_answered(self, provider: LLMProvider, model: str) -> None:
        messages = [ChatMessage("system", "Be brief."), ChatMessage("user", QUESTION)]
        answer = provider.chat(ChatRequest(model, messages, {"max_tokens": 50}))
        assert isinstance(answer, ChatAnswer)
        assert isinstance(answer.content, str)
        assert answer.finish_reason in ("stop", "length", "tool_calls", "content_filter")
        assert answer.usage.input_tokens > 0
        assert answer.usage.output_tokens >= 0

    def test_a_streamed_answer_comes_in_pieces_of_text(
        self, provider: LLMProvider, model: str
    ) -> None:
        pieces = list(provider.stream(ChatRequest(model, [ChatMessage("user", QUESTION)])))
        assert pieces
        assert all(isinstance(piece, str) for piece in pieces)
        assert "".join(pieces)

    def test_texts_become_vectors_of_one_length(
        self, provider: LLMProvider, embedding_model: str
    ) -> None:
        texts = ["one", "two", "a longer text, with ünïcödé"]
        vectors = provider.embed(embedding_model, texts)
        assert len(vectors) == len(texts)
        assert len({len(vector) for vector in vectors}) == 1
        assert all(math.isfinite(number) for vector in vectors for number in vector)
        assert provider.embed(embedding_model, []) == []

    def test_an_unknown_model_is_an_error_for_people(self, provider: LLMProvider) -> None:
        request = ChatRequest("no-such-model", [ChatMessage("user", QUESTION)])
        with pytest.raises(PegboardError, match="no-such-model"):
            provider.chat(request)
        with pytest.raises(PegboardError, match="no-such-model"):
            list(provider.stream(request))


class EvaluatorContract:
    """What every evaluator does.

    Subclass it, with a name that begins with ``Test``, and give it the fixtures ``evaluator`` and
    ``model_type``, one that it scores. Override ``targets`` if it does not score numbers.
    """

    @pytest.fixture
    def evaluator(self) -> Evaluator:
        """Return the evaluator. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'evaluator'.")

    @pytest.fixture
    def model_type(self) -> str:
        """Return a kind of model that the evaluator scores. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'model_type'.")

    @pytest.fixture
    def targets(self) -> list[object]:
        """Return at least two targets; they also serve as perfect predictions."""
        return [0, 1, 1, 0]

    def test_scores_are_numbers_by_name(
        self, evaluator: Evaluator, model_type: str, targets: list[object]
    ) -> None:
        result = evaluator.evaluate(model_type, targets, list(reversed(targets)), {})
        assert isinstance(result, EvaluationResult)
        assert result.metrics
        assert all(isinstance(name, str) and name for name in result.metrics)
        assert all(isinstance(score, (int, float)) for score in result.metrics.values())

    def test_scores_of_rows_have_one_value_per_row(
        self, evaluator: Evaluator, model_type: str, targets: list[object]
    ) -> None:
        result = evaluator.evaluate(model_type, targets, list(targets), {})
        assert all(len(scores) == len(targets) for scores in result.rows.values())

    def test_the_same_rows_get_the_same_scores(
        self, evaluator: Evaluator, model_type: str, targets: list[object]
    ) -> None:
        first = evaluator.evaluate(model_type, targets, list(targets), {})
        assert evaluator.evaluate(model_type, targets, list(targets), {}) == first

    def test_lengths_that_differ_are_an_error_for_people(
        self, evaluator: Evaluator, model_type: str, targets: list[object]
    ) -> None:
        with pytest.raises(PegboardError):
            evaluator.evaluate(model_type, targets, targets[:-1], {})

    def test_an_unknown_model_type_is_an_error_for_people(
        self, evaluator: Evaluator, targets: list[object]
    ) -> None:
        with pytest.raises(PegboardError, match="no-such-type"):
            evaluator.evaluate("no-such-type", targets, targets, {})


class ProjectRunnerContract:
    """What every project runner does.

    Subclass it, with a name that begins with ``Test``, and give it the fixture ``runner``. Override
    ``python`` if the runner's machine calls it otherwise, and ``directory`` if it must lie at a
    place that the runner can reach.
    """

    @pytest.fixture
    def runner(self) -> ProjectRunner:
        """Return the runner. Every subclass overrides this."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture named 'runner'.")

    @pytest.fixture
    def python(self) -> str:
        """Return the command that starts Python where the runner runs things."""
        return sys.executable

    @pytest.fixture
    def directory(self, tmp_path: Path) -> Path:
        """Return an empty directory for the project."""
        return tmp_path

    def test_a_command_that_succeeds_finishes(
        self, runner: ProjectRunner, python: str, directory: Path
    ) -> None:
        job = runner.submit(ProjectJob("run1", directory, [python, "-c", "pass"]))
        assert job.wait() is RunStatus.FINISHED
        assert job.wait() is RunStatus.FINISHED

    def test_a_command_that_fails_fails(
        self, runner: ProjectRunner, python: str, directory: Path
    ) -> None:
        job = runner.submit(ProjectJob("run1", directory, [python, "-c", "raise SystemExit(3)"]))
        assert job.wait() is RunStatus.FAILED

    def test_a_command_sees_its_directory_arguments_and_environment(
        self, runner: ProjectRunner, python: str, directory: Path
    ) -> None:
        (directory / "train.py").write_text(
            "import os, sys, pathlib\n"
            "assert pathlib.Path('train.py').exists()\n"
            "assert sys.argv[1:] == ['two words', '$HOME', 'é'], sys.argv\n"
            "assert os.environ['GREETING'] == 'hello \"you\"', os.environ['GREETING']\n",
            encoding="utf-8",
        )
        command = [python, "train.py", "two words", "$HOME", "é"]
        job = ProjectJob("run1", directory, command, {"GREETING": 'hello "you"'})
        assert runner.submit(job).wait() is RunStatus.FINISHED

    def test_a_command_that_does_not_exist_fails_or_is_an_error_for_people(
        self, runner: ProjectRunner, directory: Path
    ) -> None:
        job = ProjectJob("run1", directory, ["no-such-command-anywhere"])
        try:
            status = runner.submit(job).wait()
        except PegboardError as error:
            assert "no-such-command-anywhere" in str(error)
        else:
            assert status is RunStatus.FAILED

    def test_submitting_returns_at_once_and_cancelling_stops(
        self, runner: ProjectRunner, python: str, directory: Path
    ) -> None:
        job = runner.submit(
            ProjectJob("run1", directory, [python, "-c", "import time; time.sleep(600)"])
        )
        ended: list[RunStatus] = []
        waiting = threading.Thread(target=lambda: ended.append(job.wait()), daemon=True)
        waiting.start()
        job.cancel()
        waiting.join(60)
        assert ended == [RunStatus.KILLED]
        job.cancel()

    def test_cancelling_what_has_ended_does_nothing(
        self, runner: ProjectRunner, python: str, directory: Path
    ) -> None:
        job = runner.submit(ProjectJob("run1", directory, [python, "-c", "pass"]))
        assert job.wait() is RunStatus.FINISHED
        job.cancel()
        assert job.wait() is RunStatus.FINISHED

    def test_jobs_run_side_by_side(
        self, runner: ProjectRunner, python: str, directory: Path
    ) -> None:
        # Each waits for the other's file, so one after the other would never end.
        meet = (
            "import pathlib, sys, time\n"
            "me, other = sys.argv[1:]\n"
            "pathlib.Path(me).touch()\n"
            "for _ in range(1200):\n"
            "    if pathlib.Path(other).exists():\n"
            "        raise SystemExit(0)\n"
            "    time.sleep(0.05)\n"
            "raise SystemExit(1)\n"
        )
        jobs = [
            runner.submit(ProjectJob(f"run-{me}", directory, [python, "-c", meet, me, other]))
            for me, other in (("a", "b"), ("b", "a"))
        ]
        assert [job.wait() for job in jobs] == [RunStatus.FINISHED, RunStatus.FINISHED]
