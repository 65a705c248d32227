"""The calls that scripts may make, with arguments that JSON can hold; runs in MLflow's interpreter.

What is not listed here is a method of ``MlflowClient`` of the same name.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import (
    AssessmentError,
    AssessmentSource,
    Dataset,
    DatasetInput,
    Expectation,
    Feedback,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
    SpanStatus,
    TraceInfo,
    TraceLocation,
    TraceState,
    ViewType,
)
from mlflow.tracing.client import TracingClient

_IDS = {
    "create_experiment": lambda made: made,
    "create_run": lambda made: made.info.run_id,
    "create_logged_model": lambda made: made.model_id,
    "start_trace_info": lambda made: made.trace_id,
    "trace_with_spans": lambda made: made,
    "log_assessment": lambda made: made.assessment_id,
}
_VIEWS = {"active": 1, "deleted": 2, "all": 3}
assert ViewType.ALL == 3


class Calls:
    """Calls of one server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = MlflowClient(url, url)
        self._traces = TracingClient(url)
        self._last = 0.0

    def begin(self) -> None:
        """Wait until the clock has moved since the last call, so that times are told apart."""
        time.sleep(max(0.0, self._last + 0.002 - time.monotonic()))
        self._last = time.monotonic()

    def call(self, name: str, given: dict[str, Any]) -> Any:
        """Make a call and return the answer."""
        own = getattr(self, f"_{name}", None)
        found = own or getattr(self._client, name)
        try:
            return found(**given)
        finally:
            self._last = time.monotonic()

    def identity(self, name: str, answer: Any) -> Any:
        """Return the id of what a call made, None if it made nothing."""
        return _IDS[name](answer) if name in _IDS else None

    # -- searches ----------------------------------------------------------------------------------

    def _paged(self, search: Any, pages: int, **given: Any) -> Any:
        found, token = [], None
        for _ in range(pages):
            page = search(**given, page_token=token)
            token = page.token
            found.append(page)
            if not token:
                break
        return found

    def _search_experiments(self, view: str, pages: int, **given: Any) -> Any:
        search = self._client.search_experiments
        return self._paged(search, pages, view_type=_VIEWS[view], **given)

    def _search_runs(self, view: str, pages: int, **given: Any) -> Any:
        return self._paged(self._client.search_runs, pages, run_view_type=_VIEWS[view], **given)

    def _search_logged_models(self, pages: int, **given: Any) -> Any:
        return self._paged(self._client.search_logged_models, pages, **given)

    def _search_registered_models(self, pages: int, **given: Any) -> Any:
        return self._paged(self._client.search_registered_models, pages, **given)

    def _search_model_versions(self, pages: int, **given: Any) -> Any:
        return self._paged(self._client.search_model_versions, pages, **given)

    def _search_traces(self, pages: int, **given: Any) -> Any:
        found = self._paged(self._client.search_traces, pages, include_spans=False, **given)
        return [[trace.info for trace in page] for page in found]

    # -- runs --------------------------------------------------------------------------------------

    def _log_metric(self, value: Any, **given: Any) -> Any:
        return self._client.log_metric(value=_number(value), **given)

    def _log_batch(self, run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> Any:
        return self._client.log_batch(
            run_id,
            [Metric(key, _number(value), *rest) for key, value, *rest in metrics],
            [Param(*each) for each in params],
            [RunTag(*each) for each in tags],
        )

    def _log_inputs(self, run_id: str, datasets: Any = None, models: Any = None) -> Any:
        return self._client.log_inputs(
            run_id,
            datasets
            and [
                DatasetInput(Dataset(**described), [InputTag(*tag) for tag in tags])
                for described, tags in datasets
            ],
            models and [LoggedModelInput(each) for each in models],
        )

    def _log_outputs(self, run_id: str, models: Any) -> Any:
        return self._client.log_outputs(run_id, [LoggedModelOutput(*each) for each in models])

    # -- artifacts ---------------------------------------------------------------------------------

    def _list_artifacts(self, run_id: str, path: str | None = None) -> Any:
        return sorted(
            [each.path, each.is_dir, each.file_size]
            for each in self._client.list_artifacts(run_id, path)
        )

    def _download_artifacts(self, run_id: str, path: str) -> Any:
        with tempfile.TemporaryDirectory() as place:
            found = Path(self._client.download_artifacts(run_id, path, place))
            if found.is_file():
                return found.read_text()
            return {
                str(f.relative_to(found)): f.read_text()
                for f in sorted(found.rglob("*"))
                if f.is_file()
            }

    def _delete_artifacts(self, run_id: str, path: str | None) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        uri = self._client.get_run(run_id).info.artifact_uri
        return get_artifact_repository(uri, tracking_uri=self._url).delete_artifacts(path)

    def _log_model_artifact_text(self, model_id: str, name: str, text: str) -> Any:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place, name)
            file.write_text(text)
            return self._client.log_model_artifact(model_id, str(file))

    def _list_logged_model_artifacts(self, model_id: str, path: str | None = None) -> Any:
        return sorted(
            [each.path, each.is_dir, each.file_size]
            for each in self._client.list_logged_model_artifacts(model_id, path)
        )

    # -- traces ------------------------------------------------------------------------------------

    def _start_trace_info(self, experiment_id: str, trace_id: str, state: str, **given: Any) -> Any:
        return self._traces.start_trace(
            TraceInfo(
                trace_id=trace_id,
                trace_location=TraceLocation.from_experiment_id(experiment_id),
                state=TraceState(state),
                **given,
            )
        )

    def _trace_with_spans(
        self,
        experiment_id: str,
        name: str,
        inputs: Any,
        outputs: Any,
        tags: Any,
        failed: bool,
        start: int,
    ) -> Any:
        root = self._client.start_trace(
            name, "CHAIN", inputs, {"a": "1"}, tags, experiment_id, start_time_ns=start
        )
        child = self._client.start_span(
            "child", root.trace_id, root.span_id, "TOOL", {"q": 1}, start_time_ns=start + 1000
        )
        self._client.end_span(root.trace_id, child.span_id, [1, 2], end_time_ns=start + 2_000_000)
        status = SpanStatus("ERROR", "it broke") if failed else "OK"
        self._client.end_trace(root.trace_id, outputs, None, status, end_time_ns=start + 5_000_000)
        mlflow.flush_trace_async_logging()
        return root.trace_id

    def _get_trace_info(self, trace_id: str) -> Any:
        return self._traces.get_trace_info(trace_id)

    def _get_trace(self, trace_id: str) -> Any:
        found = self._client.get_trace(trace_id, display=False)
        spans = [
            {
                **{
                    name: getattr(span, name)
                    for name in (
                        "name",
                        "span_type",
                        "inputs",
                        "outputs",
                        "start_time_ns",
                        "end_time_ns",
                    )
                },
                "status": str(span.status),
                "parent": span.parent_id is not None,
                "attributes": {
                    k: v for k, v in span.attributes.items() if "traceRequestId" not in k
                },
                "events": [[event.name, event.attributes] for event in span.events],
            }
            for span in found.data.spans
        ]
        return {"info": found.info, "spans": spans}

    def _log_assessment(
        self,
        trace_id: str,
        kind: str,
        name: str,
        value: Any,
        source: Any = None,
        error: Any = None,
        **given: Any,
    ) -> Any:
        given |= {"source": AssessmentSource(*source) if source else None}
        if kind == "feedback":
            given |= {"error": AssessmentError(*error) if error else None}
            return mlflow.log_feedback(trace_id=trace_id, name=name, value=value, **given)
        given.pop("rationale", None)
        return mlflow.log_expectation(trace_id=trace_id, name=name, value=value, **given)

    def _update_assessment(
        self, trace_id: str, assessment_id: str, kind: str, name: str, value: Any
    ) -> Any:
        made = (Feedback if kind == "feedback" else Expectation)(name, value)
        return mlflow.update_assessment(trace_id, assessment_id, made)

    def _get_assessment(self, trace_id: str, assessment_id: str) -> Any:
        return mlflow.get_assessment(trace_id, assessment_id)

    def _delete_assessment(self, trace_id: str, assessment_id: str) -> Any:
        return mlflow.delete_assessment(trace_id, assessment_id)

    # -- models ------------------------------------------------------------------------------------

    def _create_model_version(self, **given: Any) -> Any:
        return self._client.create_model_version(await_creation_for=0, **given)

    # -- any request -------------------------------------------------------------------------------

    def _http(
        self,
        method: str,
        path: str,
        query: Any = None,
        json_body: Any = None,
        body: str | None = None,
        headers: Any = None,
    ) -> Any:
        answer = requests.request(
            method,
            self._url + path,
            params=query,
            json=json_body,
            data=body,
            headers=headers,
            timeout=120,
        )
        try:
            found = answer.json()
        except ValueError:
            found = answer.text
        if answer.status_code >= 400:
            code = found.get("error_code") if isinstance(found, dict) else None
            return {"status": answer.status_code, "error_code": code}
        return {"status": answer.status_code, "body": found}


def _number(value: Any) -> Any:
    return float(value) if value in ("nan", "inf", "-inf") else value
