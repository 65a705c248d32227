"""What this distribution adds to the host. Imports nothing until it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pegboard.hookspecs import ApiName, Command, DatasetType, Evaluator, hookimpl

if TYPE_CHECKING:
    from pegboard.host import Host
    from pegboard_registry import Gate
    from pegboard_wire.lazy import EndpointModule

_MODELS = (
    "EvaluationArtifact",
    "EvaluationMetric",
    "EvaluationResult",
    "MetricThreshold",
    "evaluate",
    "make_metric",
    "validate_evaluation_results",
)
"""What scripts for MLflow expect in ``models``, too."""

_TOP = ("evaluate", "make_metric", "MetricThreshold", "validate_evaluation_results")


@hookimpl
def pegboard_hookspecs() -> str:
    """Name the module with the hook for workers."""
    return "pegboard_evaluation.workers"


@hookimpl
def pegboard_api() -> Sequence[ApiName]:
    """Declare ``evaluate``, ``metrics`` and what is around them."""
    module = "pegboard_evaluation.api"
    return [
        ApiName("genai", "pegboard_evaluation.genai", "Evaluation of language models"),
        ApiName(
            "genai.optimize_prompt",
            "pegboard_evaluation.prompt_tests.optimizing:optimize_prompt",
            "A prompt refined by its tests",
        ),
        ApiName("genai.optimize", "pegboard_evaluation.optimize", "Prompts refined by a function"),
        ApiName(
            "genai.optimize_prompts",
            "pegboard_evaluation.optimize:optimize_prompts",
            "Prompts refined by what a function of them gives",
        ),
        ApiName("evaluation", "pegboard_evaluation.comparing", "Two evaluations side by side"),
        ApiName("metrics", "pegboard_evaluation.metrics", "Metrics to evaluate models by"),
        ApiName("test", "pegboard_evaluation.testing:test", "Tests of pytest that evaluate"),
        *(ApiName(name, f"{module}:{name}", "Evaluation of models") for name in _TOP),
        *(
            ApiName(f"models.{name}", f"{module}:{name}", "Evaluation of models")
            for name in _MODELS
        ),
    ]


@hookimpl(optionalhook=True)
def pegboard_server_started(host: Host, tracking_uri: str | None) -> Callable[[], None]:
    """Begin to judge new traces by scorers that were started."""
    from pegboard_evaluation.background import Scheduled

    return Scheduled(host, tracking_uri).close


@hookimpl
def pegboard_variables() -> Sequence[str]:
    """Name what says how much is done at once, how often and how long, and which model judges."""
    return (
        "PEGBOARD_GENAI_EVAL_MAX_WORKERS",
        "PEGBOARD_GENAI_EVAL_MAX_SCORER_WORKERS",
        "PEGBOARD_GENAI_EVAL_PREDICT_RATE_LIMIT",
        "PEGBOARD_GENAI_EVAL_SCORER_RATE_LIMIT",
        "PEGBOARD_GENAI_EVAL_MAX_RETRIES",
        "PEGBOARD_GENAI_EVAL_ASYNC_TIMEOUT",
        "PEGBOARD_GENAI_EVAL_LLM_TIMEOUT",
        "PEGBOARD_GENAI_EVAL_RUNNER",
        "PEGBOARD_GENAI_JUDGE_DEFAULT_MODEL",
        "PEGBOARD_GENAI_JUDGE_BASE_URL",
        "PEGBOARD_SERVER_ENABLE_CUSTOM_SCORERS",
    )


@hookimpl
def pegboard_evaluators() -> Sequence[Evaluator]:
    """Declare the evaluators."""
    return [
        Evaluator(
            "default",
            "pegboard_evaluation.default:DefaultEvaluator",
            "Metrics, plots and tables of MLflow's default evaluator",
        ),
        Evaluator(
            "cohorts",
            "pegboard_evaluation.cohorts:Cohorts",
            "The figures of groups of rows, and the slices in which a model is worst",
        ),
        Evaluator(
            "calibration",
            "pegboard_evaluation.calibration:Calibration",
            "Whether probabilities mean what they say",
        ),
        Evaluator(
            "shap",
            "pegboard_evaluation.explaining:Explaining",
            "Which features a model goes by",
        ),
        Evaluator(
            "drift",
            "pegboard_evaluation.drift:Drift",
            "Whether the data is still such as an earlier table's",
        ),
    ]


@hookimpl
def pegboard_commands() -> Sequence[Command]:
    """Declare ``pegboard eval``."""
    module = "pegboard_evaluation.commands"
    return [
        Command(
            "eval",
            f"{module}:evaluations",
            "Test prompts and models, look at evaluations, and compare two of them.",
        ),
        Command("eval compare", f"{module}:compare", "Compare two evaluations row by row."),
        Command(
            "eval run",
            "pegboard_evaluation.suites.command:run",
            "Test prompts and models: ask each case of a form, and check the answers.",
        ),
        Command("eval show", f"{module}:show", "Show what an evaluation measured."),
        Command(
            "reviews",
            "pegboard_evaluation.reviews.commands:reviews",
            "Ask people about traces: questions, queues of traces, and who answered.",
        ),
        Command(
            "prompts test",
            "pegboard_evaluation.prompt_tests.command:test",
            "Test a version of a prompt, as its tests say, and against the champion.",
        ),
        Command(
            "prompts optimize",
            "pegboard_evaluation.prompt_tests.optimize_command:optimize",
            "Let a model propose variants of a prompt, and register the best by its tests.",
        ),
    ]


@hookimpl(optionalhook=True)
def pegboard_gates() -> Sequence[Gate]:
    """Declare the gate that a prompt's tests open."""
    from pegboard_registry import Gate

    target = "pegboard_evaluation.prompt_tests.gate:prompt_tests"
    return [Gate("prompt-tests", target, "The tests of the prompt have passed.")]


@hookimpl
def pegboard_endpoints() -> Sequence[EndpointModule]:
    """Declare the comparison of evaluations, scorers of answers, and tests of prompts."""
    from pegboard_wire.lazy import EndpointModule

    compare = "GET /api/pegboard/1.0/evaluations/compare"
    score = """
        GET /api/pegboard/1.0/evaluations/scorers
        POST /api/pegboard/1.0/evaluations/score
    """
    tests = """
        GET /api/pegboard/1.0/prompts/tests
        PUT /api/pegboard/1.0/prompts/tests
        DELETE /api/pegboard/1.0/prompts/tests
        POST /api/pegboard/1.0/prompts/tests/run
    """
    return [
        EndpointModule("pegboard_evaluation.endpoints:ENDPOINTS", compare),
        EndpointModule("pegboard_evaluation.scorer_endpoints:ENDPOINTS", score),
        EndpointModule("pegboard_evaluation.prompt_tests.endpoints:ENDPOINTS", tests),
    ]


@hookimpl
def pegboard_dataset_types() -> Sequence[DatasetType]:
    """Declare data sets for evaluation, of which a run names the version that it uses."""
    module = "pegboard_evaluation.data_sets.data_set"
    return [
        DatasetType(
            "evaluation_dataset",
            f"{module}:is_data_set",
            f"{module}:describe",
            "A data set for evaluation, at a version",
        )
    ]
