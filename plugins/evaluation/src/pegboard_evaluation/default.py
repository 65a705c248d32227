"""The evaluator ``default``: what MLflow's evaluates, under the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from attrs import Factory, evolve, field, frozen, validators
from pegboard.contracts.evaluation import (
    Artifact,
    EvaluationTable,
    Figure,
    ModelEvaluator,
    Result,
    Work,
)
from pegboard.errors import InvalidValue, quoted

from pegboard_evaluation import (
    certainty,
    classifiers,
    custom,
    explaining,
    files,
    metrics,
    plots,
    regressors,
)
from pegboard_evaluation.certainty import Certainty
from pegboard_evaluation.classifiers import Classified
from pegboard_evaluation.columns import numeric, present, weights_of
from pegboard_evaluation.metric import EvaluationMetric, MetricValue

REGRESSOR, CLASSIFIER = "regressor", "classifier"
TEXTS = ("question-answering", "text-summarization", "text")
RETRIEVER = "retriever"
KINDS = (CLASSIFIER, REGRESSOR, *TEXTS, RETRIEVER)
"""The types of models, as MLflow calls them."""

_EXPLAINED = 10_000
"""Larger tables are explained only if that is asked for."""

_ALGORITHMS = {"kernel": "permutation", "partition": "permutation"}
"""What stands for MLflow's slower algorithms."""


@frozen(kw_only=True)
class Settings:
    """What may stand in ``evaluator_config``; names are MLflow's where it has them."""

    metric_prefix: str = ""
    """Stands before the names of metrics and files."""
    pos_label: Any = None
    """The positive one of two labels; None: the last one in sorted order."""
    label_list: Any = None
    """All labels, if the rows do not have them all."""
    average: str = field(
        default="weighted", validator=validators.in_(("macro", "micro", "weighted"))
    )
    """How the scores of more than two classes become one."""
    max_classes_for_multiclass_roc_pr: int = 10
    retriever_k: int = field(default=3, validator=validators.ge(1))
    col_mapping: dict[str, Any] = Factory(dict)
    """What the parameters of metrics mean: names of columns or metrics, or values."""
    toxicity: Any = None
    """A function from a list of texts to how toxic they are, from 0 to 1."""
    plots: bool = True
    """Whether curves and matrices are drawn, which takes longer than all figures."""
    calibration_n_bins: int = field(default=10, validator=validators.ge(2))
    calibration_classifier_name: str = "Classifier"
    bootstrap: int = field(default=0, validator=validators.ge(0))
    """How often rows are drawn anew, for standard errors of all figures; 0: formulas alone."""
    metric_timeout_s: float = field(default=0.0, validator=validators.ge(0))
    """How many seconds a metric of the user's may take; 0: any."""
    log_metrics_with_dataset_info: bool = True
    """Nothing depends on it: metrics are logged with the data set of the run."""
    log_model_explainability: bool | None = None
    """Whether the model is explained; None: if ``shap`` is installed and the table is small."""
    explainability_algorithm: str = field(
        default="", validator=validators.in_(("", *explaining.ALGORITHMS, *_ALGORITHMS))
    )
    explainability_nsamples: int = 2000
    explainability_kernel_link: str = "identity"
    """Nothing depends on it: kernels are not used."""
    explainability_budget_s: float = field(default=60.0, validator=validators.gt(0))
    """Seconds after which explaining is given up."""
    extra_metrics: Any = ()
    custom_artifacts: Any = ()
    parameters: dict[str, Any] = Factory(dict)
    """More that metrics may ask for by name."""
    targets_name: str = ""
    predictions_name: str = ""
    """What the columns are called in the data."""


def need_targets(kind: str, targets: Any) -> None:
    """Refuse a table without targets, for types of models that are measured by them."""
    if targets is None and kind in (REGRESSOR, CLASSIFIER, RETRIEVER):
        raise InvalidValue(f"A {kind} is evaluated against 'targets', and there are none.")


class DefaultEvaluator(ModelEvaluator):
    """Measures regressors, classifiers, texts and retrievers, and metrics of the user's."""

    settings = Settings
    kinds = frozenset(KINDS)
    options: Settings

    def check(self, table: EvaluationTable) -> None:
        """Refuse what is missing, and metrics that fail on the first rows."""
        if table.outputs is None:
            raise InvalidValue(
                "There are no 'outputs': name a model, or the column that holds 'predictions'."
            )
        need_targets(table.kind, table.targets)
        for metric in self.options.extra_metrics:
            if not isinstance(metric, EvaluationMetric):
                raise InvalidValue(
                    f"'extra_metrics' holds {quoted(metric)}, which is not a metric.",
                    hint="make_metric(eval_fn=…, greater_is_better=…) makes one of a function.",
                )
        columns = self._columns(table)
        chosen = custom.ordered(self._metrics(table), columns)
        if self.options.extra_metrics:
            self._measure_first(table, columns)
        custom.tried(chosen, columns, self.options.metric_timeout_s)

    def evaluate(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        """Yield figures, scores and files, the quick ones first."""
        columns = self._columns(table)
        rows: Classified | None = None
        if table.kind == REGRESSOR:
            yield from self._regressor(table, work, columns)
        elif table.kind == CLASSIFIER:
            rows = self._classified(table)
            yield from self._classifier(rows, work, columns)
        if table.kind in (REGRESSOR, CLASSIFIER):
            yield from self._own_score(table, columns)
        yield from self._custom(table, work, columns)
        if rows is not None:
            yield from self._files(rows, work)
        yield from self._explained(table, work)
        yield from files.made_by(
            self.options.custom_artifacts,
            columns,
            work.directory,
            prefix=self.options.metric_prefix,
        )

    def _measure_first(self, table: EvaluationTable, columns: custom.Columns) -> None:
        """Give metrics the figures of the first rows, where those have any."""
        found: Mapping[str, float | str] = {}
        if table.kind == REGRESSOR:
            found = regressors.measure(
                numeric("targets", table.targets), numeric("outputs", table.outputs)
            )
        elif table.kind == CLASSIFIER:
            # The first rows may have but one label; to try a metric, the figures of any rows do.
            labels = np.array([0, 1])
            found = classifiers.measure(classifiers.classified(labels, labels))
        for name, value in found.items():
            if not isinstance(value, str):
                columns.results[name] = MetricValue(aggregate_results={name: value})

    # -- built in ------------------------------------------------------------------------------

    def _regressor(
        self, table: EvaluationTable, work: Work, columns: custom.Columns
    ) -> Iterator[Result]:
        targets, outputs = numeric("targets", table.targets), numeric("outputs", table.outputs)
        weights = weights_of(table)
        found = regressors.measure(targets, outputs, weights)

        def again(drawn: Any) -> Mapping[str, float]:
            return regressors.measure(
                targets[drawn], outputs[drawn], None if weights is None else weights[drawn]
            )

        sure = regressors.certain(targets, outputs, weights, found)
        yield from self._figures(found, table.count, sure, again, work, columns)

    def _classified(self, table: EvaluationTable) -> Classified:
        return classifiers.classified(
            present("targets", table.targets),
            present("outputs", table.outputs),
            probabilities=table.probabilities,
            classes=table.labels,
            weights=weights_of(table),
            label_list=self.options.label_list,
            pos_label=self.options.pos_label,
        )

    def _classifier(
        self, rows: Classified, work: Work, columns: custom.Columns
    ) -> Iterator[Result]:
        found = classifiers.measure(rows, self.options.average)

        def again(drawn: Any) -> Mapping[str, float]:
            measured = classifiers.measure(rows.only(drawn), self.options.average)
            return {name: v for name, v in measured.items() if not isinstance(v, str)}

        sure = classifiers.certain(rows, found)
        yield from self._figures(found, len(rows.targets), sure, again, work, columns)

    def _figures(
        self,
        found: Mapping[str, float | str],
        count: int,
        sure: Mapping[str, Certainty],
        again: Callable[[Any], Mapping[str, float]],
        work: Work,
        columns: custom.Columns,
    ) -> Iterator[Result]:
        """Yield figures; a text in place of a number says why there is none."""
        if self.options.bootstrap:
            sure = certainty.by_bootstrap(count, again, self.options.bootstrap, work.seed)
        for name, value in found.items():
            if isinstance(value, str):
                yield Figure(name=self._named(name), value=None, skipped=value)
                continue
            columns.results[name] = MetricValue(aggregate_results={name: value})
            known = sure.get(name, Certainty())
            yield Figure(
                name=self._named(name),
                value=float(value),
                count=count,
                error=known.error,
                interval=known.interval,
            )

    def _own_score(self, table: EvaluationTable, columns: custom.Columns) -> Iterator[Result]:
        """Yield what a model of scikit-learn calls its score."""
        own = getattr(type(table.model), "score", None)
        if own is None:
            return
        results = columns.results
        usual = {"ClassifierMixin": "accuracy_score", "RegressorMixin": "r2_score"}
        name = usual.get(getattr(own, "__qualname__", "").partition(".")[0])
        if name in results:
            # That is what these compute, from predictions that are there already.
            value = (results[name].aggregate_results or {})[name]
        else:
            try:
                weighted = {} if table.weights is None else {"sample_weight": table.weights}
                value = float(table.model.score(table.inputs, table.targets, **weighted))
            except Exception as error:
                why = f"The model's score failed: {type(error).__name__}: {error}"
                yield Figure(name=self._named("score"), value=None, skipped=why)
                return
        if value is not None:
            columns.results["score"] = MetricValue(aggregate_results={"score": value})
            yield Figure(name=self._named("score"), value=value, count=table.count)

    # -- metrics -------------------------------------------------------------------------------

    def _metrics(self, table: EvaluationTable) -> list[EvaluationMetric]:
        found: list[EvaluationMetric] = []
        if table.kind in TEXTS:
            found = [
                metrics.token_count(),
                metrics.toxicity(),
                metrics.flesch_kincaid_grade_level(),
                metrics.ari_grade_level(),
            ]
        if table.kind == "question-answering":
            found.append(metrics.exact_match())
        if table.kind == "text-summarization":
            found += [metrics.rouge1(), metrics.rouge2(), metrics.rougeL(), metrics.rougeLsum()]
        if table.kind == RETRIEVER:
            k = self.options.retriever_k
            found = [metrics.precision_at_k(k), metrics.recall_at_k(k), metrics.ndcg_at_k(k)]
        return [*found, *self.options.extra_metrics]

    def _columns(self, table: EvaluationTable) -> custom.Columns:
        options = self.options
        own = {
            "pos_label": options.pos_label,
            "toxicity": options.toxicity,
            "retriever_k": options.retriever_k,
            "metric_prefix": options.metric_prefix or None,
        }
        parameters = {k: v for k, v in own.items() if v is not None} | options.parameters
        naming = custom.Naming(
            col_mapping=options.col_mapping,
            parameters=parameters,
            targets_name=options.targets_name,
            predictions_name=options.predictions_name,
        )
        return custom.Columns(table, naming)

    def _custom(
        self, table: EvaluationTable, work: Work, columns: custom.Columns
    ) -> Iterator[Result]:
        for metric in custom.ordered(self._metrics(table), columns):
            try:
                result = custom.computed(metric, columns, self.options.metric_timeout_s)
            except Exception as error:
                result = MetricValue(skipped=f"It failed: {type(error).__name__}: {error}")
            columns.results[metric.key] = result
            prefix = self.options.metric_prefix
            yield from custom.results_of(metric.key, result, table.count, work.known, prefix)

    # -- files ---------------------------------------------------------------------------------

    def _files(self, rows: Classified, work: Work) -> Iterator[Result]:
        options = self.options
        few = len(rows.labels) <= options.max_classes_for_multiclass_roc_pr
        with_areas = rows.probabilities is not None and few
        if not rows.is_binary:
            found = classifiers.per_class(rows, with_areas)
            yield files.table(self._named("per_class_metrics"), found, work.directory)
        yield from plots.of_classifier(
            rows,
            work.directory,
            prefix=options.metric_prefix,
            wanted=options.plots,
            with_curves=rows.is_binary or few,
            bins=options.calibration_n_bins,
            name=options.calibration_classifier_name,
        )

    def _explained(self, table: EvaluationTable, work: Work) -> Iterator[Result]:
        """Yield which features the model goes by: if asked for, or if that is quick."""
        wanted = self.options.log_model_explainability
        quick = table.count <= _EXPLAINED and find_spec("shap") is not None
        if wanted is False or table.kind not in (REGRESSOR, CLASSIFIER):
            return
        if not wanted and (table.model is None or not quick):
            return
        algorithm = self.options.explainability_algorithm or "auto"
        explainer = explaining.Explaining(
            explaining.Settings(
                algorithm=_ALGORITHMS.get(algorithm, algorithm),
                rows=self.options.explainability_nsamples,
                budget_s=self.options.explainability_budget_s,
            )
        )
        try:
            explainer.check(table)
        except InvalidValue as error:
            yield Artifact(name=explaining.NAME, path=None, skipped=str(error))
            return
        for made in explainer.evaluate(table, work):
            if isinstance(made, Artifact):
                yield evolve(made, name=self._named(made.name))

    def _named(self, name: str) -> str:
        return f"{self.options.metric_prefix}{name}"
